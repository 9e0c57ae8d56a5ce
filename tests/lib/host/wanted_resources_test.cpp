// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tests/lib/host/provision_fixture.h"

namespace nvmigrate::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

/// What provisioning records of the functions, and does with it after a reset.
class WantedResourcesTest : public ProvisionFailureTest {
 protected:
  void reset_controlling_function() {
    device.bus.reset(FakePciBus::physical);
    device.commands.clear();
    device.bus.changes.clear();
  }
};

TEST_F(WantedResourcesTest, AreRecordedAsAskedForAndAsGranted) {
  device.grant_more = 1;
  const auto result = make({.vfs = 2, .queues = 3, .interrupts = 2});
  EXPECT_EQ(result.functions[0].queues, 4);
  EXPECT_EQ(result.functions[1].interrupts, 3);
  EXPECT_THAT(registry_again().wanted(),
              ElementsAre(WantedResources{1, 3, 2, 4, 3}, WantedResources{2, 3, 2, 4, 3}));
  device.commands.clear();
  device.bus.changes.clear();
  EXPECT_FALSE(make({.vfs = 2, .queues = 3, .interrupts = 2}).changed()) << "what was granted";
  EXPECT_EQ(refused({.vfs = 2, .queues = 2}), (Codes{"resources_assigned", "resources_assigned"}));
}

TEST_F(WantedResourcesTest, AreRecordedOfFunctionsThatAreReadyAlready) {
  bring_up(1, 5, 3);
  EXPECT_FALSE(make({.vfs = 1}).changed());
  EXPECT_THAT(registry_again().wanted(), ElementsAre(WantedResources{1, 5, 3, 5, 3}));
}

TEST_F(WantedResourcesTest, AreRestoredAfterAResetWhileMarkBindingAndDriverStay) {
  make({.vfs = 2, .queues = 3, .interrupts = 2});
  registry().mark(1);
  device.bus.give(vf(1), "vfio-pci");
  registry().remember({1, vf(1), "vfio-pci", "nvme", {}, {}});
  const auto before = device.secondary;
  reset_controlling_function();
  EXPECT_TRUE(topology().find(1)->lost_resources());
  make({.vfs = 2});
  EXPECT_EQ(device.secondary, before);
  EXPECT_TRUE(registry_again().is_marked(1));
  EXPECT_NE(registry_again().binding_of(1), nullptr);
  EXPECT_EQ(device.bus.functions.at(vf(1)).driver, "vfio-pci");
  EXPECT_FALSE(topology().find(1)->lost_resources());
}

TEST_F(WantedResourcesTest, AreRestoredWhenTheHostRestarted) {
  make({.vfs = 2, .queues = 3, .interrupts = 2});
  reset_controlling_function();
  device.bus.enable(0);
  EXPECT_TRUE(topology().find(2)->lost_resources());
  make({.vfs = 2});
  EXPECT_EQ(device.at(2).queues, 3);
}

TEST_F(WantedResourcesTest, GiveWayToARequest) {
  make({.vfs = 1, .queues = 3, .interrupts = 2});
  reset_controlling_function();
  make({.vfs = 1, .queues = 5});
  EXPECT_EQ(device.at(1).queues, 5);
  EXPECT_EQ(device.at(1).interrupts, 2);
}

TEST_F(WantedResourcesTest, EndWithTheVf) {
  make({.vfs = 3, .queues = 3, .interrupts = 2});
  make({.vfs = 1, .recreate = true});
  EXPECT_THAT(registry_again().wanted(), SizeIs(1));
  take_down();
  EXPECT_THAT(registry_again().wanted(), IsEmpty());
}

TEST_F(WantedResourcesTest, AreBackWithVfsWhoseRecreationFailed) {
  make({.vfs = 2, .queues = 3, .interrupts = 2});
  registry().mark(1);
  const auto before = registry_again().wanted();
  fail(6);
  EXPECT_THROW(make({.vfs = 1, .queues = 4, .recreate = true}), Error);
  EXPECT_EQ(registry_again().wanted(), before);
}

}  // namespace
}  // namespace nvmigrate::test
