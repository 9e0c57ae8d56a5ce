// SPDX-License-Identifier: LGPL-2.1-or-later
#include <fcntl.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <thread>

#include "nvmigrate/host/functions.h"
#include "nvmigrate/host/provision.h"
#include "nvmigrate/migrate/migrate.h"
#include "nvmigrate/nvme/commands.h"
#include "nvmigrate/plugins.h"
#include "nvmigrate/remote/peer.h"
#include "nvmigrate/session/custody.h"
#include "nvmigrate/store/registry.h"
#include "tests/plugins/conformance/toy_backend.h"
#include "tests/plugins/sim/lab.h"

namespace nvmigrate::test {
namespace {

using sim::Personality;
using testing::Contains;
using testing::Field;
using testing::IsEmpty;
using testing::IsSupersetOf;

/// A backend on subsystems of the simulator, with sessions, records and conditions above it.
struct Place {
  std::string backend;
  sim::Parameters parameters;
};

class CustodyConformanceTest : public testing::TestWithParam<Place> {
 protected:
  CustodyConformanceTest() {
    catalog.backends.push_back(
        {.name = "toy",
         .summary = "",
         .command_set = "",
         .only_by_name = true,
         .make = [](const BackendPlace& place) { return std::make_unique<ToyBackend>(place); }});
    workspace = default_workspace("test");
    workspace.folders = lab.folders();
    workspace.catalog = &catalog;
    for (const auto* name : {"a", "b"}) {
      add(name, GetParam().parameters);
      mark_by(name, GetParam().backend);
    }
    sim::start_guest(lab.folders(), "sim:a", "vf1", 2);
    sim::start_guest(lab.folders(), "sim:b", "vf1", 0);
  }

  void add(const std::string& name, const sim::Parameters& parameters) {
    lab.create(name, parameters);
    const auto device = "sim:" + name;
    provision(*open(device), {.vfs = 2});
    const auto session = open(device);
    bind(*session, select(session->topology(), "1", "bind"), {});
  }
  void mark_by(const std::string& name, const std::string& backend) {
    const auto session = open("sim:" + name);
    session->name_backend(backend);
    mark(*session, "1");
  }
  [[nodiscard]] std::unique_ptr<Session> open(const std::string& device) const {
    return Session::open(workspace, device, Access::change);
  }
  [[nodiscard]] Custody custody(const std::string& device) const {
    return custody_of(open(device)->ask(1));
  }
  [[nodiscard]] std::string file() const { return lab.folders().state + "/state"; }
  [[nodiscard]] std::vector<std::string> discontinuities() const {
    return sim::discontinuities(sim::guest_report(lab.folders(), "sim:a", "vf1"),
                                sim::guest_report(lab.folders(), "sim:b", "vf1"));
  }
  /// As through ssh, with the destination in a thread.
  void move_to_peer(const std::string& destination) const {
    std::array<int, 2> there{}, back{};
    ASSERT_EQ(::pipe2(there.data(), O_CLOEXEC), 0);
    ASSERT_EQ(::pipe2(back.data(), O_CLOEXEC), 0);
    std::thread serving([&] {
      serve_peer(workspace, there[0], back[1]);
      ::close(back[1]);
    });
    const auto end = [&] {
      ::close(there[1]);
      serving.join();
      ::close(there[0]);
      ::close(back[0]);
    };
    try {
      transfer_to_peer(*open("sim:a"), 1,
                       {.in = back[0],
                        .out = there[1],
                        .host = "there",
                        .url = "ssh://there/",
                        .device = destination,
                        .function = "1"});
    } catch (...) {
      end();
      throw;
    }
    end();
  }
  static Findings refusals_of(const std::function<void()>& act) {
    try {
      act();
    } catch (const Refusal& refusal) {
      return refusal.findings();
    }
    return {};
  }
  static std::vector<std::string> refused(const std::function<void()>& act) {
    std::vector<std::string> codes;
    for (const auto& found : refusals_of(act))
      codes.push_back(found.code);
    return codes;
  }

  Lab lab;
  Catalog catalog = built_in();
  Workspace workspace;
};

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

const Place beside_the_standard{"intel", {.personality = Personality::both, .vfs_total = 2}};

INSTANTIATE_TEST_SUITE_P(
    Backends, CustodyConformanceTest,
    testing::Values(Place{"nvme", {.vfs_total = 2}},
                    Place{"intel", {.personality = Personality::rfc, .vfs_total = 2}},
                    beside_the_standard, Place{"toy", {.vfs_total = 2, .vendor = false}}),
    [](const auto& about) {
      const bool both = about.param.parameters.personality == Personality::both;
      return about.param.backend + (both ? "_beside_nvme" : "");
    });

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

/// It cannot tell how the vendor's commands left the function.
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

/// Only its own backend loads a state, and the refusal says how the function gets that.
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

INSTANTIATE_TEST_SUITE_P(Backends, BesideTest, testing::Values(beside_the_standard),
                         [](const auto& about) { return about.param.backend; });

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
