// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>
#include <functional>
#include <thread>

namespace nvmigrate {

/// Starts a thread; empty: as start_thread(). Tests give one that fails. \throws std::system_error
/// when the system has no more threads
using StartThread = std::function<std::thread(std::function<void()>)>;
std::thread start_thread(std::function<void()> work);

/// A thread that the work cannot do without. \throws Error(io) when `start` fails
std::thread require_thread(const StartThread& start, std::function<void()> work);

/// Runs job(0) to job(count - 1), at most `limit` at a time, this thread among them, and returns
/// when all have ended, even if some throw. Where the system has no more threads, fewer do the
/// work. \throws what the failed job with the lowest number threw
void run_parallel(std::size_t count, std::size_t limit, const std::function<void(std::size_t)>& job,
                  const StartThread& start = start_thread);

}  // namespace nvmigrate
