// SPDX-License-Identifier: LGPL-2.1-or-later
#include <filesystem>
#include <fstream>

#include "nvmigrate/account/account.h"
#include "nvmigrate/ports/pci_bus.h"
#include "nvmigrate/store/journal.h"
#include "plugins/sim/store.h"
#include "tests/plugins/conformance/custody_rig.h"
#include "tests/support/watched_seams.h"

namespace nvmigrate::test {
namespace {

using sim::Personality;
using testing::Contains;
using testing::IsEmpty;
using testing::IsSupersetOf;

/// On a device without a command that asks whether a function is suspended.
class UntoldTest : public CustodyConformanceTest {
 protected:
  [[nodiscard]] bool suspended_in_truth(const std::string& device) const {
    return sim::guest_report(lab.folders(), device, "vf1").state == "suspended";
  }
  void reset_controlling_function(const std::string& device) const {
    const auto session = open(device);
    session->pci().reset(session->address());
  }
  /// After Suspend was sent: the file gets no name.
  void fail_to_export(const ExportOptions& options) const {
    const auto session = open("sim:a");
    std::filesystem::remove(file());
    auto made = options;
    made.progress = [&](const ProgressReport&) { put(file(), "another one"); };
    EXPECT_THROW(export_to_file(*session, 1, file(), made), Error);
  }
  void unbind_one(const std::string& device) const {
    const auto session = open(device);
    unbind(*session, {&session->function(1)}, {});
  }
};

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

TEST_P(UntoldTest, AResumeIsSentWithoutARecord) {
  suspend_function(*open("sim:a"), 1);
  std::filesystem::remove_all(workspace.folders.run);
  EXPECT_TRUE(suspended_in_truth("sim:a"));
  EXPECT_EQ(custody("sim:a"), Custody::running) << "nothing tells";
  for (const bool dry_run : {true, false}) {
    const auto result = resume_function(*open("sim:a"), 1, {.dry_run = dry_run});
    EXPECT_EQ(result.suspended_before, std::nullopt);
    EXPECT_FALSE(result.suspended);
    EXPECT_TRUE(result.changed);
    EXPECT_EQ(suspended_in_truth("sim:a"), dry_run);
  }
  EXPECT_EQ(suspend_function(*open("sim:a"), 1).suspended_before, std::nullopt);
  EXPECT_EQ(resume_function(*open("sim:a"), 1).suspended_before, true) << "the record tells";
}

/// The guest that runs is not the one that was suspended, and nobody but the device knows.
TEST_P(UntoldTest, WhatIsRecordedAsSuspendedIsSuspendedAgainBeforeItIsRead) {
  const auto reset = [&](const std::string& device) {
    sim::stop_guest(lab.folders(), device, "vf1");
    sim::start_guest(lab.folders(), device, "vf1", device == "sim:a" ? 2U : 0U);
  };
  const auto suspend_and_reset = [&] {
    for (const std::string device : {"sim:a", "sim:b"}) {
      suspend_function(*open(device), 1);
      reset(device);
    }
  };
  suspend_and_reset();
  export_to_file(*open("sim:a"), 1, file());
  EXPECT_TRUE(suspended_in_truth("sim:a"));
  resume_function(*open("sim:a"), 1, {.allowed = {"exported"}});

  suspend_and_reset();
  {
    auto pair = open_pair(workspace, "sim:a", "sim:b", Access::change);
    transfer_state(*pair.source, 1, *pair.destination, 1);
  }
  EXPECT_TRUE(suspended_in_truth("sim:a"));
  EXPECT_THAT(discontinuities(), IsEmpty());
  resume_function(*open("sim:a"), 1, {.allowed = {"away"}});

  suspend_and_reset();
  move_to_peer("sim:b");
  EXPECT_TRUE(suspended_in_truth("sim:a"));
  EXPECT_THAT(discontinuities(), IsEmpty());
}

TEST_P(UntoldTest, AfterAFailureWhatWasSuspendedAgainStaysSoAndOnRecord) {
  suspend_function(*open("sim:a"), 1);
  sim::stop_guest(lab.folders(), "sim:a", "vf1");
  sim::start_guest(lab.folders(), "sim:a", "vf1");
  fail_to_export({});
  EXPECT_EQ(custody("sim:a"), Custody::suspended);
  EXPECT_TRUE(suspended_in_truth("sim:a"));
}

/// The records were lost: every function without one counts as exported.
class LostTest : public UntoldTest {
 protected:
  LostTest() { lose(); }
  void lose() const {
    std::filesystem::create_directories(workspace.folders.run);
    std::ofstream(workspace.folders.run + "/journal.json") << "damaged";
    open("sim:a")->journal().set_aside();
  }
};

TEST_P(LostTest, AResumeSettlesIt) {
  EXPECT_EQ(custody("sim:a"), Custody::exported);
  EXPECT_THAT(refused([&] { resume_function(*open("sim:a"), 1); }), Contains("exported"));
  const auto result = resume_function(*open("sim:a"), 1, {.allowed = {"exported"}});
  EXPECT_EQ(result.suspended_before, std::nullopt);
  EXPECT_EQ(custody("sim:a"), Custody::running);
  EXPECT_EQ(custody("sim:b"), Custody::exported) << "of that nothing is known";
  suspend_function(*open("sim:a"), 1);
  EXPECT_EQ(custody("sim:a"), Custody::suspended);
  resume_function(*open("sim:a"), 1);
  EXPECT_EQ(custody("sim:a"), Custody::running);
  std::ofstream(workspace.folders.run + "/journal.json") << "damaged";
  EXPECT_EQ(custody("sim:a"), Custody::exported) << "they are lost once more";
  open("sim:b")->journal().set_aside();
  EXPECT_EQ(custody("sim:a"), Custody::exported);
}

TEST_P(LostTest, ASuspendDoesNot) {
  EXPECT_EQ(suspend_function(*open("sim:a"), 1).suspended_before, std::nullopt);
  EXPECT_EQ(custody("sim:a"), Custody::exported);
  EXPECT_TRUE(suspended_in_truth("sim:a"));
}

TEST_P(LostTest, AnExportThatFailsDoesNot) {
  fail_to_export({.allowed = {"exported"}});
  EXPECT_EQ(custody("sim:a"), Custody::exported);
}

TEST_P(LostTest, AReleaseAndAnUnbindSettleIt) {
  EXPECT_THAT(refused([&] { unbind_one("sim:a"); }), Contains("exported"));
  release_function(*open("sim:a"), 1);
  EXPECT_EQ(custody("sim:a"), Custody::away);
  sim::stop_guest(lab.folders(), "sim:a", "vf1");
  unbind_one("sim:a");
  EXPECT_EQ(custody("sim:a"), Custody::running);
}

TEST_P(LostTest, ProvisioningSettlesIt) {
  for (const auto id : {1U, 2U})
    release_function(*open("sim:b"), static_cast<std::uint16_t>(id));
  sim::stop_guest(lab.folders(), "sim:b", "vf1");
  deprovision(*open("sim:b"));
  lose();
  EXPECT_EQ(custody("sim:b"), Custody::offline);
  provision(*open("sim:b"), {.vfs = 2});
  EXPECT_EQ(custody("sim:b"), Custody::running) << "it was offline, so it has no guest";
}

/// A load that a command began and did not end.
class HalfLoadedTest : public UntoldTest {
 protected:
  HalfLoadedTest() {
    suspend_function(*open("sim:b"), 1);
    open("sim:b")->journal().record(IntentKind::loading, 1, {{"source", "sim:a 1"}});
  }
  [[nodiscard]] std::vector<Remedy> remedies() const {
    for (const auto& found : account_of(*open("sim:b"), 1)) {
      if (found.code == "loading") return found.remedies;
    }
    return {};
  }
};

TEST_P(HalfLoadedTest, EndsWithTheBindingOnceNobodyHoldsTheFunction) {
  ASSERT_EQ(remedies().size(), 1U) << "a reset would not be seen";
  EXPECT_EQ(remedies().front().action, Remedy::Action::unbind);
  EXPECT_THAT(refused([&] { unbind_one("sim:b"); }), testing::ElementsAre("open_in_vm"));
  EXPECT_EQ(custody("sim:b"), Custody::loading);
  sim::stop_guest(lab.folders(), "sim:b", "vf1");
  EXPECT_EQ(custody("sim:b"), Custody::loading) << "only the device knows";
  unbind_one("sim:b");
  EXPECT_EQ(custody("sim:b"), Custody::running);
}

TEST_P(HalfLoadedTest, EndsWithoutABindingToo) {
  sim::stop_guest(lab.folders(), "sim:b", "vf1");
  open("sim:b")->journal().strike_custody(1);
  unbind_one("sim:b");
  for (const auto kind : {IntentKind::loading, IntentKind::away}) {
    open("sim:b")->journal().record(kind, 1);
    unbind_one("sim:b");
    EXPECT_EQ(custody("sim:b"), Custody::running);
  }
  open("sim:b")->journal().record(IntentKind::exported, 1);
  unbind_one("sim:b");
  EXPECT_EQ(custody("sim:b"), Custody::exported) << "that is for a release to end";
}

TEST_P(HalfLoadedTest, StaysUntilTheFunctionWasReset) {
  sim::stop_guest(lab.folders(), "sim:b", "vf1");
  suspend_function(*open("sim:b"), 1);
  Watcher watcher;
  watcher.set(
      [](const SeamCall& call) { return Verdict{.error = call.name == "reset" ? EIO : 0}; });
  workspace.wrap = [&](std::unique_ptr<Device> device) {
    return watch(std::move(device), watcher);
  };
  unbind_one("sim:b");
  EXPECT_EQ(custody("sim:b"), Custody::loading);
  workspace.wrap = {};
  unbind_one("sim:b");
  EXPECT_EQ(custody("sim:b"), Custody::running);
  const auto now = sim::Store(lab.folders().sim, "b").read();
  EXPECT_FALSE(now->functions.at(1).suspended()) << "nothing would say so";
}

TEST_P(HalfLoadedTest, EndsWithTheVfs) {
  EXPECT_THAT(refused([&] { deprovision(*open("sim:b")); }), testing::ElementsAre("open_in_vm"));
  sim::stop_guest(lab.folders(), "sim:b", "vf1");
  deprovision(*open("sim:b"));
  provision(*open("sim:b"), {.vfs = 2});
  EXPECT_EQ(custody("sim:b"), Custody::running);
}

TEST_P(HalfLoadedTest, EndsWithAResetThatProvisioningSaw) {
  for (const auto kind : {IntentKind::loading, IntentKind::suspended, IntentKind::loaded}) {
    open("sim:b")->journal().record(kind, 1);
    reset_controlling_function("sim:b");
    EXPECT_EQ(custody("sim:b"), Custody::offline);
    provision(*open("sim:b"), {.vfs = 2});
    EXPECT_EQ(custody("sim:b"), Custody::running) << to_string(kind);
  }
}

TEST_P(HalfLoadedTest, EndsWithACompleteLoad) {
  sim::stop_guest(lab.folders(), "sim:b", "vf1");
  sim::start_guest(lab.folders(), "sim:b", "vf1", 0);
  {
    auto pair = open_pair(workspace, "sim:a", "sim:b", Access::change);
    transfer_state(*pair.source, 1, *pair.destination, 1);
  }
  EXPECT_EQ(custody("sim:b"), Custody::running);
  EXPECT_THAT(discontinuities(), IsEmpty()) << "its VM had closed it, which ended the suspension";
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

const auto untold =
    testing::Values(Place{"intel", {.personality = Personality::rfc, .vfs_total = 2}});
const auto backend_of = [](const auto& about) { return about.param.backend; };
INSTANTIATE_TEST_SUITE_P(Backends, UntoldTest, untold, backend_of);
INSTANTIATE_TEST_SUITE_P(Backends, LostTest, untold, backend_of);
INSTANTIATE_TEST_SUITE_P(Backends, HalfLoadedTest, untold, backend_of);

}  // namespace
}  // namespace nvmigrate::test
