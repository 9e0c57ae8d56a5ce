// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/base/parallel.h"

#include <fmt/core.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <system_error>
#include <utility>
#include <vector>

#include "nvmigrate/base/error.h"

namespace nvmigrate {
namespace {

std::thread started(const StartThread& start, std::function<void()> work) {
  return start ? start(std::move(work)) : start_thread(std::move(work));
}

/// Threads that are joined at the end of their scope.
class Threads {
 public:
  explicit Threads(std::size_t most) { threads_.reserve(most); }
  Threads(const Threads&) = delete;
  Threads& operator=(const Threads&) = delete;
  ~Threads() {
    for (auto& thread : threads_)
      thread.join();
  }

  bool add(const StartThread& start, const std::function<void()>& work) {
    try {
      threads_.push_back(started(start, work));
      return true;
    } catch (const std::system_error&) {
      return false;
    }
  }

 private:
  std::vector<std::thread> threads_;
};

}  // namespace

std::thread start_thread(std::function<void()> work) { return std::thread(std::move(work)); }

std::thread require_thread(const StartThread& start, std::function<void()> work) {
  try {
    return started(start, std::move(work));
  } catch (const std::system_error& error) {
    throw Error(ExitStatus::io, fmt::format("cannot start a thread: {}", error.code().message()),
                "raise the limit on processes and threads of this user, service or container");
  }
}

void run_parallel(std::size_t count, std::size_t limit, const std::function<void(std::size_t)>& job,
                  const StartThread& start) {
  std::vector<std::exception_ptr> failures(count);
  std::atomic<std::size_t> next{0};
  const std::function<void()> work = [&] {
    for (auto number = next++; number < count; number = next++) {
      try {
        job(number);
      } catch (...) {
        failures[number] = std::current_exception();
      }
    }
  };
  const auto workers = std::min(std::max<std::size_t>(limit, 1), count);
  {
    Threads others(workers);
    for (std::size_t i = 1; i < workers && others.add(start, work); ++i) {
    }
    work();
  }
  for (const auto& failure : failures) {
    if (failure) std::rethrow_exception(failure);
  }
}

}  // namespace nvmigrate
