// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tests/lib/host/binding_fixture.h"

namespace nvmigrate::test {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

class BindingRefusalTest : public BindingTest {};

TEST_F(BindingRefusalTest, ADriverThatIsNotAVfioDriverIsAUsageError) {
  device.bus.drivers.insert("pci-stub");
  for (const std::string driver : {"nvme", "", "pci-stub"}) {
    const auto error = thrown_by([&] { take("1", {.driver = driver}); });
    EXPECT_EQ(error.status(), ExitStatus::usage) << driver;
  }
  EXPECT_THAT(device.bus.changes, IsEmpty());
  expect_no_records();
}

TEST_F(BindingRefusalTest, RefusesFunctionsThatThisHostUses) {
  device.bus.uses[vf(2)] = {{"/dev/nvme2n1", "mounted on /srv"}, {"/dev/nvme2n2", "held by dm-0"}};
  const auto refusal = thrown_by<Refusal>([&] { take("1-2"); });
  EXPECT_THAT(codes_of(refusal.findings()), ElementsAre("used_by_host"));
  EXPECT_EQ(refusal.findings()[0].cntlid, 2);
  EXPECT_THAT(refusal.what(), AllOf(HasSubstr("/dev/nvme2n1"), HasSubstr("/dev/nvme2n2")));
  EXPECT_THAT(device.bus.changes, IsEmpty());
}

TEST_F(BindingRefusalTest, AReadOnlySysfsLeavesNoRecord) {
  device.bus.read_only = true;
  EXPECT_THAT(refused("1"), ElementsAre("not_writable"));
  EXPECT_THAT(refusal_of([&] { plan_bind(session(), select(topology(), "1", "bind"), {}); }),
              ElementsAre("not_writable"));
  expect_no_records();
}

TEST_F(BindingRefusalTest, RefusesFunctionsThatHaveVfs) {
  device.bus.sriov_of[vf(1)] = {.total = 4, .enabled = 2, .autoprobe = true};
  EXPECT_THAT(refused("1"), ElementsAre("has_virtual_functions"));
}

TEST_F(BindingRefusalTest, RefusesAnotherControllingFunctionEvenWithoutVfs) {
  add_other(40).iommu_group = 40;
  device.bus.sriov_of[other_address].total = 4;
  EXPECT_THAT(refused("40"), ElementsAre("controlling_function"));
}

TEST_F(BindingRefusalTest, RefusesAnotherControllingFunctionThatIsBoundAlready) {
  auto& other = add_other(40);
  other.iommu_group = 40;
  other.driver = "vfio-pci";
  device.bus.sriov_of[other_address].total = 4;
  EXPECT_THAT(refused("40", {.owner = Owner{1, 2}}), ElementsAre("controlling_function"));
}

TEST_F(BindingRefusalTest, RefusesTheControllingFunction) {
  EXPECT_THAT(refused("0"), ElementsAre("controlling_function"));
}

TEST_F(BindingRefusalTest, RefusesAFunctionWhoseAddressIsThatOfTheControllingFunction) {
  device.bus.enable(0);
  device.bus.functions.at(FakePciBus::physical).iommu_group = 1;
  device.others = {40};
  device.bus.kernel.push_back(
      {"nvme0", FakePciBus::physical, "pcie", "live", FakeSubsystem::nqn, 40});
  EXPECT_THAT(refused("40"), ElementsAre("controlling_function"));
}

TEST_F(BindingRefusalTest, RefusesASharedGroupUnlessAllowed) {
  device.bus.functions.at(vf(2)).iommu_group = 11;
  const auto refusal = thrown_by<Refusal>([&] { take("1"); });
  EXPECT_THAT(codes_of(refusal.findings()), ElementsAre("shared_group"));
  EXPECT_TRUE(refusal.findings()[0].overridable);
  EXPECT_THAT(refusal.what(), HasSubstr(vf(2)));
  const auto result = take("1", {.allowed = {"shared_group"}});
  EXPECT_TRUE(result.changed());
  EXPECT_THAT(codes_of(result.findings), ElementsAre("shared_group")) << "allowed, and told";
}

TEST_F(BindingRefusalTest, WhatIsOnVfioAlreadyDoesNotShareAGroup) {
  device.bus.functions.at(vf(2)).iommu_group = 11;
  device.bus.give(vf(2), "vfio-pci");
  EXPECT_TRUE(take("1").changed());
}

TEST_F(BindingRefusalTest, FunctionsOfAGroupAreBoundAtOnceBesideABridge) {
  device.bus.functions.at(vf(2)).iommu_group = 11;
  auto& bridge = device.bus.functions["0000:00:01.0"] = FakePciBus::function_at("0000:00:01.0");
  bridge.class_code = 0x060400;
  bridge.iommu_group = 11;
  EXPECT_FALSE(take("1-2").failed());
}

TEST_F(BindingRefusalTest, RefusesWithoutAnIommu) {
  device.bus.iommu = false;
  EXPECT_THAT(refused("1"), ElementsAre("no_iommu"));
}

TEST_F(BindingRefusalTest, RefusesAFunctionWithoutAGroup) {
  device.bus.functions.at(vf(1)).iommu_group.reset();
  EXPECT_THAT(refused("1"), ElementsAre("no_iommu"));
}

TEST_F(BindingRefusalTest, RefusesWhatIsNotOnTheBusAndSaysHowToBringItThere) {
  const auto refusal = thrown_by<Refusal>([&] { take("4"); });
  EXPECT_THAT(codes_of(refusal.findings()), Contains("not_on_bus"));
  const Remedy remedy{.action = Remedy::Action::provision, .device = name, .count = 4};
  device.bus.enable(0);
  EXPECT_THAT(thrown_by([&] { take("4"); }).remedies(), Contains(remedy));
}

TEST_F(BindingRefusalTest, ADriverThatThisKernelLacksIsUnsupported) {
  device.bus.drivers.erase("vfio-pci");
  const auto refusal = thrown_by<Refusal>([&] { take("1-2"); });
  EXPECT_EQ(refusal.status(), ExitStatus::unsupported);
  EXPECT_THAT(codes_of(refusal.findings()), ElementsAre("no_driver", "no_driver"));
  EXPECT_THAT(device.bus.changes, IsEmpty());
}

TEST_F(BindingRefusalTest, RefusesAnotherDriverWhileTheNodeIsOpen) {
  take("1");
  device.bus.drivers.insert("other-vfio");
  device.bus.holders[vf(1)] = {{"pid 7 (qemu)", "holds it open"}};
  EXPECT_THAT(refused("1", {.driver = "other-vfio"}), ElementsAre("open_in_vm"));
}

TEST_F(BindingRefusalTest, RefusesASuspendedFunction) {
  suspend(1);
  const auto refusal = thrown_by<Refusal>([&] { take("1"); });
  EXPECT_THAT(codes_of(refusal.findings()), ElementsAre("suspended"));
  EXPECT_THAT(refusal.remedies(), ElementsAre(of(Remedy::Action::resume, 1)));
  EXPECT_THAT(device.bus.changes, IsEmpty());
}

TEST_F(BindingRefusalTest, RefusesASuspendedFunctionWithoutARecord) {
  backend[1].suspended = true;
  EXPECT_THAT(refused("1"), ElementsAre("suspended_unrecorded"));
}

TEST_F(BindingRefusalTest, DoesNotBelieveARecordThatTheDeviceContradicts) {
  journal().record(IntentKind::suspended, 1);
  EXPECT_TRUE(take("1").changed());
}

TEST_F(BindingRefusalTest, ListsAllThatStandsAtOnce) {
  suspend(1);
  device.bus.uses[vf(1)] = {{"/dev/nvme1n1", "mounted on /srv"}};
  device.bus.functions.at(vf(3)).iommu_group = 12;
  device.bus.holders[vf(2)] = {{"pid 7 (qemu)", "holds it open"}};
  const auto refusal = thrown_by<Refusal>([&] { take("1-2,4"); });
  EXPECT_EQ(refusal.status(), ExitStatus::refused);
  EXPECT_THAT(codes_of(refusal.findings()),
              UnorderedElementsAre("used_by_host", "suspended", "open_in_vm", "shared_group",
                                   "not_on_bus", "offline"));
  EXPECT_THAT(refusal.remedies(), Contains(of(Remedy::Action::resume, 1)));
  EXPECT_THAT(device.bus.changes, IsEmpty());
}

}  // namespace
}  // namespace nvmigrate::test
