// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tests/lib/host/binding_fixture.h"

namespace nvmigrate::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class UnbindTest : public BindingTest {
 protected:
  void give_to_another(unsigned vfn) {
    device.bus.give(vf(vfn), "vfio-pci");
    device.bus.functions.at(vf(vfn)).override_to = "vfio-pci";
  }
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
  EXPECT_EQ(give_back("1").functions[0].to, "nvme");
  EXPECT_EQ(driver(1), "nvme");
}

TEST_F(UnbindTest, TakesAwayTheOverrideOfAnotherOnlyWhenTold) {
  give_to_another(1);
  EXPECT_THAT(refused("1"), ElementsAre("foreign_override"));
  EXPECT_EQ(give_back("1", {"foreign_override"}).functions[0].to, "nvme");
  EXPECT_FALSE(override_of(1).has_value());
  expect_no_records();
}

TEST_F(UnbindTest, RestoresWhatAnotherHadBound) {
  give_to_another(1);
  EXPECT_FALSE(take("1").changed());
  ASSERT_NE(registry_again().binding_of(1), nullptr);
  device.bus.changes.clear();
  const auto result = give_back("1");
  EXPECT_FALSE(result.failed());
  EXPECT_EQ(result.functions[0].to, "vfio-pci");
  EXPECT_THAT(codes_of(result.findings), ElementsAre("still_on_vfio"));
  EXPECT_EQ(result.findings[0].severity, Severity::warning);
  EXPECT_THAT(device.bus.changes, IsEmpty()) << "it is as it was";
  expect_no_records();
}

TEST_F(UnbindTest, RestoresAnotherVfioDriverAfterARebind) {
  give_to_another(1);
  device.bus.drivers.insert("other-vfio");
  take("1", {.driver = "other-vfio"});
  EXPECT_EQ(give_back("1").functions[0].to, "vfio-pci");
  EXPECT_EQ(override_of(1), "vfio-pci");
  expect_no_records();
}

TEST_F(UnbindTest, ADriverOfVfioThatClaimsTheFunctionAgainIsAFailure) {
  device.bus.claims = "vfio-pci";
  device.bus.give(vf(1), "vfio-pci");
  for (const bool with_override : {false, true}) {
    if (with_override) give_to_another(1);
    const auto before = override_of(1);
    const auto result = give_back("1", {"foreign_override"});
    ASSERT_TRUE(result.failed());
    EXPECT_EQ(result.functions[0].failure->code(), "still_on_vfio");
    EXPECT_THAT(result.functions[0].failure->what(), HasSubstr("ids="));
    EXPECT_EQ(result.functions[0].to, "vfio-pci");
    EXPECT_FALSE(result.functions[0].changed);
    EXPECT_EQ(override_of(1), before);
    expect_no_records();
  }
}

TEST_F(UnbindTest, AnotherThatTakesItMeanwhileIsAFailureAndTheRecordStays) {
  device.bus.functions.at(vf(1)).driver.reset();
  take("1");
  device.bus.was_unbound = [&](const std::string&) { give_to_another(1); };
  const auto result = give_back("1");
  ASSERT_TRUE(result.failed());
  EXPECT_EQ(result.functions[0].failure->code(), "still_on_vfio");
  EXPECT_NE(registry_again().binding_of(1), nullptr);
}

TEST_F(UnbindTest, SeesADriverOfVfioWithoutNodes) {
  device.bus.nodes = false;
  device.bus.give(vf(1), "vfio-pci");
  EXPECT_EQ(give_back("1").functions[0].to, "nvme");
}

TEST_F(UnbindTest, ForgetsAFunctionThatIsGone) {
  take("1");
  device.bus.enable(0);
  const auto one = give_back("1").functions[0];
  EXPECT_TRUE(one.changed && one.gone);
  EXPECT_EQ(one.to, std::nullopt);
  expect_no_records();
}

TEST_F(UnbindTest, ForgetsAFunctionThatVanishesMeanwhile) {
  take("1");
  device.bus.before_change = [&](const std::string&) { device.bus.functions.erase(vf(1)); };
  const auto result = give_back("1");
  EXPECT_FALSE(result.failed());
  EXPECT_TRUE(result.functions[0].gone);
  EXPECT_EQ(result.functions[0].to, std::nullopt);
  expect_no_records();
}

TEST_F(UnbindTest, RefusesWhatCannotBeRead) {
  take("1");
  device.bus.unreadable = {vf(1), vf(2)};
  EXPECT_THAT(refused("1"), ElementsAre("unreadable")) << "it is not gone";
  EXPECT_THAT(refused("2"), ElementsAre("unreadable")) << "it may be bound";
}

TEST_F(UnbindTest, RefusesWhileTheNodeIsOpen) {
  take("1");
  device.bus.holders[vf(1)] = {{"pid 7 (qemu)", "holds it open"}};
  EXPECT_THAT(refused("1"), ElementsAre("open_in_vm"));
}

TEST_F(UnbindTest, TakesNoDiskFromTheHostThatGotItByARestart) {
  device.bus.functions.at(vf(1)).driver.reset();
  take("1");
  device.bus.give(vf(1), "nvme");
  device.bus.functions.at(vf(1)).override_to.reset();
  device.bus.uses[vf(1)] = {{"/dev/nvme1n1", "is mounted on /srv"}};
  EXPECT_THAT(refused("1"), ElementsAre("used_by_host"));
  device.bus.uses.clear();
  device.bus.not_seen = "no capability";
  EXPECT_THAT(refused("1"), ElementsAre("uses_unknown"));
  EXPECT_EQ(driver(1), "nvme");
}

TEST_F(UnbindTest, EndsTheRecordOfADiskThatTheHostHasBackAlready) {
  take("1");
  device.bus.give(vf(1), "nvme");
  device.bus.functions.at(vf(1)).override_to.reset();
  device.bus.uses[vf(1)] = {{"/dev/nvme1n1", "is mounted on /srv"}};
  device.bus.changes.clear();
  EXPECT_FALSE(give_back("1").failed());
  EXPECT_THAT(device.bus.changes, IsEmpty());
  expect_no_records();
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
