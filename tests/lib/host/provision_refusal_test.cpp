// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tests/lib/host/provision_fixture.h"

namespace nvmigrate::test {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::UnorderedElementsAre;

class ProvisionRefusalTest : public ProvisionTest {};

TEST_F(ProvisionTest, AReadOnlySysfsLeavesNoRecord) {
  device.bus.read_only = true;
  EXPECT_THAT(refused({.vfs = 1}), testing::ElementsAre("not_writable"));
  device.bus.read_only = false;
  make({.vfs = 1});
  device.bus.read_only = true;
  EXPECT_THAT(refusal_of([&] { take_down(); }), testing::ElementsAre("not_writable"));
  EXPECT_FALSE(make({.vfs = 1}).changed()) << "there is nothing to write";
  EXPECT_FALSE(is_unfinished());
}

TEST_F(ProvisionRefusalTest, NoVfsAtAllIsAUsageError) {
  EXPECT_EQ(thrown_by([&] { make({.vfs = 0}); }).status(), ExitStatus::usage);
}

TEST_F(ProvisionRefusalTest, RefusesMoreVfsThanTheDeviceHas) {
  const auto error = refusal({.vfs = 9});
  EXPECT_EQ(error.status(), ExitStatus::refused);
  EXPECT_EQ(error.code(), "too_many_vfs");
  EXPECT_THAT(refused({.vfs = 4'000'000'000U}), ElementsAre("too_many_vfs"));
}

TEST_F(ProvisionRefusalTest, RefusesMoreResourcesThanAFunctionCanHave) {
  for (const auto& request :
       {ProvisionRequest{.vfs = 2, .queues = 17}, ProvisionRequest{.vfs = 2, .interrupts = 17}}) {
    const auto error = refusal(request);
    EXPECT_EQ(error.status(), ExitStatus::unsupported);
    EXPECT_THAT(codes_of(error.findings()), ElementsAre("too_many_resources"));
  }
}

TEST_F(ProvisionRefusalTest, RefusesFewerResourcesThanAFunctionNeeds) {
  EXPECT_THAT(refused({.vfs = 2, .queues = 1}), ElementsAre("too_few_resources"));
  EXPECT_THAT(refused({.vfs = 2, .interrupts = 0}), ElementsAre("too_few_resources"));
}

TEST_F(ProvisionRefusalTest, RefusesMoreThanIsFree) {
  device.queues_total = 10;
  const auto error = refusal({.vfs = 4, .queues = 3});
  EXPECT_EQ(error.code(), "resources_short");
  EXPECT_THAT(error.what(), HasSubstr("12")) << "what is needed";
  EXPECT_THAT(refused({.vfs = 8}), ElementsAre("resources_short")) << "2 for each of 8";
}

TEST_F(ProvisionRefusalTest, NamesWhatTheControllingFunctionHoldsItself) {
  device.queues_total = device.queues_primary = 16;
  const auto error = refusal({.vfs = 2, .queues = 2});
  EXPECT_EQ(error.code(), "resources_short");
  EXPECT_THAT(error.what(), HasSubstr("16 of 16"));
  EXPECT_THAT(error.remedies(), ElementsAre(Remedy{.action = Remedy::Action::provision,
                                                   .device = name,
                                                   .count = 2,
                                                   .queues = 2,
                                                   .release_primary = true}));
}

TEST_F(ProvisionRefusalTest, DoesNotOfferAReleaseThatWouldNotSuffice) {
  device.queues_total = device.queues_primary = 16;
  EXPECT_THAT(refusal({.vfs = 8, .queues = 3}).remedies(), testing::IsEmpty());
}

TEST_F(ProvisionRefusalTest, RefusesMoreThanThereIsForOneFunction) {
  device.queues_total = 8;
  const auto error = refusal({.vfs = 1, .queues = 9});
  EXPECT_EQ(error.status(), ExitStatus::unsupported);
  EXPECT_THAT(error.what(), HasSubstr("at most 8 queues"));
}

TEST_F(ProvisionRefusalTest, ADeviceWithoutFlexibleResourcesIsUnsupported) {
  device.virtualization = false;
  const auto error = refusal({.vfs = 2, .queues = 2});
  EXPECT_EQ(error.status(), ExitStatus::unsupported);
  EXPECT_EQ(error.code(), "no_flexible_resources");
}

TEST_F(ProvisionRefusalTest, ADeviceWithoutSriovIsUnsupported) {
  sriov().total = 0;
  const auto error = refusal({.vfs = 2});
  EXPECT_EQ(error.status(), ExitStatus::unsupported);
  EXPECT_EQ(error.code(), "no_sriov");
}

TEST_F(ProvisionRefusalTest, VfsWithoutASecondaryControllerAreUnsupported) {
  device.secondary.resize(2);
  const auto error = refusal({.vfs = 4});
  EXPECT_EQ(error.status(), ExitStatus::unsupported);
  EXPECT_EQ(error.code(), "no_secondary");
  EXPECT_THAT(error.what(), HasSubstr("VF 3"));
}

TEST_F(ProvisionRefusalTest, RefusesToDestroyVfsUnlessTold) {
  bring_up(2);
  const auto error = refusal({.vfs = 3});
  EXPECT_EQ(error.code(), "vfs_exist");
  EXPECT_THAT(error.remedies(),
              ElementsAre(Remedy{.action = Remedy::Action::recreate, .device = name, .count = 3},
                          of(Remedy::Action::deprovision)));
}

TEST_F(ProvisionRefusalTest, RefusesOtherResourcesForAnOnlineFunction) {
  bring_up(2);
  const auto error = refusal({.vfs = 2, .queues = 5});
  EXPECT_THAT(codes_of(error.findings()), ElementsAre("resources_assigned", "resources_assigned"));
  EXPECT_THAT(
      error.remedies(),
      ElementsAre(
          Remedy{.action = Remedy::Action::recreate, .device = name, .count = 2, .queues = 5},
          of(Remedy::Action::deprovision)));
}

TEST_F(ProvisionRefusalTest, RefusesToResetAFunctionThatIsInUse) {
  bring_up(1);
  device.at(1).online = false;
  device.bus.holders[vf(1)] = {{"pid 7 (qemu)", "holds it open"}};
  EXPECT_THAT(refused({.vfs = 1}), ElementsAre("open_in_vm"));
}

TEST_F(ProvisionRefusalTest, RefusesToDestroyAFunctionThatIsInUse) {
  bring_up(2);
  device.bus.holders[vf(1)] = {{"pid 7 (qemu)", "holds it open"}};
  device.bus.uses[vf(2)] = {{"/dev/nvme2n1", "mounted on /srv"}};
  EXPECT_THAT(refused({.vfs = 3, .recreate = true}), ElementsAre("open_in_vm", "used_by_host"));
}

TEST_F(ProvisionRefusalTest, RefusesToDestroyAFunctionInUseWhoseControllerIdIsNotKnown) {
  device.virtualization = false;
  device.secondary.clear();
  device.bus.enable(2);
  device.bus.give(vf(2), "vfio-pci");
  device.bus.holders[vf(2)] = {{"pid 7 (qemu)", "holds it open"}};
  const auto error = refusal({.vfs = 3, .recreate = true});
  EXPECT_EQ(error.code(), "open_in_vm");
  EXPECT_THAT(error.what(), HasSubstr(vf(2)));
}

TEST_F(ProvisionRefusalTest, ListsAllThatStandsAtOnce) {
  bring_up(2);
  suspend(1);
  device.bus.uses[vf(2)] = {{"/dev/nvme2n1", "mounted on /srv"}};
  const auto error = refusal({.vfs = 3, .queues = 17, .interrupts = 0});
  EXPECT_EQ(error.status(), ExitStatus::unsupported) << "that of the weightiest";
  EXPECT_THAT(codes_of(error.findings()),
              UnorderedElementsAre("too_many_resources", "too_few_resources", "vfs_exist",
                                   "suspended", "used_by_host"));
  EXPECT_THAT(error.remedies(), Contains(of(Remedy::Action::resume, 1)));
}

}  // namespace
}  // namespace nvmigrate::test
