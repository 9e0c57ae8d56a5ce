// SPDX-License-Identifier: LGPL-2.1-or-later
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <iostream>

#include "tests/journey/job.h"

namespace nvmigrate::test {
namespace {

// The job whose world has lost its power.
const Job& apply_job() {
  return *std::find_if(jobs().begin(), jobs().end(),
                       [](const Job& job) { return job.name == "apply"; });
}

/// Runs the job in a process of its own that dies at its call number `point`, without a word.
/// \return whether it made so many calls
bool dies_at(World& world, const Job& job, std::size_t point) {
  constexpr int died = 99;
  const pid_t child = ::fork();
  if (child == 0) {
    std::size_t calls = 0;
    world.watcher().set([&](const SeamCall&) {
      if (calls++ == point) ::_exit(died);
      return Verdict{};
    });
    ::_exit(static_cast<int>(world.run(job.line).status));
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == died;
}

/// Runs the job with one call that fails. \return whether it made so many calls
bool fails_at(World& world, const Job& job, std::size_t point) {
  std::size_t calls = 0;
  world.watcher().set([&](const SeamCall& call) {
    if (calls++ != point) return Verdict{};
    return call.seam == SeamCall::Seam::admin ? Verdict{.nvme_status = 0x4006}
                                              : Verdict{.error = EIO};
  });
  world.run(job.line);
  world.watcher().set({});
  return calls > point;
}

class PowerJourney : public testing::Test {
 protected:
  PowerJourney() {
    for (const auto& line : job.before)
      world.must(line);
    world.remember();
  }

  /// Disturbs the job at every call; each time the same command again is all that it takes.
  template <typename Disturb>
  void expect_to_arrive(Disturb disturb) {
    std::size_t tried = 0;
    const auto step = static_cast<std::size_t>(stride());
    for (std::size_t point = 0; disturb(world, job, point); point += step, ++tried) {
      SCOPED_TRACE("call " + std::to_string(point));
      job.finish(world, job);
      EXPECT_TRUE(world.read("list sim:a")["devices"][0]["intents"].empty());
      if (HasFailure()) return;
      world.restore();
    }
    std::cout << "applied again after " << tried << " calls\n";
    EXPECT_GT(tried, 0U);
  }

  const Job& job = apply_job();
  World world;
};

TEST_F(PowerJourney, WhatDiedAtAnyCallArrivesWhenItIsRepeated) { expect_to_arrive(dies_at); }

TEST_F(PowerJourney, WhatFailedAtAnyCallArrivesWhenItIsRepeated) { expect_to_arrive(fails_at); }

TEST_F(PowerJourney, AFailureOfTheLastStepPutsEverythingBack) {
  const auto truth = [&] { return world.read("sim show a")["functions"]; };
  const auto before = truth();
  world.watcher().set([](const SeamCall& call) {
    return call.name == "set_owner" ? Verdict{.error = EIO} : Verdict{};
  });
  const auto answer = world.run(job.line);
  world.watcher().set({});
  EXPECT_EQ(answer.status, ExitStatus::io) << answer.err;
  EXPECT_EQ(truth(), before);
  EXPECT_TRUE(world.read("list sim:a")["devices"][0]["intents"].empty());
}

}  // namespace
}  // namespace nvmigrate::test
