// SPDX-License-Identifier: LGPL-2.1-or-later
#include <gtest/gtest.h>

#include <cerrno>
#include <iostream>

#include "tests/journey/job.h"

namespace nvmigrate::test {
namespace {

constexpr std::uint16_t do_not_retry = 0x4000;

struct Fault {
  SeamCall::Seam seam;
  Verdict verdict;
  bool for_good = false;  ///< every later call through the seam fails too
};

std::vector<Fault> faults() {
  std::vector<Fault> all;
  for (const std::uint16_t code : {0x001, 0x002, 0x006, 0x00C, 0x013, 0x11F, 0x120, 0x121, 0x122,
                                   0x137, 0x138, 0x139, 0x13A, 0x13B}) {
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
      if (answer.status != ExitStatus::ok) EXPECT_NE(answer.err, "");
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
