// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tests/lib/host/binding_fixture.h"

namespace nvmigrate::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class UnbindTest : public BindingTest {
 protected:
  Codes refused(const std::string& words) {
    device.bus.changes.clear();
    auto codes = refusal_of([&] { give_back(words); });
    EXPECT_THAT(device.bus.changes, IsEmpty()) << "refused before any effect";
    return codes;
  }
};

TEST_F(UnbindTest, RestoresDriverAndOverride) {
  device.bus.functions.at(vf(1)).override_to = "nvme";
  take("1-2");
  const auto result = give_back("1-2");
  EXPECT_TRUE(result.functions[0].changed);
  EXPECT_EQ(result.functions[0].to, "nvme");
  EXPECT_EQ(driver(1), "nvme");
  EXPECT_EQ(override_of(1), "nvme");
  EXPECT_EQ(driver(2), "nvme");
  EXPECT_FALSE(override_of(2).has_value());
  expect_no_records();
}

TEST_F(UnbindTest, AFunctionThatHadNoDriverHasNoneAfterwards) {
  device.bus.functions.at(vf(1)).driver.reset();
  take("1");
  EXPECT_EQ(give_back("1").functions[0].to, std::nullopt);
  EXPECT_EQ(driver(1), std::nullopt);
  EXPECT_FALSE(override_of(1).has_value());
}

TEST_F(UnbindTest, AReadOnlySysfsIsRefused) {
  take("1");
  device.bus.read_only = true;
  EXPECT_THAT(refused("1"), ElementsAre("not_writable"));
}

TEST_F(UnbindTest, WritesNothingWhereAnotherGaveTheDriverBack) {
  take("1");
  device.bus.give(vf(1), "nvme");
  device.bus.functions.at(vf(1)).override_to.reset();
  device.bus.changes.clear();
  EXPECT_FALSE(give_back("1").failed());
  EXPECT_THAT(device.bus.changes, IsEmpty());
  expect_no_records();
}

TEST_F(UnbindTest, WhatWasNeverBoundDoesNotChange) {
  EXPECT_FALSE(give_back("all").changed());
  EXPECT_THAT(device.bus.changes, IsEmpty());
}

TEST_F(UnbindTest, APlanChangesNothing) {
  take("1");
  device.bus.changes.clear();
  const auto plan = plan_unbind(session(), select(topology(), "1", "unbind"), {});
  EXPECT_TRUE(plan.changed());
  EXPECT_EQ(plan.functions[0].to, "nvme");
  EXPECT_THAT(device.bus.changes, IsEmpty());
  EXPECT_NE(registry_again().binding_of(1), nullptr);
}

TEST_F(UnbindTest, WorksWhileVfsAreNotProbed) {
  take("1");
  device.bus.sriov_of[FakePciBus::physical].autoprobe = false;
  EXPECT_EQ(give_back("1").functions[0].to, "nvme");
  EXPECT_EQ(driver(1), "nvme");
}

TEST_F(UnbindTest, LetsAnyDriverHaveWhatIsNotRecorded) {
  device.bus.give(vf(1), "vfio-pci");
  device.bus.functions.at(vf(1)).override_to = "vfio-pci";
  EXPECT_EQ(give_back("1").functions[0].to, "nvme");
  EXPECT_FALSE(override_of(1).has_value());
}

TEST_F(UnbindTest, ForgetsAFunctionThatIsGone) {
  take("1");
  device.bus.enable(0);
  EXPECT_TRUE(give_back("1").changed());
  EXPECT_THAT(registry_again().bindings(), IsEmpty());
}

TEST_F(UnbindTest, RefusesWhileTheNodeIsOpen) {
  take("1");
  device.bus.holders[vf(1)] = {{"pid 7 (qemu)", "holds it open"}};
  EXPECT_THAT(refused("1"), ElementsAre("open_in_vm"));
}

TEST_F(UnbindTest, RefusesAnotherControllingFunction) {
  add_other(40).driver = "vfio-pci";
  device.bus.sriov_of[other_address].total = 4;
  EXPECT_THAT(refused("40"), ElementsAre("controlling_function"));
  device.bus.give(other_address, "nvme");
  EXPECT_THAT(refused("40"), ElementsAre("controlling_function")) << "even with nothing to do";
}

TEST_F(UnbindTest, OfAFunctionWhoseGuestIsElsewhereEndsTheRecord) {
  take("1");
  record(IntentKind::away, 1);
  EXPECT_TRUE(give_back("1").changed());
  EXPECT_FALSE(journal_again().custody(1));
}

TEST_F(UnbindTest, WithoutADriverThatResetsItTheRecordStays) {
  device.bus.functions.at(vf(1)).driver.reset();
  take("1");
  record(IntentKind::away, 1);
  give_back("1");
  EXPECT_EQ(journal_again().custody(1)->kind, IntentKind::away);
}

}  // namespace
}  // namespace nvmigrate::test
