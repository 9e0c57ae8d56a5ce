// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/base/time.h"

#include <algorithm>
#include <array>
#include <ctime>
#include <thread>

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

bool wait_until(std::chrono::milliseconds timeout, const std::function<bool()>& condition) {
  const auto end = std::chrono::steady_clock::now() + timeout;
  std::chrono::microseconds pause{200};
  while (!condition()) {
    if (std::chrono::steady_clock::now() >= end) return false;
    std::this_thread::sleep_for(pause);
    pause = std::min<std::chrono::microseconds>(2 * pause, std::chrono::milliseconds{20});
  }
  return true;
}

}  // namespace nvmigrate
