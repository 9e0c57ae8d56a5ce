// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/ports/rights.h"

#include <linux/capability.h>
#include <unistd.h>

#include <sstream>
#include <string_view>

#include "nvmigrate/base/numbers.h"

namespace nvmigrate {

bool may_administrate(const Sysfs& proc) {
  constexpr std::string_view key = "CapEff:\t";
  std::istringstream lines(proc.text("/proc/self/status").value_or(""));
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with(key)) continue;
    const auto effective = parse_number("0x" + line.substr(key.size()));
    return effective && (*effective >> CAP_SYS_ADMIN & 1U) != 0;
  }
  return ::geteuid() == 0;
}

}  // namespace nvmigrate
