// SPDX-License-Identifier: LGPL-2.1-or-later
#include <filesystem>

#include "tests/plugins/conformance/custody_rig.h"

namespace nvmigrate::test {
namespace {

using sim::Personality;
using testing::Contains;
using testing::IsEmpty;

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

TEST_P(CustodyConformanceTest, AGuestThatLeftIsNotRunAgainWhenTheJournalIsGone) {
  workspace.folders.boot = "one";
  export_to_file(*open("sim:a"), 1, file());
  std::filesystem::remove_all(workspace.folders.run);
  EXPECT_EQ(custody("sim:a"), Custody::exported);
  EXPECT_THAT(refused([&] { resume_function(*open("sim:a"), 1); }), Contains("exported"));
  resume_function(*open("sim:a"), 1, {.allowed = {"exported"}});
  EXPECT_EQ(custody("sim:a"), Custody::running);
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

}  // namespace
}  // namespace nvmigrate::test
