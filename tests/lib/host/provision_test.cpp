// SPDX-License-Identifier: LGPL-2.1-or-later
#include <condition_variable>
#include <mutex>

#include "nvmigrate/base/parallel.h"
#include "tests/lib/host/provision_fixture.h"

namespace nvmigrate::test {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

TEST_F(ProvisionTest, DoesTheStepsInTheOrderThatWorks) {
  make({.vfs = 2, .queues = 3, .interrupts = 2});
  EXPECT_THAT(effects(), ElementsAre("offline 1", "offline 2", "assign_queues 1 3",
                                     "assign_queues 2 3", "assign_interrupts 1 2",
                                     "assign_interrupts 2 2", "online 1", "online 2"));
  ASSERT_THAT(device.bus.changes, SizeIs(5));
  EXPECT_EQ(device.bus.changes[0], "set_autoprobe 0000:01:00.0 0");
  EXPECT_EQ(device.bus.changes[1], "set_vfs 0000:01:00.0 2");
  EXPECT_THAT(device.bus.changes, Contains("reset " + vf(1)));
  EXPECT_THAT(device.bus.changes, Contains("reset " + vf(2)));
  EXPECT_EQ(device.bus.changes[4], "set_autoprobe 0000:01:00.0 1");
}

TEST_F(ProvisionTest, TellsWhatThereIsAfterwards) {
  const auto result = make({.vfs = 2, .queues = 3, .interrupts = 2});
  EXPECT_TRUE(result.changed());
  EXPECT_THAT(result.findings, IsEmpty());
  ASSERT_THAT(result.functions, SizeIs(2));
  EXPECT_EQ(result.functions[1].cntlid, 2);
  EXPECT_EQ(result.functions[1].address, vf(2));
  EXPECT_EQ(result.functions[1].queues, 3);
  EXPECT_TRUE(device.at(2).online);
  EXPECT_THAT(journal_again().intents(), IsEmpty());
}

/// Of a device that lists its secondary controllers only once there are VFs.
FakeSubsystem::Hook list_without_vfs(FakeSubsystem& device) {
  return [&device](const AdminCommand& command) -> std::optional<AdminCompletion> {
    const bool list = command.opcode == 0x06 && (command.cdw10 & 0xFFU) == 0x15U;
    if (!list || device.bus.sriov_of[FakePciBus::physical].enabled != 0) return std::nullopt;
    std::fill(command.from_device.begin(), command.from_device.end(), std::byte{});
    return AdminCompletion{};
  };
}

TEST_F(ProvisionTest, AListThatIsEmptyBeforeTheVfsIsReadAgain) {
  device.before = list_without_vfs(device);
  const auto result = make({.vfs = 2, .queues = 3, .interrupts = 2});
  EXPECT_EQ(result.was_vfs, 0U);
  EXPECT_THAT(result.findings, IsEmpty());
  ASSERT_THAT(result.functions, SizeIs(2));
  EXPECT_EQ(result.functions[1].cntlid, 2);
  EXPECT_TRUE(device.at(2).online);
  EXPECT_EQ(device.at(2).queues, 3);
  EXPECT_FALSE(is_unfinished());
}

TEST_F(ProvisionTest, TheVfsAreGoneAgainWhenThatFails) {
  const auto lists = list_without_vfs(device);
  device.before = [&](const AdminCommand& command) -> std::optional<AdminCompletion> {
    const bool online = command.opcode == 0x1C && (command.cdw10 & 0xFU) == 9;
    return online ? FakeSubsystem::error(sc::internal_error) : lists(command);
  };
  EXPECT_EQ(thrown_by([&] { make({.vfs = 2}); }).status(), ExitStatus::device);
  EXPECT_EQ(sriov().enabled, 0U);
  EXPECT_FALSE(is_unfinished());
}

TEST_F(ProvisionTest, TheSecondTimeNothingChanges) {
  const ProvisionRequest request{.vfs = 4, .queues = 2, .interrupts = 1};
  make(request);
  device.commands.clear();
  device.bus.changes.clear();
  const auto again = make(request);
  EXPECT_FALSE(again.changed());
  EXPECT_THAT(effects(), IsEmpty());
  EXPECT_THAT(device.bus.changes, IsEmpty());
  EXPECT_THAT(again.functions, SizeIs(4));
  EXPECT_FALSE(make({.vfs = 4}).changed()) << "whatever share they have is right";
}

TEST_F(ProvisionTest, APlanChangesNothing) {
  EXPECT_TRUE(plan_provision(session(), {.vfs = 2}).changed());
  EXPECT_THAT(effects(), IsEmpty());
  EXPECT_THAT(device.bus.changes, IsEmpty());
  EXPECT_FALSE(is_unfinished());
}

TEST_F(ProvisionTest, SharesEvenlyInSteps) {
  device.queues_total = 23;
  device.interrupts_total = 100;
  device.granularity = 2;
  const auto result = make({.vfs = 3});
  EXPECT_EQ(result.functions[0].queues, 6) << "7 each, in steps of 2";
  EXPECT_EQ(result.functions[0].interrupts, 16) << "no more than a function may have";
}

TEST_F(ProvisionTest, SharesWhatTheFunctionsHoldWhileOffline) {
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

TEST_F(ProvisionTest, WarnsOfANumberThatMayBeRounded) {
  device.granularity = 4;
  const auto result = make({.vfs = 2, .queues = 5, .interrupts = 4});
  ASSERT_THAT(codes_of(result.findings), ElementsAre("granularity"));
  EXPECT_EQ(result.findings[0].severity, Severity::warning);
  EXPECT_THAT(result.findings[0].message, HasSubstr("VQGRAN"));
  EXPECT_TRUE(result.changed()) << "the device grants it exactly";
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
  EXPECT_EQ(sriov().enabled, 2U);
  EXPECT_FALSE(result.functions[0].cntlid.has_value());
  EXPECT_THAT(codes_of(result.findings), ElementsAre("no_controller_ids"));
  EXPECT_EQ(result.functions[1].address, vf(2));
  EXPECT_THAT(effects(), IsEmpty());
}

TEST_F(ProvisionTest, WithoutCapabilitiesFunctionsAreBroughtOnlineAndReadBack) {
  device.before = [](const AdminCommand& command) -> std::optional<AdminCompletion> {
    if ((command.cdw10 & 0xFFU) != 0x14U) return std::nullopt;
    return FakeSubsystem::error(sc::invalid_field);
  };
  EXPECT_EQ(thrown_by([&] { make({.vfs = 2}); }).status(), ExitStatus::device)
      << "this device lets none online without resources";
  EXPECT_EQ(sriov().enabled, 0U);
}

TEST_F(ProvisionTest, VfsThatTheDeviceDoesNotNumberAreNotCalledOnline) {
  for (auto& one : device.secondary)
    one.vfn = 0;
  const auto result = make({.vfs = 2});
  EXPECT_THAT(codes_of(result.findings), ElementsAre("no_controller_ids"));
  EXPECT_FALSE(result.functions[0].cntlid);
  EXPECT_FALSE(result.functions[0].online);
}

TEST_F(ProvisionTest, LeavesAutoprobeOffWhereItWasOff) {
  sriov().autoprobe = false;
  make({.vfs = 1});
  EXPECT_FALSE(sriov().autoprobe);
}

TEST_F(ProvisionTest, ResetsAtOnce) {
  std::mutex mutex;
  std::condition_variable all_here;
  unsigned here = 0;
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

TEST_F(ProvisionTest, WithoutAThreadTheResetsAreStillDone) {
  unsigned asked = 0;
  limits.start = [&](const std::function<void()>&) -> std::thread {
    ++asked;
    throw std::system_error(EAGAIN, std::generic_category());
  };
  make({.vfs = 4});
  EXPECT_EQ(asked, 1U);
  for (unsigned vfn = 1; vfn <= 4; ++vfn) {
    EXPECT_THAT(device.bus.changes, Contains("reset " + vf(vfn)));
    EXPECT_TRUE(device.at(static_cast<std::uint16_t>(vfn)).online);
  }
  EXPECT_FALSE(is_unfinished());
}

TEST_F(ProvisionTest, WithFewerThreadsTheResetsAreStillDone) {
  unsigned asked = 0;
  limits.start = [&](std::function<void()> work) {
    if (++asked > 2) throw std::system_error(EAGAIN, std::generic_category());
    return start_thread(std::move(work));
  };
  make({.vfs = 8});
  for (unsigned vfn = 1; vfn <= 8; ++vfn) {
    EXPECT_THAT(device.bus.changes, Contains("reset " + vf(vfn)));
  }
}

// --- Recreation ---------------------------------------------------------------------------------

TEST_F(ProvisionTest, RecreatesAndForgets) {
  bring_up(2);
  registry().mark(1);
  registry().remember({2, vf(2), "vfio-pci", "nvme", {}, {}});
  record(IntentKind::away, 2);
  const auto result = make({.vfs = 3, .queues = 5, .recreate = true});
  EXPECT_EQ(result.was_vfs, 2U);
  EXPECT_EQ(sriov().enabled, 3U);
  EXPECT_EQ(device.at(3).queues, 5);
  EXPECT_THAT(registry_again().marks(), IsEmpty());
  EXPECT_THAT(registry_again().bindings(), IsEmpty());
  EXPECT_THAT(journal_again().intents(), IsEmpty());
}

TEST_F(ProvisionTest, RecreationDestroysNothingThatIsAsRequested) {
  bring_up(2);
  EXPECT_FALSE(make({.vfs = 2, .queues = 4, .interrupts = 4, .recreate = true}).changed());
}

}  // namespace
}  // namespace nvmigrate::test
