// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/session/topology.h"

#include "nvmigrate/store/journal.h"
#include "nvmigrate/store/registry.h"
#include "tests/support/fake_session.h"

namespace nvmigrate::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class TopologyTest : public FakeSessionTest {};

TEST_F(TopologyTest, JoinsControllerVfAndPciFunction) {
  bring_up(2);
  const auto& found = topology();
  EXPECT_EQ(found.device, "sim:fake");
  EXPECT_EQ(found.address, FakePciBus::physical);
  EXPECT_TRUE(found.simulated);
  EXPECT_EQ(found.sriov.enabled, 2U);
  ASSERT_EQ(found.functions.size(), 8U);
  const auto* second = found.find(2);
  ASSERT_NE(second, nullptr);
  EXPECT_TRUE(second->secondary);
  EXPECT_EQ(second->online, true);
  EXPECT_EQ(second->queues, 4);
  ASSERT_TRUE(second->pci);
  EXPECT_EQ(second->pci->address, vf(2));
  EXPECT_EQ(second->pci->driver, "nvme");
  EXPECT_FALSE(second->vfio.group);
  EXPECT_FALSE(found.find(3)->pci) << "its VF is not enabled";
  EXPECT_EQ(found.find(0), nullptr) << "the controlling function is not its own";
}

TEST_F(TopologyTest, FunctionOnVfioKeepsItsControllerIdByItsVfNumber) {
  bring_up(2);
  device.bus.give(vf(2), "vfio-pci");
  const auto& found = topology();
  EXPECT_EQ(found.find(2)->pci->address, vf(2));
  EXPECT_EQ(found.find(2)->vfio.group, "/dev/vfio/12");
}

TEST_F(TopologyTest, AFunctionThatIsNotAVfIsFoundByTheKernel) {
  add_other(40);
  const auto& found = topology();
  const auto* other = found.find(40);
  ASSERT_NE(other, nullptr);
  EXPECT_FALSE(other->secondary);
  EXPECT_FALSE(other->online.has_value());
  EXPECT_EQ(other->kernel_name, "nvme7");
  EXPECT_EQ(other->pci->address, other_address);
}

TEST_F(TopologyTest, AFunctionThatIsNotAVfKeepsItsIdOnVfioByItsBindingRecord) {
  place_other(40);
  device.bus.give(other_address, "vfio-pci");
  registry().remember({40, other_address, "vfio-pci", "nvme", {}, {}});
  const auto& found = topology();
  ASSERT_TRUE(found.find(40)->pci);
  EXPECT_EQ(found.find(40)->pci->address, other_address);
  EXPECT_TRUE(found.find(40)->vfio.group);
  EXPECT_EQ(found.find(40)->binding->original_driver, "nvme");
}

TEST_F(TopologyTest, FunctionTakenFromItsDriverIsFoundByTheJournal) {
  place_other(40);
  journal().record(IntentKind::unbound, 40, {{"address", other_address}});
  EXPECT_EQ(topology().find(40)->pci->address, other_address);
  EXPECT_TRUE(topology().find(40)->has(IntentKind::unbound));
}

TEST_F(TopologyTest, StaleRecordDoesNotStealTheFunctionOfAnotherController) {
  device.others = {40};
  add_other(41);
  registry().remember({40, other_address, "vfio-pci", "nvme", {}, {}});
  EXPECT_FALSE(topology().find(40)->pci);
  EXPECT_TRUE(topology().find(41)->pci);
}

TEST_F(TopologyTest, ARecordedAddressOfAnotherDeviceIsNotBelieved) {
  auto& there = place_other(40);
  registry().remember({40, other_address, "vfio-pci", "nvme", {}, {}});
  EXPECT_TRUE(topology().find(40)->pci);
  there.class_code = 0x020000;
  EXPECT_FALSE(topology().find(40)->pci) << "a network card";
  there.class_code = 0x010802;
  there.vendor = 0x144D;
  EXPECT_FALSE(topology().find(40)->pci) << "a drive of another vendor";
  EXPECT_TRUE(topology().find(40)->binding) << "the record itself stays";
}

TEST_F(TopologyTest, ControllersOfOtherSubsystemsAreLeftOut) {
  place_other(40);
  device.bus.kernel.push_back({"nvme7", other_address, "pcie", "live", "nqn.other", 40});
  EXPECT_FALSE(topology().find(40)->pci);
}

TEST_F(TopologyTest, AVfIsKnownByItsAddressWhateverItsDriverCallsTheSubsystem) {
  bring_up(2);
  device.bus.kernel.push_back({"nvme1", vf(1), "pcie", "live", "nqn.replaced", 1});
  EXPECT_EQ(topology().find(1)->kernel_name, "nvme1");
}

TEST_F(TopologyTest, AControllerOfAnotherTransportIsNotThatOfAFunctionOnTheBus) {
  bring_up(2);
  device.bus.give(vf(1), "vfio-pci");
  device.bus.kernel.push_back({"nvme9", {}, "tcp", "live", FakeSubsystem::nqn, 1});
  EXPECT_FALSE(topology().find(1)->kernel_name);
}

TEST_F(TopologyTest, ARecordedAddressThatAnotherDriveHasIsNotBelieved) {
  place_other(40);
  registry().remember({40, other_address, "vfio-pci", "nvme", {}, {}});
  device.bus.kernel.push_back({"nvme7", other_address, "pcie", "live", "nqn.other", 0});
  EXPECT_FALSE(topology().find(40)->pci);
  device.bus.kernel.back().cntlid = 40;
  EXPECT_FALSE(topology().find(40)->pci) << "it may have the same id";
  device.bus.kernel.back().serial = "FAKE";
  EXPECT_TRUE(topology().find(40)->pci) << "the same drive under another name";
  device.bus.kernel.back().serial = "OTHER";
  device.bus.kernel.back().cntlid.reset();
  EXPECT_FALSE(topology().find(40)->pci);
}

TEST_F(TopologyTest, WhatIsNeitherListedNorRecordedIsForeign) {
  bring_up(2);
  add_other(40);
  device.others.push_back(41);
  EXPECT_FALSE(topology().find(1)->foreign()) << "a VF of this controlling function";
  EXPECT_FALSE(topology().find(8)->foreign()) << "likewise, not enabled";
  EXPECT_TRUE(topology().find(40)->foreign()) << "no VF, though on the PCI bus of this host";
  EXPECT_FALSE(topology().find(40)->elsewhere());
  EXPECT_TRUE(topology().find(41)->foreign());
  EXPECT_TRUE(topology().find(41)->elsewhere());
  journal().record(IntentKind::suspended, 41);
  session().refresh();
  EXPECT_FALSE(topology().find(41)->foreign()) << "where its guest is is recorded here";
}

TEST_F(TopologyTest, AVfOfAnotherFunctionOfThisHostIsForeign) {
  add_other(40).physical = "0000:02:00.7";
  EXPECT_TRUE(topology().find(40)->of_another);
  EXPECT_TRUE(topology().find(40)->foreign());
  registry().mark(40);
  EXPECT_FALSE(topology().find(40)->foreign());
  EXPECT_TRUE(topology().find(40)->of_another);
}

TEST_F(TopologyTest, AListEntryThatNamesAnotherPrimaryIsOfThatOne) {
  device.secondary.push_back({60, 59, true, 1, 4, 4});
  const auto& found = topology();
  EXPECT_FALSE(found.find(60)->secondary);
  EXPECT_EQ(found.find(60)->vfn, 0) << "the VF numbers of another are not this one's";
  EXPECT_TRUE(found.find(60)->foreign());
  EXPECT_TRUE(found.find(59)->controls);
}

TEST_F(TopologyTest, TheDeviceTellsWhichControllerIsAPrimary) {
  device.others = {40, 41};
  device.other_primaries = {41};
  EXPECT_FALSE(topology().find(41)->controls) << "it is not asked for a listing";
  EXPECT_TRUE(session().ask_whether_controls(41).controls);
  EXPECT_FALSE(session().ask_whether_controls(40).controls);
  EXPECT_FALSE(session().ask_whether_controls(1).controls);
}

TEST_F(TopologyTest, ControllersOfAnotherDriveWithTheSameNqnAreLeftOut) {
  add_other(40);
  EXPECT_TRUE(topology().find(40)->pci);
  device.bus.kernel.back().serial = "FAKE";
  EXPECT_TRUE(topology().find(40)->pci);
  device.bus.kernel.back().serial = "OTHER";
  EXPECT_FALSE(topology().find(40)->pci);
  EXPECT_FALSE(topology().find(40)->kernel_name);
}

TEST_F(TopologyTest, RecallsMarksAndIntents) {
  registry().mark(3);
  journal().record(IntentKind::suspended, 3);
  journal().record(IntentKind::provisioning, 0);
  const auto& found = topology();
  EXPECT_TRUE(found.find(3)->marked);
  EXPECT_TRUE(found.find(3)->has(IntentKind::suspended));
  EXPECT_FALSE(found.find(3)->has(IntentKind::away));
  EXPECT_FALSE(found.find(4)->marked);
  ASSERT_EQ(found.intents.size(), 1U);
  EXPECT_EQ(found.intents.front().kind, IntentKind::provisioning);
  EXPECT_TRUE(found.other_intents.empty());
}

TEST_F(TopologyTest, AProvisioningBelongsToTheControllingFunctionThatBeganIt) {
  device.others = {40};
  journal().record(IntentKind::provisioning, 40);
  const auto& found = topology();
  EXPECT_TRUE(found.intents.empty());
  EXPECT_TRUE(found.find(40)->intents.empty());
  ASSERT_EQ(found.other_intents.size(), 1U);
  EXPECT_EQ(found.other_intents.front().cntlid, 40);
}

TEST_F(TopologyTest, ThreeHundredFunctionsTakeThreeSecondaryLists) {
  device.secondary.clear();
  for (std::uint16_t id = 1; id <= 300; ++id)
    device.secondary.push_back({id, 0, false, id, 0, 0});
  EXPECT_EQ(topology().functions.size(), 300U);
  EXPECT_EQ(device.count_of("identify 15"), 3U);
}

TEST_F(TopologyTest, APlainDriveIsNotAskedForListsThatItDoesNotKnow) {
  device.virtualization = device.live_migration = false;
  device.bus.sriov_of[FakePciBus::physical].total = 0;
  const auto& found = topology();
  EXPECT_TRUE(found.functions.empty());
  EXPECT_FALSE(found.resources);
  EXPECT_THAT(device.commands, ElementsAre("identify 01"));
}

TEST_F(TopologyTest, AListThatTheDeviceDoesNotKnowIsEmpty) {
  device.virtualization = false;
  device.before = [](const AdminCommand& command) -> std::optional<AdminCompletion> {
    if ((command.cdw10 & 0xFFU) == 0x13U) return FakeSubsystem::error(sc::invalid_field);
    return std::nullopt;
  };
  EXPECT_TRUE(topology().functions.empty());
}

TEST_F(TopologyTest, OtherErrorsOfTheDeviceAreThrown) {
  device.before = [](const AdminCommand& command) -> std::optional<AdminCompletion> {
    if ((command.cdw10 & 0xFFU) == 0x13U) return FakeSubsystem::error(sc::internal_error);
    return std::nullopt;
  };
  EXPECT_THROW(static_cast<void>(topology()), NvmeError);
}

TEST_F(TopologyTest, AFunctionThatCannotBeReadHidesNoOther) {
  bring_up(2);
  device.bus.unreadable.insert(vf(1));
  const auto& found = topology();
  EXPECT_THAT(found.find(1)->unread, testing::HasSubstr(vf(1)));
  EXPECT_FALSE(found.find(1)->pci);
  EXPECT_EQ(found.find(2)->unread, "");
  EXPECT_TRUE(found.find(2)->pci);
}

TEST_F(TopologyTest, AControllerThatCannotBeReadMayBeAnyThatIsMissing) {
  bring_up(2);
  device.others.push_back(40);
  device.bus.give(vf(2), "vfio-pci");
  device.bus.kernel.push_back({.name = "nvme0", .address = FakePciBus::physical});
  device.bus.kernel.push_back({.name = "nvme3", .unread = "cannot read nvme3"});
  const auto& found = topology();
  EXPECT_EQ(found.find(1)->unread, "cannot read nvme3") << "the nvme driver has it";
  EXPECT_EQ(found.find(2)->unread, "") << "on vfio";
  EXPECT_EQ(found.find(40)->unread, "cannot read nvme3") << "where it is, only a controller tells";
}

TEST_F(TopologyTest, NoOtherNameIsTakenForThatOfAControllerThatCannotBeRead) {
  device.bus.kernel.push_back({.name = "nvme0", .unread = "cannot read nvme0"});
  EXPECT_STREQ(thrown_by([&] { static_cast<void>(open()); }).what(), "cannot read nvme0")
      << "its records are found by the name that the kernel shows";
}

TEST_F(TopologyTest, WhatOnlyShowsIsNotStoppedByAListThatCannotBeRead) {
  device.before = [](const AdminCommand& command) -> std::optional<AdminCompletion> {
    if ((command.cdw10 & 0xFFU) == 0x15U) return FakeSubsystem::error(sc::internal_error);
    return std::nullopt;
  };
  session().tolerate_unreadable_lists();
  const auto& found = topology();
  EXPECT_EQ(found.functions.size(), 8U) << "those of the list of all controllers";
  ASSERT_EQ(found.oddities.size(), 1U);
  EXPECT_TRUE(found.oddities[0].hides);
}

TEST_F(TopologyTest, ControllersThatClaimOneVfAreBothWithoutAPlace) {
  bring_up(2);
  device.at(2).vfn = 1;
  const auto& found = topology();
  EXPECT_FALSE(found.find(1)->pci);
  EXPECT_FALSE(found.find(2)->pci);
  EXPECT_TRUE(found.find(1)->secondary);
}

}  // namespace
}  // namespace nvmigrate::test
