// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>

#include "nvmigrate/base/parallel.h"

namespace nvmigrate {

/// One thread that runs jobs in the order of their posting, beside its owner. After a job has
/// thrown, the others are dropped and count as done. Signals are blocked in it: they belong to the
/// owner, who bounds the number of waiting jobs with wait_for().
class Worker {
 public:
  /// \throws Error(io) when `start` fails
  explicit Worker(const StartThread& start = start_thread);
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;
  /// Waits for the job that runs; drops the others.
  ~Worker();

  void post(std::function<void()> job);
  /// Until `count` jobs, of all that were ever posted, are done. Rethrows what a job threw.
  void wait_for(std::uint64_t count);
  /// Until all are done. Rethrows what a job threw.
  void wait();

 private:
  void work();
  void run_one(std::unique_lock<std::mutex>& lock);

  std::mutex mutex_;
  std::condition_variable posted_event_, done_event_;
  std::deque<std::function<void()>> jobs_;
  std::exception_ptr failure_;
  std::uint64_t posted_ = 0, done_ = 0;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace nvmigrate
