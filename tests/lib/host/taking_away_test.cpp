// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/host/functions.h"
#include "tests/lib/host/provision_fixture.h"

namespace nvmigrate::test {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::Each;
using testing::ElementsAre;
using testing::Field;
using testing::IsEmpty;

/// What takes a function away from its guest: unbinding it, and destroying it in two ways. Each
/// asks the device before it believes a record.
class TakingAwayTest : public ProvisionTest, public testing::WithParamInterface<const char*> {
 protected:
  TakingAwayTest() {
    bring_up(1);
    device.bus.give(vf(1), "vfio-pci");
    registry().remember({1, vf(1), "vfio-pci", "nvme", {}, {}});
  }
  Findings take_away(const Codes& allowed = {}) {
    const std::string way = GetParam();
    if (way == "deprovision") return take_down(allowed).findings;
    if (way == "recreate") {
      return make({.vfs = 2, .recreate = true, .allowed = allowed}).findings;
    }
    session().refresh();
    return unbind(session(), {&session().function(1)}, {.allowed = allowed}).findings;
  }
  Refusal refused(const Codes& allowed = {}) {
    auto refusal = thrown_by<Refusal>([&] { take_away(allowed); });
    EXPECT_THAT(device.bus.changes, IsEmpty());
    EXPECT_EQ(device.bus.functions.at(vf(1)).driver, "vfio-pci");
    return refusal;
  }
  [[nodiscard]] bool is_taken() {
    return device.bus.functions.count(vf(1)) == 0 ||
           device.bus.functions.at(vf(1)).driver != "vfio-pci";
  }
};

TEST_P(TakingAwayTest, IsDoneWhenNothingStandsAgainstIt) {
  EXPECT_THAT(take_away(), IsEmpty());
  EXPECT_TRUE(is_taken());
}

TEST_P(TakingAwayTest, IsRefusedWhileARecordAndTheDeviceSaySuspended) {
  suspend(1);
  const auto refusal = refused();
  EXPECT_THAT(codes_of(refusal.findings()), ElementsAre("suspended"));
  EXPECT_THAT(refusal.remedies(), ElementsAre(of(Remedy::Action::resume, 1)));
  EXPECT_FALSE(refusal.findings()[0].overridable);
}

TEST_P(TakingAwayTest, IsRefusedWhileTheDeviceSaysSuspendedWithoutARecord) {
  backend[1].suspended = true;
  const auto refusal = refused({"suspended_unrecorded", "suspension_unknown", "exported"});
  EXPECT_THAT(codes_of(refusal.findings()), ElementsAre("suspended_unrecorded"));
  EXPECT_THAT(refusal.remedies(),
              ElementsAre(of(Remedy::Action::resume, 1), of(Remedy::Action::suspend, 1)));
}

TEST_P(TakingAwayTest, DoesNotBelieveARecordThatTheDeviceContradicts) {
  backend[1].queues = 0;
  journal().record(IntentKind::exported, 1);
  take_away();
  EXPECT_TRUE(is_taken());
  EXPECT_FALSE(journal_again().custody(1));
}

TEST_P(TakingAwayTest, IsRefusedWhileTheOnlyGuestMayBeInIt) {
  for (const auto& [kind, code] :
       {std::pair{IntentKind::exported, "exported"}, std::pair{IntentKind::loaded, "loaded"}}) {
    record(kind, 1);
    EXPECT_THAT(codes_of(refused({code}).findings()), ElementsAre(code));
  }
}

TEST_P(TakingAwayTest, IsDoneWhenTheGuestIsElsewhere) {
  record(IntentKind::away, 1);
  take_away();
  EXPECT_TRUE(is_taken());
  EXPECT_FALSE(journal_again().custody(1));
}

TEST_P(TakingAwayTest, IsRefusedWhenTheDeviceDoesNotAnswer) {
  answer_nothing();
  const auto refusal = refused();
  EXPECT_THAT(codes_of(refusal.findings()), ElementsAre("suspension_unknown"));
  EXPECT_TRUE(refusal.findings()[0].overridable);
}

TEST_P(TakingAwayTest, ADeviceThatDoesNotAnswerIsPassedOverWhenAllowedByName) {
  answer_nothing();
  EXPECT_THAT(take_away({"suspension_unknown"}),
              AllOf(Contains(Field(&Finding::code, "suspension_unknown")),
                    Each(Field(&Finding::allowed, true))));
  EXPECT_TRUE(is_taken());
}

TEST_P(TakingAwayTest, BelievesARecordWhereTheDeviceDoesNotAnswer) {
  journal().record(IntentKind::suspended, 1);
  answer_nothing();
  EXPECT_THAT(codes_of(refused({"suspension_unknown"}).findings()), Contains("suspended"));
}

TEST_P(TakingAwayTest, BelievesARecordWhereNoBackendServes) {
  unable = "OACS bit 11 is clear";
  journal().record(IntentKind::suspended, 1);
  EXPECT_THAT(codes_of(refused().findings()), ElementsAre("suspended"));
}

TEST_P(TakingAwayTest, WhereNoBackendServesNothingCanBeSuspended) {
  unable = "OACS bit 11 is clear";
  take_away();
  EXPECT_TRUE(is_taken());
}

INSTANTIATE_TEST_SUITE_P(Ways, TakingAwayTest, testing::Values("unbind", "deprovision", "recreate"),
                         [](const auto& way) { return std::string{way.param}; });

}  // namespace
}  // namespace nvmigrate::test
