// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tests/lib/host/provision_fixture.h"

namespace nvmigrate::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class DeprovisionTest : public ProvisionFailureTest {
 protected:
  Codes refused() {
    auto codes = refusal_of([&] { take_down(); });
    EXPECT_THAT(effects(), IsEmpty());
    EXPECT_THAT(device.bus.changes, IsEmpty());
    return codes;
  }
};

TEST_F(DeprovisionTest, TakesEverythingAwayAndForgets) {
  bring_up(2);
  registry().mark(2);
  const auto result = take_down();
  EXPECT_TRUE(result.changed());
  EXPECT_EQ(result.was_vfs, 2U);
  EXPECT_EQ(sriov().enabled, 0U);
  EXPECT_THAT(device.bus.changes,
              ElementsAre("unbind " + vf(1), "unbind " + vf(2), "set_vfs 0000:01:00.0 0"));
  EXPECT_THAT(effects(), ElementsAre("offline 1", "offline 2"));
  EXPECT_THAT(registry_again().marks(), IsEmpty());
}

TEST_F(DeprovisionTest, TheSecondTimeNothingChanges) {
  bring_up(2);
  take_down();
  EXPECT_FALSE(take_down().changed());
}

TEST_F(DeprovisionTest, RefusesFunctionsInUse) {
  bring_up(2);
  device.bus.holders[vf(1)] = {{"pid 7 (qemu)", "holds it open"}};
  device.bus.uses[vf(2)] = {{"/dev/nvme2n1", "held by dm-0"}};
  EXPECT_THAT(refused(), ElementsAre("open_in_vm", "used_by_host"));
}

TEST_F(DeprovisionTest, RefusesAFunctionInUseWhoseControllerIdIsNotKnown) {
  device.virtualization = false;
  device.secondary.clear();
  device.bus.enable(2);
  device.bus.uses[vf(2)] = {{"/dev/nvme2n1", "held by dm-0"}};
  const auto refusal = thrown_by<Refusal>([&] { take_down(); });
  EXPECT_EQ(refusal.code(), "used_by_host");
  EXPECT_THAT(refusal.what(), HasSubstr(vf(2)));
  device.bus.uses.clear();
  EXPECT_TRUE(take_down().changed());
  EXPECT_EQ(sriov().enabled, 0U);
}

TEST_F(DeprovisionTest, AStateThatIsNotWholeIsKeptForAVmAlone) {
  bring_up(2);
  record(IntentKind::loading, 2, {{"file", "/srv/guest.nvmstate"}});
  device.bus.holders[vf(2)] = {{"pid 7 (qemu)", "holds it open"}};
  EXPECT_EQ(thrown_by<Refusal>([&] { take_down(); }).code(), "open_in_vm");
  device.bus.holders.clear();
  take_down();
  EXPECT_EQ(sriov().enabled, 0U);
}

TEST_F(DeprovisionTest, WhateverStepFailsTheNextRunFinishes) {
  unsigned tried = 0;
  for (unsigned nth = 1;; ++nth, ++tried) {
    bring_up(2);
    registry().mark(1);
    fail(nth);
    try {
      take_down();
      break;
    } catch (const Error&) {
    }
    heal();
    SCOPED_TRACE("effect " + std::to_string(nth));
    EXPECT_EQ(is_unfinished(), nth > 1) << "of what did nothing, nothing is left to finish";
    if (!finish()) take_down();
    EXPECT_EQ(sriov().enabled, 0U);
    EXPECT_FALSE(device.at(1).online);
    EXPECT_THAT(registry_again().marks(), IsEmpty());
    EXPECT_THAT(journal_again().intents(), IsEmpty());
  }
  EXPECT_EQ(tried, 5U) << "2 × unbind, 2 × offline, set_vfs";
}

TEST_F(DeprovisionTest, RefusesAVfThatCannotBeRead) {
  bring_up(2);
  device.bus.unreadable.insert(vf(2));
  EXPECT_THAT(refused(), ElementsAre("unreadable"));
}

TEST_F(DeprovisionTest, ForgetsWhatARunThatEndedEarlyHadDestroyed) {
  registry().mark(1);
  record(IntentKind::provisioning, 0,
         {{"was_vfs", "2"}, {"wanted_vfs", "0"}, {"autoprobe", "1"}, {"rebuild", "1"}});
  sriov().autoprobe = false;
  take_down();
  EXPECT_THAT(registry_again().marks(), IsEmpty());
  EXPECT_TRUE(sriov().autoprobe);
  EXPECT_THAT(journal_again().intents(), IsEmpty());
}

}  // namespace
}  // namespace nvmigrate::test
