// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdlib>

namespace nvmigrate::test {

/// The distance between the points of an enumeration that are tried; 1 tries all. From
/// NVMIGRATE_TEST_STRIDE, which the sanitized runs set.
inline int stride() {
  const char* value = std::getenv("NVMIGRATE_TEST_STRIDE");
  const int number = value == nullptr ? 1 : std::atoi(value);
  return number < 1 ? 1 : number;
}

}  // namespace nvmigrate::test
