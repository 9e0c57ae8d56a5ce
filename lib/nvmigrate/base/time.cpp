// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/base/time.h"

#include <array>
#include <ctime>

namespace nvmigrate {

std::string to_utc(std::chrono::system_clock::time_point when) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(when);
  std::tm fields{};
  ::gmtime_r(&seconds, &fields);
  std::array<char, 64> text{};
  const auto length = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &fields);
  return {text.data(), length};
}

std::string utc_now() { return to_utc(std::chrono::system_clock::now()); }

}  // namespace nvmigrate
