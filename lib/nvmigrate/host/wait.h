// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <algorithm>
#include <chrono>
#include <thread>

namespace nvmigrate {

/// Asks `condition` again and again, at once first and then ever more slowly, until it holds or
/// the time is over. \return whether it held
template <typename Condition>
bool wait_until(std::chrono::milliseconds timeout, Condition condition) {
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
