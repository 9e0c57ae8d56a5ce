// SPDX-License-Identifier: LGPL-2.1-or-later
#include <iostream>

#include "nvmigrate/base/numbers.h"
#include "nvmigrate/version.h"

int main() {
  if (nvmigrate::parse_number("0x10") != 16U) return 1;
  std::cout << nvmigrate::version << '\n';
}
