// SPDX-License-Identifier: LGPL-2.1-or-later
#include <gmock/gmock.h>

#include <atomic>
#include <condition_variable>

#include "tests/lib/host/provision_fixture.h"

namespace nvmigrate::test {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

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
  EXPECT_THAT(result.warnings, IsEmpty());
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

TEST_F(ProvisionTest, WarnsOfANumberThatMayBeRounded) {
  device.granularity = 4;
  const auto plan =
      plan_provision(topology(), device.bus, {.vfs = 2, .queues = 5, .interrupts = 4});
  ASSERT_THAT(plan.warnings, SizeIs(1));
  EXPECT_THAT(plan.warnings[0], testing::HasSubstr("queues in steps of 4 (VQGRAN); asked for 5"));
  EXPECT_TRUE(make({.vfs = 2, .queues = 5, .interrupts = 4}).changed()) << "it grants exactly";
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
  ASSERT_THAT(result.warnings, SizeIs(1));
  EXPECT_THAT(result.warnings[0], testing::HasSubstr("CNS 15h"));
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

TEST_F(ProvisionTest, NamesWhatTheControllingFunctionHoldsItself) {
  device.queues_total = device.queues_primary = 16;
  const auto error = refusal({.vfs = 2, .queues = 2});
  EXPECT_THAT(error, fails(ExitStatus::refused, "0 flexible queues free"));
  EXPECT_THAT(error, fails(ExitStatus::refused, "it holds 16 of 16 for itself"));
  EXPECT_THAT(error, hints("nvme virt-mgmt sim:fake --cntlid=0 --rt=0 --act=1 --nr=0"));
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

}  // namespace
}  // namespace nvmigrate::test
