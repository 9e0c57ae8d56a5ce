// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tests/lib/host/provision_fixture.h"
#include "tests/support/find_intent.h"

namespace nvmigrate::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

/// Three VFs in use of each way: bound by this tool, without a driver, and with one of the host.
class RecreationFailureTest : public ProvisionFailureTest {
 protected:
  RecreationFailureTest() {
    bring_up(3);
    device.bus.give(vf(1), "vfio-pci");
    device.bus.functions.at(vf(1)).override_to = "vfio-pci";
    device.bus.functions.at(vf(2)).driver.reset();
    device.bus.owners["/dev/vfio/11"] = {107, 36};
    device.bus.vfs_changed = [this, others = device.bus.vfs_changed](unsigned vfs) {
      others(vfs);
      device.bus.owners.clear();
    };
    registry().mark(1);
    registry().mark(3);
    registry().remember({1, vf(1), "vfio-pci", "nvme", {}, {}});
    record(IntentKind::unbound, 2, {{"address", vf(2)}, {"original_driver", "nvme"}});
    secondary = device.secondary;
  }
  void expect_devices_back() {
    EXPECT_EQ(device.secondary, secondary);
    EXPECT_EQ(sriov().enabled, 3U);
    EXPECT_EQ(device.bus.functions.at(vf(1)).driver, "vfio-pci");
    EXPECT_EQ(device.bus.functions.at(vf(1)).override_to, "vfio-pci");
    EXPECT_EQ(device.bus.owners["/dev/vfio/11"], (Owner{107, 36}));
    EXPECT_FALSE(device.bus.functions.at(vf(2)).driver);
    EXPECT_EQ(device.bus.functions.at(vf(3)).driver, "nvme");
    EXPECT_FALSE(device.bus.functions.at(vf(3)).override_to);
  }
  void expect_records_back() {
    const auto records = registry_again();
    EXPECT_TRUE(records.is_marked(1) && !records.is_marked(2) && records.is_marked(3));
    ASSERT_THAT(records.bindings(), SizeIs(1));
    EXPECT_EQ(records.bindings().front().original_driver, "nvme");
    EXPECT_TRUE(test::find(journal_again(), IntentKind::unbound, 2));
  }
  std::vector<SecondaryController> secondary;
  const ProvisionRequest request{.vfs = 2, .queues = 2, .recreate = true};
};

TEST_F(RecreationFailureTest, WhateverStepFailsEverythingIsBack) {
  const auto tried = fail_each(request, [&](const Error& error) {
    EXPECT_THAT(error.remedies(), IsEmpty()) << "nothing is left to repair";
    expect_devices_back();
    expect_records_back();
    EXPECT_FALSE(is_unfinished());
  });
  EXPECT_EQ(tried, 14U) << "autoprobe, 2 counts, 2 × 5, autoprobe";
}

TEST_F(RecreationFailureTest, NamesADriverThatCannotBeGivenBack) {
  device.bus.stubborn.insert("vfio-pci");
  fail(4);
  const auto error = thrown_by([&] { make(request); });
  EXPECT_EQ(error.status(), ExitStatus::device) << "of the step that failed";
  EXPECT_THAT(error.what(), HasSubstr("controlled function 1 (vf 1): driver vfio-pci"));
  EXPECT_THAT(error.remedies(), ElementsAre(of(Remedy::Action::repair)));
  EXPECT_TRUE(is_unfinished());
  EXPECT_TRUE(registry_again().is_marked(1));
}

TEST_F(RecreationFailureTest, VfsThatAreNotThereAgainGetNoDriver) {
  fail(3, true);
  const auto error = thrown_by([&] { make(request); });
  EXPECT_THAT(error.what(), Not(HasSubstr("controlled function 1 (vf 1): driver")));
  heal();
  ASSERT_TRUE(finish());
  EXPECT_THAT(registry_again().marks(), IsEmpty());
  EXPECT_THAT(journal_again().intents(), IsEmpty());
}

}  // namespace
}  // namespace nvmigrate::test
