// SPDX-License-Identifier: LGPL-2.1-or-later
#include <gmock/gmock.h>

#include "tests/lib/host/provision_fixture.h"

namespace nvmigrate::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

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
