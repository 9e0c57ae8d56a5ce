// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/state/worker.h"

#include <csignal>
#include <utility>

namespace nvmigrate {
namespace {

/// A thread inherits the signal mask of its creator.
class BlockedSignals {
 public:
  BlockedSignals() {
    sigset_t all{};
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  BlockedSignals(const BlockedSignals&) = delete;
  BlockedSignals& operator=(const BlockedSignals&) = delete;
  ~BlockedSignals() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_{};
};

}  // namespace

Worker::Worker(const StartThread& start) {
  const BlockedSignals blocked;
  thread_ = require_thread(start, [this] { work(); });
}

Worker::~Worker() {
  {
    const std::lock_guard lock{mutex_};
    stopping_ = true;
    jobs_.clear();
  }
  posted_event_.notify_one();
  thread_.join();
}

void Worker::post(std::function<void()> job) {
  {
    const std::lock_guard lock{mutex_};
    jobs_.push_back(std::move(job));
    ++posted_;
  }
  posted_event_.notify_one();
}

void Worker::wait_for(std::uint64_t count) {
  std::unique_lock lock{mutex_};
  done_event_.wait(lock, [&] { return done_ >= count; });
  if (failure_) std::rethrow_exception(failure_);
}

void Worker::wait() { wait_for(posted_); }

void Worker::work() {
  std::unique_lock lock{mutex_};
  while (true) {
    posted_event_.wait(lock, [&] { return stopping_ || !jobs_.empty(); });
    if (jobs_.empty()) return;
    run_one(lock);
  }
}

void Worker::run_one(std::unique_lock<std::mutex>& lock) {
  auto job = std::move(jobs_.front());
  jobs_.pop_front();
  std::exception_ptr failure = failure_;
  lock.unlock();
  if (!failure) {
    try {
      job();
    } catch (...) {
      failure = std::current_exception();
    }
  }
  job = nullptr;
  lock.lock();
  failure_ = failure;
  ++done_;
  done_event_.notify_one();
}

}  // namespace nvmigrate
