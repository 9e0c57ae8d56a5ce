// SPDX-License-Identifier: LGPL-2.1-or-later
#include <filesystem>
#include <fstream>

#include "tests/plugins/conformance/custody_rig.h"

namespace nvmigrate::test {
namespace {

using sim::Personality;
using testing::Contains;
using testing::IsEmpty;
using testing::IsSupersetOf;

TEST_P(CustodyConformanceTest, AnExportedStateIsLoadedOnce) {
  {
    const auto source = open("sim:a");
    EXPECT_EQ(source->chosen(1).why, BackendChoice::Why::mark);
    suspend_function(*source, 1);
    EXPECT_EQ(custody_of(source->ask_again(1)), Custody::suspended);
    export_to_file(*source, 1, file());
    EXPECT_EQ(custody_of(source->ask_again(1)), Custody::exported);
    EXPECT_THAT(refused([&] { resume_function(*source, 1); }), Contains("exported"));
  }
  SystemIo io;
  const auto state = StoredState::open(io, file());
  EXPECT_EQ(state.identity()->backend, GetParam().backend);
  import_state(state, *open("sim:b"), 1, {.resume = true});
  EXPECT_EQ(custody("sim:a"), Custody::away);
  EXPECT_EQ(custody("sim:b"), Custody::running);
  EXPECT_THAT(discontinuities(), IsEmpty());
  EXPECT_THAT(refused([&] { import_state(state, *open("sim:b"), 1, {.resume = true}); }),
              Contains("loaded_before"));
}

TEST_P(CustodyConformanceTest, ATransferMovesTheGuest) {
  {
    auto pair = open_pair(workspace, "sim:a", "sim:b", Access::change);
    transfer_state(*pair.source, 1, *pair.destination, 1);
  }
  EXPECT_EQ(custody("sim:a"), Custody::away);
  EXPECT_EQ(custody("sim:b"), Custody::running);
  EXPECT_THAT(discontinuities(), IsEmpty());
}

TEST_P(CustodyConformanceTest, ATransferToAnotherHostMovesTheGuest) {
  move_to_peer("sim:b");
  EXPECT_EQ(custody("sim:a"), Custody::away);
  EXPECT_EQ(custody("sim:b"), Custody::running);
  EXPECT_THAT(discontinuities(), IsEmpty());
}

TEST_P(CustodyConformanceTest, AFailedExportLetsTheGuestRunOn) {
  const auto source = open("sim:a");
  EXPECT_THROW(export_to_file(*source, 1, "/nowhere/state"), Error);
  EXPECT_EQ(custody_of(source->ask_again(1)), Custody::running);
  EXPECT_FALSE(source->ask_again(1).held());
}

TEST_P(CustodyConformanceTest, AStateOfAnotherBackendIsRefused) {
  const bool standard = GetParam().backend == "nvme";
  add("c", {.personality = standard ? Personality::rfc : Personality::spec, .vfs_total = 2});
  mark_by("c", standard ? "intel" : "nvme");
  sim::start_guest(lab.folders(), "sim:c", "vf1", 0);
  const auto move = [&](const std::string& from, const std::string& to) {
    auto pair = open_pair(workspace, from, to, Access::change);
    transfer_state(*pair.source, 1, *pair.destination, 1);
  };
  EXPECT_THAT(refused([&] { move("sim:a", "sim:c"); }), Contains("backend"));
  EXPECT_THAT(refused([&] { move_to_peer("sim:c"); }), Contains("backend"));
  EXPECT_EQ(custody("sim:a"), Custody::running);
  export_to_file(*open("sim:a"), 1, file());
  SystemIo io;
  const auto state = StoredState::open(io, file());
  EXPECT_THAT(refused([&] { import_state(state, *open("sim:c"), 1); }), Contains("backend"));
}

INSTANTIATE_TEST_SUITE_P(
    Backends, CustodyConformanceTest,
    testing::Values(Place{"nvme", {.vfs_total = 2}},
                    Place{"intel", {.personality = Personality::rfc, .vfs_total = 2}},
                    Place{"intel", {.personality = Personality::both, .vfs_total = 2}},
                    Place{"toy", {.vfs_total = 2, .vendor = false}}),
    [](const auto& about) {
      const bool both = about.param.parameters.personality == Personality::both;
      return about.param.backend + (both ? "_beside_nvme" : "");
    });

/// Of a device that has no command which asks whether a function is suspended.
class UntoldTest : public CustodyConformanceTest {};

TEST_P(UntoldTest, TheRecordSaysWhetherItIsSuspended) {
  const auto session = open("sim:a");
  ASSERT_TRUE(session->ask(1).told);
  EXPECT_EQ(session->ask(1).suspended(), std::nullopt);
  EXPECT_FALSE(session->ask(1).held());
  suspend_function(*session, 1);
  EXPECT_TRUE(session->ask_again(1).held());
  EXPECT_THAT(refused([&] { deprovision(*session); }), Contains("suspended"));
  resume_function(*session, 1);
  EXPECT_FALSE(session->ask_again(1).held());
}

TEST_P(UntoldTest, ASuspendIsSentAgain) {
  suspend_function(*open("sim:a"), 1);
  sim::stop_guest(lab.folders(), "sim:a", "vf1");
  sim::start_guest(lab.folders(), "sim:a", "vf1");
  suspend_function(*open("sim:a"), 1);
  EXPECT_NO_THROW(export_to_file(*open("sim:a"), 1, file()))
      << "the reset had ended the suspension";
}

TEST_P(UntoldTest, ASourceWithoutARecordMayRun) {
  export_to_file(*open("sim:a"), 1, file());
  resume_function(*open("sim:a"), 1, {.allowed = {"exported"}});
  SystemIo io;
  const auto state = StoredState::open(io, file());
  EXPECT_THAT(refused([&] { import_state(state, *open("sim:b"), 1, {.resume = true}); }),
              IsSupersetOf({"source_unknown", "source_resumed"}));
}

TEST_P(UntoldTest, ASourceThatIsNoLongerMarkedMayRunToo) {
  export_to_file(*open("sim:a"), 1, file());
  release_function(*open("sim:a"), 1);
  unmark(*open("sim:a"), "1");
  std::filesystem::remove_all(workspace.folders.run);
  const auto state = StoredState::open(*workspace.io, file());
  EXPECT_THAT(refused([&] { import_state(state, *open("sim:b"), 1, {.resume = true}); }),
              Contains("source_unknown"));
}

TEST_P(UntoldTest, WithoutMarkAndJournalAFunctionCountsAsExported) {
  unmark(*open("sim:a"), "1");
  workspace.backend_name = GetParam().backend;
  suspend_function(*open("sim:a"), 1, {.allowed = {"unmarked"}});
  workspace.backend_name.clear();
  std::ofstream(workspace.folders.run + "/journal.json") << "damaged";
  EXPECT_EQ(custody("sim:a"), Custody::exported);
}

INSTANTIATE_TEST_SUITE_P(Backends, UntoldTest,
                         testing::Values(Place{"intel",
                                               {.personality = Personality::rfc, .vfs_total = 2}}),
                         [](const auto& about) { return about.param.backend; });

}  // namespace
}  // namespace nvmigrate::test
