// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/host/provision.h"

#include <gmock/gmock.h>

#include <atomic>
#include <condition_variable>

#include "tests/lib/host/host_fixture.h"

namespace nvmigrate::test {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

constexpr std::uint16_t dnr = 0x4000;

class ProvisionTest : public HostTest {
 protected:
  ProvisionResult make(const ProvisionWish& wish) { return provision(access, wish, limits); }
  std::vector<std::string> effects() {
    auto all = device.commands;
    std::erase_if(all, [](const auto& words) { return words.starts_with("identify"); });
    return all;
  }
  Error refusal(const ProvisionWish& wish) {
    const auto error = error_of([&] { make(wish); });
    EXPECT_THAT(effects(), IsEmpty()) << "refused before any effect";
    EXPECT_THAT(device.bus.changes, IsEmpty());
    return error;
  }
  ProvisionLimits limits{std::chrono::milliseconds{20}, 16};
};

TEST_F(ProvisionTest, DoesTheStepsInTheOrderThatWorks) {
  const auto result = make({.vfs = 2, .queues = 3, .interrupts = 2});
  EXPECT_THAT(effects(), ElementsAre("offline 1", "offline 2", "assign_queues 1 3",
                                     "assign_queues 2 3", "assign_interrupts 1 2",
                                     "assign_interrupts 2 2", "online 1", "online 2"));
  ASSERT_THAT(device.bus.changes, SizeIs(5));
  EXPECT_EQ(device.bus.changes[0], "set_autoprobe 0000:01:00.0 0");
  EXPECT_EQ(device.bus.changes[1], "set_vfs 0000:01:00.0 2");
  EXPECT_THAT(device.bus.changes, Contains("reset " + vf(1)));
  EXPECT_THAT(device.bus.changes, Contains("reset " + vf(2)));
  EXPECT_EQ(device.bus.changes[4], "set_autoprobe 0000:01:00.0 1");
  EXPECT_TRUE(result.changed());
  ASSERT_THAT(result.functions, SizeIs(2));
  EXPECT_EQ(result.functions[1].cntlid, 2);
  EXPECT_EQ(result.functions[1].address, vf(2));
  EXPECT_EQ(result.functions[1].queues, 3);
  EXPECT_TRUE(device.at(2).online);
  EXPECT_THAT(journal_again().intents(), IsEmpty());
}

TEST_F(ProvisionTest, SecondTimeNothingChanges) {
  const ProvisionWish wish{.vfs = 4, .queues = 2, .interrupts = 1};
  make(wish);
  device.commands.clear();
  device.bus.changes.clear();
  const auto again = make(wish);
  EXPECT_FALSE(again.changed());
  EXPECT_THAT(effects(), IsEmpty());
  EXPECT_THAT(device.bus.changes, IsEmpty());
  ASSERT_THAT(again.functions, SizeIs(4));
  EXPECT_FALSE(make({.vfs = 4}).changed()) << "whatever share they have is right";
}

TEST_F(ProvisionTest, SharesEvenlyInSteps) {
  device.queues_total = 23;
  device.interrupts_total = 100;
  device.granularity = 2;
  const auto result = make({.vfs = 3});
  EXPECT_EQ(result.functions[0].queues, 6) << "7 each, in steps of 2";
  EXPECT_EQ(result.functions[0].interrupts, 16) << "no more than a function may have";
}

TEST_F(ProvisionTest, UsesWhatTheFunctionsThemselvesHoldWhileOffline) {
  device.queues_total = 8;
  device.at(2).queues = 8;
  EXPECT_EQ(make({.vfs = 2}).functions[0].queues, 4);
}

TEST_F(ProvisionTest, SharesAtLeastWhatAFunctionNeeds) {
  device.queues_total = 4;
  device.interrupts_total = 2;
  device.granularity = 8;
  const auto result = make({.vfs = 2});
  EXPECT_EQ(result.functions[0].queues, 2);
  EXPECT_EQ(result.functions[0].interrupts, 1);
}

TEST_F(ProvisionTest, BringsBackOnlyTheFunctionsThatAreOffline) {
  make({.vfs = 3, .queues = 2, .interrupts = 1});
  device.at(2) = {2, 0, false, 2, 0, 0};
  device.commands.clear();
  device.bus.changes.clear();
  EXPECT_TRUE(make({.vfs = 3, .queues = 2, .interrupts = 1}).changed());
  EXPECT_THAT(effects(),
              ElementsAre("offline 2", "assign_queues 2 2", "assign_interrupts 2 1", "online 2"));
  EXPECT_THAT(device.bus.changes, ElementsAre("reset " + vf(2)));
}

TEST_F(ProvisionTest, WorksWithoutFlexibleResources) {
  device.virtualization = false;
  const auto result = make({.vfs = 2});
  EXPECT_EQ(device.bus.sriov_of[FakePciBus::physical].enabled, 2U);
  EXPECT_FALSE(result.functions[0].cntlid.has_value());
  EXPECT_EQ(result.functions[1].address, vf(2));
  EXPECT_THAT(effects(), IsEmpty());
}

TEST_F(ProvisionTest, LeavesAutoprobeOffWhenItWasOff) {
  device.bus.sriov_of[FakePciBus::physical].autoprobe = false;
  make({.vfs = 1});
  EXPECT_FALSE(device.bus.sriov_of[FakePciBus::physical].autoprobe);
}

TEST_F(ProvisionTest, ResetsAtOnce) {
  std::mutex mutex;
  std::condition_variable all_here;
  unsigned here = 0;
  device.bus.before_change = nullptr;
  device.bus.was_reset = [&](const std::string&) {
    std::unique_lock lock(mutex);
    ++here;
    all_here.notify_all();
    // Ends only when all four are in here together; a bound keeps a failing test from hanging.
    EXPECT_TRUE(all_here.wait_for(lock, std::chrono::seconds{30}, [&] { return here == 4; }));
  };
  make({.vfs = 4});
  EXPECT_EQ(here, 4U);
}

// --- Refusals -----------------------------------------------------------------------------------

TEST_F(ProvisionTest, RefusesWhatCannotBe) {
  EXPECT_THAT(refusal({.vfs = 0}), fails(ExitStatus::usage, "0 VFs"));
  EXPECT_THAT(refusal({.vfs = 9}), fails(ExitStatus::refused, "at most 8 VFs, not 9"));
  EXPECT_THAT(refusal({.vfs = 2, .queues = 17}), fails(ExitStatus::refused, "at most 16 queues"));
  EXPECT_THAT(refusal({.vfs = 2, .queues = 1}), fails(ExitStatus::refused, "at least 2 queues"));
  EXPECT_THAT(refusal({.vfs = 2, .interrupts = 17}),
              fails(ExitStatus::refused, "at most 16 interrupts"));
}

TEST_F(ProvisionTest, RefusesMoreThanIsFreeNamingBoth) {
  device.queues_total = 10;
  EXPECT_THAT(refusal({.vfs = 4, .queues = 3}),
              fails(ExitStatus::refused, "10 flexible queues free, and 12 are needed"));
  EXPECT_THAT(refusal({.vfs = 8}), fails(ExitStatus::refused, "and 16 are needed"));
}

TEST_F(ProvisionTest, RefusesWithoutSriovOrFlexibleResources) {
  device.virtualization = false;
  EXPECT_THAT(refusal({.vfs = 2, .queues = 2}), fails(ExitStatus::unsupported, "CNS 14h"));
  device.bus.sriov_of[FakePciBus::physical].total = 0;
  EXPECT_THAT(refusal({.vfs = 2}), fails(ExitStatus::unsupported, "no SR-IOV"));
}

TEST_F(ProvisionTest, RefusesVfsWithoutASecondaryController) {
  device.secondary.resize(2);
  EXPECT_THAT(refusal({.vfs = 3}),
              fails(ExitStatus::unsupported, "no secondary controller for VF 3"));
}

TEST_F(ProvisionTest, RefusesToChangeACountThatIsNotZero) {
  bring_up(2);
  const auto error = refusal({.vfs = 3});
  EXPECT_THAT(error, fails(ExitStatus::refused, "has 2 VFs"));
  EXPECT_THAT(error, hints("--recreate"));
}

TEST_F(ProvisionTest, RefusesResourcesForAnOnlineFunction) {
  bring_up(2);
  const auto error = refusal({.vfs = 2, .queues = 5});
  EXPECT_THAT(error, fails(ExitStatus::refused, "is online with 4 queues and 4 interrupts"));
  EXPECT_THAT(error, hints("deprovision"));
}

TEST_F(ProvisionTest, RefusesToResetAFunctionThatIsInUse) {
  bring_up(1);
  device.at(1).online = false;
  device.bus.holders[vf(1)] = {{"pid 7 (qemu)", "has it open"}};
  EXPECT_THAT(refusal({.vfs = 1}), fails(ExitStatus::refused, "pid 7 (qemu)"));
}

TEST_F(ProvisionTest, RecreationIsRefusedWhenAFunctionIsInUse) {
  bring_up(2);
  const ProvisionWish wish{.vfs = 3, .recreate = true};
  device.bus.holders[vf(2)] = {{"pid 7 (qemu)", "has it open"}};
  EXPECT_THAT(refusal(wish), fails(ExitStatus::refused, "pid 7 (qemu)"));
  device.bus.holders.clear();
  device.bus.uses[vf(2)] = {{"/dev/nvme2n1", "mounted on /srv"}};
  EXPECT_THAT(refusal(wish), fails(ExitStatus::refused, "mounted on /srv"));
  device.bus.uses.clear();
  journal.record(IntentKind::suspended, 2);
  EXPECT_THAT(refusal(wish), fails(ExitStatus::refused, "is suspended"));
  journal.record(IntentKind::moved, 2);
  EXPECT_THAT(refusal(wish), hints("--allow moved"));
}

TEST_F(ProvisionTest, RecreatesAndForgets) {
  bring_up(2);
  registry.mark(1);
  registry.remember({2, vf(2), "vfio-pci", "nvme", {}, {}});
  journal.record(IntentKind::moved, 2);
  const auto result =
      make({.vfs = 3, .queues = 5, .interrupts = {}, .recreate = true, .allow_moved = true});
  EXPECT_EQ(result.was_vfs, 2U);
  EXPECT_EQ(device.bus.sriov_of[FakePciBus::physical].enabled, 3U);
  EXPECT_EQ(device.at(3).queues, 5);
  EXPECT_THAT(registry_again().marks(), IsEmpty());
  EXPECT_THAT(registry_again().bindings(), IsEmpty());
  EXPECT_THAT(journal_again().intents(), IsEmpty());
}

TEST_F(ProvisionTest, RecreationDestroysNothingThatIsAsWished) {
  bring_up(2);
  EXPECT_FALSE(make({.vfs = 2, .queues = 4, .interrupts = 4, .recreate = true}).changed());
}

// --- Failures -----------------------------------------------------------------------------------

TEST_F(ProvisionTest, AGrantOfAnotherNumberIsAFailure) {
  for (const int more : {-1, 1}) {
    device.grant_more = more;
    EXPECT_THAT(error_of([&] { make({.vfs = 1, .queues = 4}); }),
                fails(ExitStatus::device, "granted " + std::to_string(4 + more)));
    EXPECT_EQ(device.bus.sriov_of[FakePciBus::physical].enabled, 0U);
  }
}

TEST_F(ProvisionTest, WhatReadsBackOtherwiseIsAFailure) {
  device.before = [&](const AdminCommand& command) -> std::optional<AdminCompletion> {
    const bool online = command.opcode == command::opcode::virtualization_management &&
                        (command.cdw10 & 0xFU) == 9U;
    return online ? std::optional{AdminCompletion{}} : std::nullopt;
  };
  EXPECT_THAT(error_of([&] { make({.vfs = 1}); }),
              fails(ExitStatus::device, "should be online with 16 queues"));
  EXPECT_EQ(device.bus.sriov_of[FakePciBus::physical].enabled, 0U);
  EXPECT_THAT(journal_again().intents(), IsEmpty());
}

TEST_F(ProvisionTest, VfsThatDoNotAppearAreAFailure) {
  device.bus.vfs_changed = [&](unsigned count) {
    if (count == 2) device.bus.sriov_of[FakePciBus::physical].enabled = 1;
  };
  EXPECT_THAT(error_of([&] { make({.vfs = 2}); }), fails(ExitStatus::timed_out, "only 1 are"));
  EXPECT_EQ(device.bus.sriov_of[FakePciBus::physical].enabled, 0U);
}

/// Fails the nth effect, of whichever seam, and what follows when `for_good`.
class ProvisionFailureTest : public ProvisionTest {
 protected:
  void fail(unsigned nth, bool for_good = false) {
    count = 0;
    const auto strikes = [this, nth, for_good] {
      ++count;
      return count == nth || (for_good && count > nth);
    };
    device.bus.before_change = [strikes](const std::string& change) {
      if (strikes()) throw OsError(EIO, "write", change);
    };
    device.before = [strikes](const AdminCommand& command) -> std::optional<AdminCompletion> {
      if (command.opcode == command::opcode::identify || !strikes()) return std::nullopt;
      return FakeSubsystem::error(sc::internal_error | dnr);
    };
  }
  void heal() {
    device.bus.before_change = nullptr;
    device.before = nullptr;
  }
  unsigned count = 0;
};

TEST_F(ProvisionFailureTest, WhateverStepFailsEverythingIsAsBefore) {
  const ProvisionWish wish{.vfs = 2, .queues = 3, .interrupts = 2};
  device.at(1).queues = 5;  // assigned by somebody while it was offline
  const auto before = device.secondary;
  unsigned tried = 0;
  for (unsigned nth = 1;; ++nth) {
    fail(nth);
    try {
      make(wish);
      break;
    } catch (const Error& error) {
      ++tried;
      EXPECT_NE(error.status(), ExitStatus::internal);
    }
    EXPECT_EQ(device.secondary, before) << "effect " << nth;
    EXPECT_EQ(device.bus.sriov_of[FakePciBus::physical].enabled, 0U);
    EXPECT_TRUE(device.bus.sriov_of[FakePciBus::physical].autoprobe);
    EXPECT_THAT(journal_again().intents(), IsEmpty());
  }
  EXPECT_EQ(tried, 13U) << "2 + 2 × 3 + 2 resets + 2 online + autoprobe";
}

TEST_F(ProvisionFailureTest, FailedRecreationPutsTheOldFunctionsBack) {
  bring_up(2);
  const auto before = device.secondary;
  const ProvisionWish wish{.vfs = 3, .queues = 2, .interrupts = {}, .recreate = true};
  for (unsigned nth = 1;; ++nth) {
    fail(nth);
    try {
      make(wish);
      break;
    } catch (const Error&) {
    }
    EXPECT_EQ(device.secondary, before) << "effect " << nth;
    EXPECT_EQ(device.bus.sriov_of[FakePciBus::physical].enabled, 2U);
    EXPECT_THAT(journal_again().intents(), IsEmpty());
  }
}

/// Three VFs in use of each way: bound by us, without driver, and with one of the host.
class RecreationFailureTest : public ProvisionFailureTest {
 protected:
  RecreationFailureTest() {
    bring_up(3);
    device.bus.give(vf(1), "vfio-pci");
    device.bus.functions.at(vf(1)).override_to = "vfio-pci";
    device.bus.functions.at(vf(2)).driver.reset();
    registry.mark(1);
    registry.mark(3);
    registry.remember({1, vf(1), "vfio-pci", "nvme", {}, {}});
    journal.record(IntentKind::unbound, 2, {{"address", vf(2)}, {"original_driver", "nvme"}});
    secondary = device.secondary;
  }
  void expect_everything_back() {
    EXPECT_EQ(device.secondary, secondary);
    EXPECT_EQ(device.bus.functions.at(vf(1)).driver, "vfio-pci");
    EXPECT_EQ(device.bus.functions.at(vf(1)).override_to, "vfio-pci");
    EXPECT_FALSE(device.bus.functions.at(vf(2)).driver);
    EXPECT_EQ(device.bus.functions.at(vf(3)).driver, "nvme");
    EXPECT_FALSE(device.bus.functions.at(vf(3)).override_to);
    const auto marks = registry_again();
    EXPECT_TRUE(marks.is_marked(1) && !marks.is_marked(2) && marks.is_marked(3));
    ASSERT_THAT(marks.bindings(), SizeIs(1));
    EXPECT_EQ(marks.bindings().front().original_driver, "nvme");
    EXPECT_NE(journal_again().find(IntentKind::unbound, 2), nullptr);
  }
  std::vector<SecondaryController> secondary;
  const ProvisionWish wish{.vfs = 2, .queues = 2, .interrupts = {}, .recreate = true};
};

TEST_F(RecreationFailureTest, PutsMarksBindingsAndDriversBack) {
  unsigned tried = 0;
  for (unsigned nth = 1;; ++nth, ++tried) {
    fail(nth);
    try {
      make(wish);
      break;
    } catch (const Error& error) {
      EXPECT_THAT(std::string{error.what()}, testing::Not(testing::HasSubstr("putting things")));
    }
    SCOPED_TRACE("effect " + std::to_string(nth));
    expect_everything_back();
    EXPECT_EQ(journal_again().find(IntentKind::provisioning, 0), nullptr);
  }
  EXPECT_EQ(tried, 14U) << "autoprobe, 2 counts, 2 × 5, autoprobe";
}

TEST_F(RecreationFailureTest, NamesADriverThatCannotBeGivenBack) {
  device.bus.stubborn.insert("vfio-pci");
  fail(4);
  const auto error = error_of([&] { make(wish); });
  EXPECT_THAT(error, fails(ExitStatus::device,
                           "putting things back failed: give the driver back "
                           "to controller 1 (0000:01:00.1): driver vfio-pci"));
  EXPECT_THAT(error, hints("doctor sim:fake --repair"));
  EXPECT_NE(journal_again().find(IntentKind::provisioning, 0), nullptr);
  EXPECT_TRUE(registry_again().is_marked(1));
}

TEST_F(RecreationFailureTest, VfsThatAreNotThereAgainGetNothing) {
  fail(3, true);
  const auto error = error_of([&] { make(wish); });
  EXPECT_THAT(std::string{error.what()}, testing::Not(testing::HasSubstr("give the driver")));
  heal();
  ASSERT_TRUE(finish_provisioning(access, limits));
  EXPECT_THAT(registry_again().marks(), IsEmpty());
  EXPECT_THAT(journal_again().intents(), IsEmpty());
}

TEST_F(ProvisionFailureTest, WhatCannotBePutBackStaysInTheJournalAndIsFinished) {
  const ProvisionWish wish{.vfs = 2, .queues = 3, .interrupts = 2};
  unsigned tried = 0;
  for (unsigned nth = 3;; ++nth, ++tried) {
    fail(nth, true);
    try {
      make(wish);
      heal();
      break;
    } catch (const Error& error) {
      EXPECT_THAT(error, hints("doctor sim:fake --repair"));
    }
    heal();
    ASSERT_NE(journal_again().find(IntentKind::provisioning, 0), nullptr) << "effect " << nth;
    ASSERT_TRUE(finish_provisioning(access, limits));
    EXPECT_THAT(journal_again().intents(), IsEmpty());
    EXPECT_TRUE(device.at(1).online && device.at(2).online);
    EXPECT_EQ(device.at(2).queues, 3);
    EXPECT_TRUE(device.bus.sriov_of[FakePciBus::physical].autoprobe);
    deprovision(access, false, limits);
  }
  EXPECT_EQ(tried, 11U);
}

TEST_F(ProvisionFailureTest, AFailedFinishKeepsTheWreck) {
  fail(5, true);
  EXPECT_THROW(make({.vfs = 2}), Error);
  fail(2);
  EXPECT_THROW(make({.vfs = 2}), Error);
  EXPECT_NE(journal_again().find(IntentKind::provisioning, 0), nullptr);
  heal();
  const auto result = make({.vfs = 2});
  ASSERT_TRUE(result.wreck.has_value());
  EXPECT_EQ(result.wreck->command, "test");
  EXPECT_THAT(journal_again().intents(), IsEmpty());
}

TEST_F(ProvisionTest, AStopSignalBetweenTwoStepsPutsEverythingBack) {
  device.bus.was_reset = [](const std::string&) { set_interrupted(true); };
  EXPECT_THROW(make({.vfs = 2}), Interrupted);
  EXPECT_EQ(device.bus.sriov_of[FakePciBus::physical].enabled, 0U);
  EXPECT_FALSE(device.at(1).online);
  EXPECT_THAT(journal_again().intents(), IsEmpty());
}

TEST_F(ProvisionTest, NothingIsChangedWhenTheIntentCannotBeWritten) {
  put(folder.folders().run, "a file where a folder should be");
  EXPECT_THAT(refusal({.vfs = 2}), testing::_);
}

// --- Deprovision --------------------------------------------------------------------------------

class DeprovisionTest : public ProvisionFailureTest {};

TEST_F(DeprovisionTest, TakesEverythingAwayAndForgets) {
  bring_up(2);
  registry.mark(2);
  const auto result = deprovision(access, false, limits);
  EXPECT_TRUE(result.changed());
  EXPECT_EQ(result.was_vfs, 2U);
  EXPECT_EQ(device.bus.sriov_of[FakePciBus::physical].enabled, 0U);
  EXPECT_THAT(device.bus.changes,
              ElementsAre("unbind " + vf(1), "unbind " + vf(2), "set_vfs 0000:01:00.0 0"));
  EXPECT_THAT(effects(), ElementsAre("offline 1", "offline 2"));
  EXPECT_THAT(registry_again().marks(), IsEmpty());
  EXPECT_FALSE(deprovision(access, false, limits).changed()) << "the second time";
}

TEST_F(DeprovisionTest, RefusesWhileAFunctionIsInUse) {
  bring_up(2);
  const auto refused_by = [&] { return error_of([&] { deprovision(access, false, limits); }); };
  device.bus.holders[vf(2)] = {{"pid 7 (qemu)", "has it open"}};
  EXPECT_THAT(refused_by(), fails(ExitStatus::refused, "pid 7 (qemu) has it open"));
  device.bus.holders.clear();
  device.bus.uses[vf(2)] = {{"/dev/nvme2n1", "held by dm-0"}};
  EXPECT_THAT(refused_by(), fails(ExitStatus::refused, "held by dm-0"));
  device.bus.uses.clear();
  journal.record(IntentKind::loading, 2);
  EXPECT_THAT(refused_by(), hints("nvmigrate import sim:fake 2"));
  journal.strike({IntentKind::loading}, 2);
  journal.record(IntentKind::suspended, 2);
  EXPECT_THAT(refused_by(), hints("nvmigrate resume sim:fake 2"));
  journal.record(IntentKind::moved, 2);
  EXPECT_THAT(refused_by(), hints("--allow moved"));
  EXPECT_THAT(device.bus.changes, IsEmpty());
  EXPECT_TRUE(deprovision(access, true, limits).changed());
}

TEST_F(DeprovisionTest, WhateverStepFailsTheNextRunFinishes) {
  unsigned tried = 0;
  for (unsigned nth = 1;; ++nth) {
    bring_up(2);
    registry.mark(1);
    fail(nth);
    try {
      deprovision(access, false, limits);
      break;
    } catch (const Error&) {
      ++tried;
    }
    heal();
    EXPECT_NE(journal_again().find(IntentKind::provisioning, 0), nullptr) << "effect " << nth;
    ASSERT_TRUE(finish_provisioning(access, limits));
    EXPECT_EQ(device.bus.sriov_of[FakePciBus::physical].enabled, 0U);
    EXPECT_FALSE(device.at(1).online);
    EXPECT_THAT(registry_again().marks(), IsEmpty());
    EXPECT_THAT(journal_again().intents(), IsEmpty());
  }
  EXPECT_EQ(tried, 5U) << "2 × unbind, 2 × offline, set_vfs";
}

TEST_F(DeprovisionTest, ForgetsWhatARunThatDiedHadDestroyed) {
  registry.mark(1);
  journal.record(IntentKind::provisioning, 0,
                 {{"was_vfs", "2"}, {"wanted_vfs", "0"}, {"autoprobe", "1"}, {"rebuild", "1"}});
  device.bus.sriov_of[FakePciBus::physical].autoprobe = false;
  deprovision(access, false, limits);
  EXPECT_THAT(registry_again().marks(), IsEmpty());
  EXPECT_TRUE(device.bus.sriov_of[FakePciBus::physical].autoprobe);
  EXPECT_THAT(journal_again().intents(), IsEmpty());
}

TEST_F(DeprovisionTest, NothingToFinishIsNoMatter) {
  EXPECT_FALSE(finish_provisioning(access, limits).has_value());
}

}  // namespace
}  // namespace nvmigrate::test
