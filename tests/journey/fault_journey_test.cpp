// SPDX-License-Identifier: LGPL-2.1-or-later
#include <gtest/gtest.h>

#include <cerrno>
#include <iostream>

#include "tests/journey/job.h"

namespace nvmigrate::test {
namespace {

constexpr unsigned do_not_retry = 0x4000;

struct Fault {
  SeamCall::Seam seam;
  Verdict verdict;
  bool for_good = false;  ///< every later call through the seam fails too
};

std::vector<Fault> faults() {
  std::vector<Fault> all;
  for (const unsigned code : {0x001U, 0x002U, 0x006U, 0x00CU, 0x013U, 0x11FU, 0x120U, 0x121U,
                              0x122U, 0x137U, 0x138U, 0x139U, 0x13AU, 0x13BU}) {
    const auto status = static_cast<std::uint16_t>(code | do_not_retry);
    all.push_back({SeamCall::Seam::admin, {.nvme_status = status}});
  }
  for (const int error : {EINTR, EIO, ENODEV, ETIMEDOUT}) {
    all.push_back({SeamCall::Seam::admin, {.error = error}});
  }
  all.push_back({SeamCall::Seam::admin, {.error = ENODEV}, true});
  for (const int error : {EINTR, EIO, ENODEV, EBUSY, ETIMEDOUT}) {
    all.push_back({SeamCall::Seam::pci, {.error = error}});
  }
  for (const int error : {EINTR, EIO, ENOSPC, ENODEV}) {
    all.push_back({SeamCall::Seam::file, {.error = error}});
  }
  all.push_back({SeamCall::Seam::file, {.error = ENOSPC}, true});
  all.push_back({SeamCall::Seam::file, {.short_transfer = true}});
  return all;
}

std::vector<SeamCall> calls_of(World& world, const Job& job) {
  std::vector<SeamCall> calls;
  world.watcher().set([&](const SeamCall& call) {
    calls.push_back(call);
    return Verdict{};
  });
  world.must(job.line);
  world.watcher().set({});
  world.restore();
  return calls;
}

Answer run_with_fault(World& world, const Job& job, std::size_t point, const Fault& fault) {
  std::size_t count = 0;
  world.watcher().set([&](const SeamCall& call) {
    const auto now = count++;
    const bool hit = now == point || (fault.for_good && now > point && call.seam == fault.seam);
    return hit ? fault.verdict : Verdict{};
  });
  auto answer = world.run(job.line);
  world.watcher().set({});
  return answer;
}

class FaultJourney : public testing::TestWithParam<Job> {};

TEST_P(FaultJourney, LosesNothingWhereverACallFails) {
  const auto& job = GetParam();
  World world;
  for (const auto& line : job.before)
    world.must(line);
  world.remember();
  const auto calls = calls_of(world, job);
  ASSERT_GT(calls.size(), 10U);

  int tried = 0;
  int turn = 0;
  for (std::size_t point = 0; point < calls.size(); ++point) {
    for (const auto& fault : faults()) {
      if (fault.seam != calls[point].seam || turn++ % stride() != 0) continue;
      SCOPED_TRACE(job.name + ", call " + std::to_string(point) + ": " + calls[point].name + " " +
                   calls[point].object + ", errno " + std::to_string(fault.verdict.error) +
                   ", status " + std::to_string(fault.verdict.nvme_status) +
                   (fault.for_good ? " for good" : ""));
      const auto answer = run_with_fault(world, job, point, fault);
      ++tried;
      EXPECT_NE(answer.status, ExitStatus::internal) << answer.err;
      // The talk itself goes through the seam of files, and may be what fails.
      const bool talks = answer.status == ExitStatus::ok || !answer.err.empty();
      EXPECT_TRUE(talks || fault.seam == SeamCall::Seam::file);
      expect_nothing_lost(world);
      expect_repaired(world, job);
      if (HasFailure())
        FAIL() << "the run answered " << static_cast<int>(answer.status) << ":\n" << answer.err;
      world.restore();
    }
  }
  std::cout << job.name << ": " << calls.size() << " calls, " << tried << " faults tried\n";
  EXPECT_GT(tried, 0);
}

INSTANTIATE_TEST_SUITE_P(Jobs, FaultJourney, testing::ValuesIn(jobs()),
                         [](const auto& about) { return about.param.name; });

}  // namespace
}  // namespace nvmigrate::test
