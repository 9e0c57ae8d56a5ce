// SPDX-License-Identifier: LGPL-2.1-or-later
#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <initializer_list>
#include <iostream>

#include "nvmigrate/nvme/status.h"
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
    for (const unsigned retry : {0U, do_not_retry}) {
      const auto status = static_cast<std::uint16_t>(code | retry);
      all.push_back({SeamCall::Seam::admin, {.nvme_status = status}});
    }
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

// What a run with a fault did. Its calls may be a few more or less than those of another run.
struct Disturbed {
  Answer answer;
  std::vector<SeamCall> calls;
  bool hit = false;  ///< there was a call of that seam at that point
};

Disturbed run_with_fault(World& world, const Job& job, std::size_t point, const Fault& fault) {
  Disturbed run;
  world.watcher().set([&](const SeamCall& call) {
    const auto now = run.calls.size();
    run.calls.push_back(call);
    if (call.seam != fault.seam) return Verdict{};
    run.hit = run.hit || now == point;
    const bool fails = now == point || (fault.for_good && run.hit && now > point);
    return fails ? fault.verdict : Verdict{};
  });
  run.answer = world.run(job.line);
  world.watcher().set({});
  return run;
}

bool is_of(std::uint16_t status, std::initializer_list<std::uint16_t> codes) {
  return std::find(codes.begin(), codes.end(), NvmeStatus{status}.code()) != codes.end();
}

// Identify, by CNS: lists that a device may lack, or its state formats. A state goes without the
// namespaces that its source fails to tell; a destination that does not tell them does not fit.
std::vector<ExitStatus> answers_to_identify(const Job& job, const std::string& object,
                                            std::uint16_t status) {
  const auto cns = object.substr(8, 2);
  const bool is_of_namespaces = cns == "10" || cns == "11" || cns == "12";
  if (is_of_namespaces && job.name.starts_with("export"))
    return {ExitStatus::ok, ExitStatus::device};
  if (is_of_namespaces && (job.name == "import" || job.name.starts_with("transfer")))
    return {ExitStatus::ok, ExitStatus::device, ExitStatus::bad_state};
  const bool optional = cns == "10" || cns == "13" || cns == "14" || cns == "15";
  if (optional && is_of(status, {sc::invalid_field, sc::invalid_controller_data_queue}))
    return {ExitStatus::ok, ExitStatus::not_found};
  if (cns == "20" && is_of(status, {sc::invalid_field, sc::invalid_opcode})) {
    return {ExitStatus::unsupported};
  }
  return {ExitStatus::device};
}

// A load begins again once: after what may pass, and after a chunk that the first was taken before.
// Internal Error at the first asks for the state in one command, which carries too little here.
bool is_loaded_again(const SeamCall& call, std::uint16_t status) {
  const bool load = call.name == "opcode 0x41" && call.object.substr(8, 2) == "02";
  const bool first = call.object.starts_with("0x0001");
  return load && !(first && (NvmeStatus{status}.dnr() || is_of(status, {sc::internal_error})));
}

// Before it records what it is about to do, an import looks for the source of its state on the
// other devices of the host. It goes on where it finds none, and refuses where it finds one that
// does not say whether it is suspended.
bool may_be_courtesy(const Job& job, const std::vector<SeamCall>& calls, std::size_t point) {
  const auto end = calls.begin() + static_cast<std::ptrdiff_t>(point);
  return job.name == "import" && std::none_of(calls.begin(), end, [](const SeamCall& call) {
           return call.name == "open unnamed";
         });
}

// What the host shows of one function does not stop what is done to another.
bool is_of_one_function(const SeamCall& call) {
  return call.name == "find" || call.name == "vfio_nodes" || call.name == "virtual_function" ||
         call.name == "sriov";
}

// Where a file cannot be without a name, it gets one for the time being.
bool has_another_way(const SeamCall& call, const Fault& fault) {
  return call.name == "open unnamed" && !fault.for_good;
}

std::vector<ExitStatus> answers_to_status(const Job& job, const SeamCall& call,
                                          std::uint16_t status) {
  if (call.name == "opcode 0x06") return answers_to_identify(job, call.object, status);
  if (is_loaded_again(call, status)) return {ExitStatus::ok};
  return {ExitStatus::device};
}

// Whether an intent is in progress is told where that can be read. An export that is done looks for
// the state in the ledger where it can.
bool does_without(const Job& job) { return job.name == "resume" || job.name == "exportAndKeep"; }

// Limits of the kernel that are not known are found out. Whether it matters who uses a function
// depends on what is allowed.
std::vector<ExitStatus> answers_to_ignorance(const SeamCall& call) {
  if (call.name == "queue_limits") return {ExitStatus::ok};
  if (call.name == "unseen") return {ExitStatus::ok, ExitStatus::refused};
  return {};
}

// What the manual allows the tool to end with.
std::vector<ExitStatus> answers_to(const Job& job, const SeamCall& call, const Fault& fault) {
  const auto& [error, status, is_short] = fault.verdict;
  if (is_short) return {ExitStatus::ok};
  if (auto answers = answers_to_ignorance(call); !answers.empty()) return answers;
  if (status != 0) return answers_to_status(job, call, status);
  if (has_another_way(call, fault)) return {ExitStatus::ok};
  if (is_of_one_function(call)) return {ExitStatus::ok, ExitStatus::io, ExitStatus::timed_out};
  // In a message; who holds a lock is known by the lock.
  if (call.object == "/proc/self/ns/pid" && !fault.for_good) return {ExitStatus::ok};
  if (error == ETIMEDOUT) return {ExitStatus::timed_out};
  if (fault.seam == SeamCall::Seam::file && (error == EINTR || does_without(job))) {
    return {ExitStatus::ok, ExitStatus::io};
  }
  return {ExitStatus::io};
}

bool migrates(const Job& job) {
  const auto verb = job.line.substr(0, job.line.find(' '));
  const std::initializer_list<std::string> verbs{"export", "import", "transfer", "suspend",
                                                 "resume"};
  return std::find(verbs.begin(), verbs.end(), verb) != verbs.end();
}

void expect_status(const Job& job, const std::vector<SeamCall>& calls, std::size_t point,
                   const Fault& fault, ExitStatus status) {
  auto allowed = answers_to(job, calls[point], fault);
  if (may_be_courtesy(job, calls, point)) {
    allowed.insert(allowed.end(), {ExitStatus::ok, ExitStatus::refused});
  }
  EXPECT_NE(std::find(allowed.begin(), allowed.end(), status), allowed.end())
      << "ended with " << row_of(status).name << ", not with " << row_of(allowed.front()).name;
}

bool is_resume(const SeamCall& call) {
  return call.name == "opcode 0x41" && call.object.starts_with("0x00000001");
}

// The simulator keeps its device in a file: where a call of its own fails, the command fails.
bool hits_resume(const std::vector<SeamCall>& calls, std::size_t point) {
  while (point > 0 && calls[point].seam != SeamCall::Seam::admin)
    --point;
  return is_resume(calls[point]);
}

// A failed export lets the source run, unless that is what failed, or the state is handed over.
void expect_source_runs(World& world, const std::vector<SeamCall>& calls, std::size_t point) {
  if (hits_resume(calls, point) || source_status(world) == "exported") return;
  EXPECT_FALSE(source_is_suspended(world)) << "the source of a failed export does not run";
}

class FaultJourney : public testing::TestWithParam<Job> {};

TEST_P(FaultJourney, LosesNothingWhereverACallFails) {
  const auto& job = GetParam();
  World world;
  for (const auto& line : job.before)
    world.must(line);
  world.remember();
  const auto known = provisioned_by(world, job);
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
      const auto run = run_with_fault(world, job, point, fault);
      const auto& answer = run.answer;
      tried += run.hit ? 1 : 0;
      EXPECT_NE(answer.status, ExitStatus::internal) << answer.err;
      if (migrates(job) && run.hit) expect_status(job, run.calls, point, fault, answer.status);
      const bool failed = answer.status != ExitStatus::ok;
      if (job.line.starts_with("export") && failed && run.hit && !fault.for_good) {
        expect_source_runs(world, run.calls, point);
      }
      // The talk itself goes through the seam of files, and may be what fails.
      const bool talks = !failed || !answer.err.empty();
      EXPECT_TRUE(talks || fault.seam == SeamCall::Seam::file);
      expect_nothing_lost(world, job, known);
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
