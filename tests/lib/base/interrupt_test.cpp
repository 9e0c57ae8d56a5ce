// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/base/interrupt.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <thread>

#include "nvmigrate/base/error.h"

namespace nvmigrate {
namespace {

/// Puts back what a signal did before.
class Disposition {
 public:
  Disposition(int signal, void (*handler)(int))
      : signal_(signal), before_(std::signal(signal, handler)) {}
  Disposition(const Disposition&) = delete;
  Disposition& operator=(const Disposition&) = delete;
  ~Disposition() { std::signal(signal_, before_); }

 private:
  int signal_;
  void (*before_)(int);
};

class InterruptTest : public testing::TestWithParam<int> {};

TEST_P(InterruptTest, AStopSignalIsNoted) {
  const Disposition usual(GetParam(), SIG_DFL);
  const InterruptGuard guard;
  EXPECT_FALSE(interrupted());
  std::raise(GetParam());
  EXPECT_TRUE(interrupted());
  EXPECT_THROW(stop_if_interrupted("nothing is left"), Interrupted);
}

TEST_P(InterruptTest, WhatTheCallerIgnoresStaysIgnored) {
  const Disposition ignored(GetParam(), SIG_IGN);
  {
    const InterruptGuard guard;
    std::raise(GetParam());
    EXPECT_FALSE(interrupted()) << "as under nohup, or in the background of a shell";
  }
  EXPECT_EQ(std::signal(GetParam(), SIG_IGN), SIG_IGN);
}

TEST_P(InterruptTest, AfterItsEndEverythingIsAsBefore) {
  const Disposition usual(GetParam(), SIG_DFL);
  { const InterruptGuard guard; }
  EXPECT_EQ(std::signal(GetParam(), SIG_DFL), SIG_DFL);
}

TEST_P(InterruptTest, ACallThatWaitsEndsEvenWhenTheSignalCameBeforeIt) {
  const Disposition usual(GetParam(), SIG_DFL);
  const InterruptGuard guard;
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  std::raise(GetParam());
  for (int again = 0; again < 2; ++again) {
    char byte = 0;
    EXPECT_EQ(::read(ends[0], &byte, 1), -1);
    EXPECT_EQ(errno, EINTR);
  }
  ::close(ends[0]);
  ::close(ends[1]);
}

INSTANTIATE_TEST_SUITE_P(Signals, InterruptTest, testing::Values(SIGINT, SIGTERM, SIGHUP));

TEST(InterruptsDeferredTest, AStopSignalCountsAfterwardsAndForOtherThreads) {
  const Disposition usual(SIGTERM, SIG_DFL);
  const InterruptGuard guard;
  std::raise(SIGTERM);
  {
    const InterruptsDeferred outer;
    { const InterruptsDeferred inner; }
    EXPECT_FALSE(interrupted());
    EXPECT_NO_THROW(stop_if_interrupted("nothing is left"));
    std::thread([] { EXPECT_TRUE(interrupted()); }).join();
  }
  EXPECT_TRUE(interrupted());
  set_interrupted(false);
}

}  // namespace
}  // namespace nvmigrate
