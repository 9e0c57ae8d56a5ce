// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/state/worker.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <stdexcept>
#include <vector>

#include "state_support.h"
#include "tests/support/error_of.h"

namespace nvmigrate::test {
namespace {

TEST(Worker, RunsJobsInOrder) {
  std::vector<int> seen;
  Worker worker;
  for (int i = 0; i < 100; ++i)
    worker.post([&seen, i] { seen.push_back(i); });
  worker.wait();
  ASSERT_EQ(seen.size(), 100U);
  EXPECT_TRUE(std::is_sorted(seen.begin(), seen.end()));
}

TEST(Worker, DropsWhatFollowsAFailure) {
  int ran = 0;
  Worker worker;
  worker.post([&] { ++ran; });
  worker.post([] { throw std::runtime_error("no"); });
  worker.post([&] { ++ran; });
  EXPECT_THROW(worker.wait_for(3), std::runtime_error);
  EXPECT_THROW(worker.wait(), std::runtime_error);
  EXPECT_EQ(ran, 1);
}

TEST(Worker, EndsWithJobsLeft) {
  for (int i = 0; i < 50; ++i) {
    Worker worker;
    worker.post([] {});
    worker.post([] { throw std::runtime_error("unseen"); });
    worker.post([] {});
  }
}

TEST(Worker, AThreadThatCannotBeStartedIsAnIoErrorAndLeavesSignalsAsTheyWere) {
  sigset_t before{};
  sigset_t after{};
  pthread_sigmask(SIG_SETMASK, nullptr, &before);
  EXPECT_EQ(failure_of([] { Worker{no_thread}; }).status(), ExitStatus::io);
  pthread_sigmask(SIG_SETMASK, nullptr, &after);
  EXPECT_EQ(sigismember(&after, SIGINT), sigismember(&before, SIGINT));
  EXPECT_EQ(sigismember(&after, SIGTERM), sigismember(&before, SIGTERM));
}

TEST(Worker, LeavesSignalsToItsOwner) {
  Worker worker;
  sigset_t mask{};
  worker.post([&] { pthread_sigmask(SIG_SETMASK, nullptr, &mask); });
  worker.wait();
  EXPECT_EQ(sigismember(&mask, SIGINT), 1);
  EXPECT_EQ(sigismember(&mask, SIGTERM), 1);
  pthread_sigmask(SIG_SETMASK, nullptr, &mask);
  EXPECT_EQ(sigismember(&mask, SIGINT), 0);
}

}  // namespace
}  // namespace nvmigrate::test
