// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <chrono>
#include <functional>
#include <string>

namespace nvmigrate {

/// A point in time as RFC 3339 writes it, UTC, whole seconds: `2025-01-31T23:59:59Z`.
std::string to_utc(std::chrono::system_clock::time_point when);
/// to_utc() of now.
std::string utc_now();

/// Asks `condition` again and again, at once first and then ever more slowly, until it holds or
/// the time is over. \return whether it held
bool wait_until(std::chrono::milliseconds timeout, const std::function<bool()>& condition);

}  // namespace nvmigrate
