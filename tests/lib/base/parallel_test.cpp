// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/base/parallel.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

#include "nvmigrate/base/error.h"

namespace nvmigrate {
namespace {

constexpr std::size_t jobs = 20;

/// Starts threads until the nth (1-based), which fails. Counts those that have ended.
class Threads {
 public:
  explicit Threads(std::size_t fails_at = 1000) : fails_at_(fails_at) {}

  [[nodiscard]] StartThread start() {
    return [this](std::function<void()> work) {
      if (++asked_ == fails_at_) {
        throw std::system_error(std::make_error_code(std::errc::resource_unavailable_try_again));
      }
      ++started_;
      return std::thread([this, work = std::move(work)] {
        work();
        ++ended_;
      });
    };
  }
  [[nodiscard]] std::size_t started() const { return started_; }
  [[nodiscard]] std::size_t ended() const { return ended_; }

 private:
  std::size_t fails_at_, asked_ = 0, started_ = 0;
  std::atomic<std::size_t> ended_{0};
};

std::string failure_of(const std::function<void(std::size_t)>& job, Threads& threads) {
  try {
    run_parallel(jobs, 4, job, threads.start());
  } catch (const std::exception& error) {
    return error.what();
  }
  return {};
}

TEST(RunParallel, RunsEveryJobOnceWhateverTheLimit) {
  for (const std::size_t limit : {0U, 1U, 2U, 7U, 100U}) {
    std::vector<std::atomic<int>> ran(jobs);
    Threads threads;
    run_parallel(
        jobs, limit, [&](std::size_t number) { ++ran[number]; }, threads.start());
    for (const auto& times : ran)
      EXPECT_EQ(times, 1) << limit;
    EXPECT_LT(threads.started(), std::max<std::size_t>(limit, 1)) << "this thread works too";
    EXPECT_LT(threads.started(), jobs);
    EXPECT_EQ(threads.ended(), threads.started());
  }
}

TEST(RunParallel, OfNothingStartsNothing) {
  Threads threads;
  run_parallel(
      0, 4, [](std::size_t) { FAIL(); }, threads.start());
  EXPECT_EQ(threads.started(), 0U);
}

TEST(RunParallel, RunsAsManyAtATimeAsTheLimit) {
  std::mutex mutex;
  std::condition_variable met;
  std::size_t present = 0;
  run_parallel(3, 3, [&](std::size_t) {
    std::unique_lock lock{mutex};
    ++present;
    met.notify_all();
    met.wait(lock, [&] { return present == 3; });
  });
  EXPECT_EQ(present, 3U);
}

TEST(RunParallel, DoesWithFewerThreadsWhereTheSystemHasNoMore) {
  for (const std::size_t nth : {1U, 2U, 3U}) {
    std::vector<std::atomic<int>> ran(jobs);
    Threads threads(nth);
    EXPECT_EQ(failure_of([&](std::size_t number) { ++ran[number]; }, threads), "");
    for (const auto& times : ran)
      EXPECT_EQ(times, 1) << nth;
    EXPECT_EQ(threads.started(), nth - 1);
    EXPECT_EQ(threads.ended(), nth - 1);
  }
}

TEST(RunParallel, RethrowsTheFirstFailureByNumberAfterAllHaveEnded) {
  for (const std::size_t nth : {1U, 2U, 3U, 1000U}) {
    std::atomic<std::size_t> ran{0};
    Threads threads(nth);
    const auto failing = [&](std::size_t number) {
      ++ran;
      if (number % 5 == 3) throw std::runtime_error(std::to_string(number));
    };
    EXPECT_EQ(failure_of(failing, threads), "3");
    EXPECT_EQ(ran, jobs);
    EXPECT_EQ(threads.ended(), threads.started());
  }
}

TEST(RunParallel, JoinsItsThreadsWhenStartingOneFailsOtherwise) {
  std::atomic<std::size_t> ended{0};
  std::size_t asked = 0;
  const StartThread start = [&](std::function<void()> work) {
    if (++asked == 2) throw std::logic_error("no memory");
    return std::thread([&, work = std::move(work)] {
      work();
      ++ended;
    });
  };
  EXPECT_THROW(run_parallel(
                   jobs, 4, [](std::size_t) {}, start),
               std::logic_error);
  EXPECT_EQ(ended, 1U);
}

TEST(RequireThread, GivesTheThreadOrAnIoError) {
  Threads threads(2);
  bool ran = false;
  require_thread(threads.start(), [&] { ran = true; }).join();
  EXPECT_TRUE(ran);
  try {
    require_thread(threads.start(), [] {});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.status(), ExitStatus::io);
    EXPECT_NE(error.advice(), "");
  }
}

}  // namespace
}  // namespace nvmigrate
