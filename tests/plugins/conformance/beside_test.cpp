// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/nvme/commands.h"
#include "nvmigrate/store/registry.h"
#include "tests/plugins/conformance/custody_rig.h"

namespace nvmigrate::test {
namespace {

using testing::Contains;
using testing::IsEmpty;
using testing::IsSupersetOf;

/// Of a device that two backends serve, whose functions are marked for one of them.
class BesideTest : public CustodyConformanceTest {
 protected:
  /// Suspends it through the commands of the specification, without a record.
  void suspend_by_others(const std::string& device) {
    const auto status =
        open(device)->admin().submit(command::suspend(1, command::SuspendType::suspend)).status;
    EXPECT_TRUE(status.ok());
  }
};

TEST_P(BesideTest, BothAreAbleAndTheMarkChooses) {
  const auto session = open("sim:a");
  EXPECT_THAT(session->able(1), IsSupersetOf({"nvme", "intel"}));
  EXPECT_EQ(session->chosen(1).serving->row->name, "intel");
  EXPECT_EQ(session->chosen(2).serving->row->name, "nvme");
}

TEST_P(BesideTest, WhatTheOtherCommandSetSuspendedIsHeld) {
  suspend_by_others("sim:a");
  EXPECT_TRUE(open("sim:a")->ask(1).suspended_without_record());
  EXPECT_THAT(refused([&] { deprovision(*open("sim:a")); }), Contains("suspended_unrecorded"));
  EXPECT_THAT(refused([&] { mark_by("a", "nvme"); }), Contains("backend_in_use"));
  EXPECT_THAT(refused([&] { unmark(*open("sim:a"), "1"); }), Contains("backend_in_use"));
  resume_function(*open("sim:a"), 1);
  EXPECT_EQ(custody("sim:a"), Custody::running);
  mark_by("a", "nvme");
  EXPECT_EQ(open("sim:a")->ask(1).suspended(), false);
}

/// It cannot see what the vendor's commands did to the function.
TEST_P(BesideTest, ThatTheOtherCommandSetCallsItRunningProvesNothing) {
  suspend_function(*open("sim:a"), 1);
  open("sim:a")->admin().submit(command::resume(1));
  EXPECT_EQ(custody("sim:a"), Custody::suspended);
  EXPECT_THAT(refused([&] { deprovision(*open("sim:a")); }), Contains("suspended"));
}

TEST_P(BesideTest, AGuestStaysWithTheBackendThatSuspendedIt) {
  suspend_function(*open("sim:a"), 1);
  workspace.backend_name = "nvme";
  EXPECT_THAT(refused([&] { resume_function(*open("sim:a"), 1); }), Contains("backend_differs"));
  EXPECT_THAT(refused([&] { export_to_file(*open("sim:a"), 1, file()); }),
              Contains("backend_differs"));
  EXPECT_THAT(refused([&] { mark(*open("sim:a"), "1"); }), Contains("backend_in_use"));
  EXPECT_EQ(custody("sim:a"), Custody::suspended);
}

/// A former version did not record the backend, and took the first.
TEST_P(BesideTest, AMarkWithoutABackendStandsForTheFirst) {
  open("sim:a")->registry().mark(1);
  suspend_function(*open("sim:a"), 1);
  EXPECT_THAT(refused([&] { mark_by("a", "intel"); }), Contains("backend_in_use"));
  workspace.backend_name = "intel";
  EXPECT_THAT(refused([&] { resume_function(*open("sim:a"), 1); }), Contains("backend_differs"));
  mark_by("a", "nvme");
  EXPECT_EQ(open("sim:a")->recorded_backend(1), "nvme");
}

/// Only the backend that read a state loads it; the refusal says how to mark the function for it.
TEST_P(BesideTest, AnImportNeverGuesses) {
  mark_by("b", "nvme");
  export_to_file(*open("sim:a"), 1, file());
  const auto state = StoredState::open(*workspace.io, file());
  const auto load = [&] { import_state(state, *open("sim:b"), 1, {.resume = true}); };
  const auto found = refusals_of(load);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].code, "backend");
  ASSERT_EQ(found[0].remedies.size(), 1U);
  EXPECT_EQ(found[0].remedies[0].action, Remedy::Action::mark);
  mark_by("b", found[0].remedies[0].object);
  load();
  EXPECT_THAT(discontinuities(), IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(Backends, BesideTest,
                         testing::Values(Place{
                             "intel", {.personality = sim::Personality::both, .vfs_total = 2}}),
                         [](const auto& about) { return about.param.backend; });

}  // namespace
}  // namespace nvmigrate::test
