// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/conditions/guest.h"

#include "nvmigrate/store/journal.h"
#include "nvmigrate/store/registry.h"
#include "tests/support/fake_session.h"

namespace nvmigrate::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using Action = Remedy::Action;

/// What records and device say of the guest of function 2, a VF on vfio that runs and is marked.
class GuestTest : public FakeSessionTest {
 protected:
  GuestTest() {
    bring_up(3);
    device.bus.give(vf(2), "vfio-pci");
    registry().mark(2);
  }
  std::vector<std::string_view> codes(Session& of) {
    std::vector<std::string_view> found;
    for (const auto& fact : guest_facts(of, of.ask(2)))
      found.push_back(fact.code);
    return found;
  }
  auto codes() {
    session().refresh();
    return codes(session());
  }
};

TEST_F(GuestTest, ARunningFunctionHasNoStory) { EXPECT_THAT(codes(), IsEmpty()); }

TEST_F(GuestTest, AStaleRecordIsNamed) {
  suspend(2);
  backend[2].suspended = false;
  EXPECT_THAT(codes(), ElementsAre("stale_record"));
}

TEST_F(GuestTest, WhatIsInProgressIsSaidToReadersOnly) {
  suspend(2);
  const auto reader = open();
  EXPECT_THAT(codes(*reader), ElementsAre("in_progress"));
  EXPECT_THAT(codes(), ElementsAre("suspended"));
}

TEST_F(GuestTest, ALoadOrAMoveExplainsASuspension) {
  suspend(2);
  record(IntentKind::away, 2);
  EXPECT_THAT(codes(), ElementsAre("away"));
  record(IntentKind::loading, 2);
  EXPECT_THAT(codes(), ElementsAre("loading"));
}

TEST_F(GuestTest, AResetIsNewsOnlyWhereItLostAState) {
  backend[2].queues = 0;
  for (const auto kind : {IntentKind::exported, IntentKind::away}) {
    journal().record(kind, 2);
    EXPECT_THAT(codes(), IsEmpty()) << to_string(kind);
  }
  journal().record(IntentKind::loading, 2);
  EXPECT_THAT(codes(), ElementsAre("stale_record"));
  journal().record(IntentKind::loaded, 2);
  EXPECT_THAT(codes(), ElementsAre("load_lost"));
  backend[2].queues = 4;
  EXPECT_THAT(codes(), ElementsAre("stale_record")) << "it was resumed";
}

TEST_F(GuestTest, ALostStateIsLoadedAgainFromItsFile) {
  backend[2].queues = 0;
  journal().record(IntentKind::loaded, 2, {{"file", "/srv/guest"}});
  session().refresh();
  const auto facts = guest_facts(session(), session().ask(2));
  ASSERT_EQ(facts.size(), 1U);
  EXPECT_THAT(facts[0].remedies, ElementsAre(of(Action::import_state, 2, "/srv/guest")));
}

TEST_F(GuestTest, WhereRecordsWereLostASuspendedFunctionCountsAsExported) {
  close();
  put(folder.folders().run + "/journal.json", "{");
  backend[2].suspended = true;
  session().journal().set_aside();
  EXPECT_THAT(codes(), ElementsAre("exported"));
  EXPECT_THAT(recorded_by(*session().ask(2).custody()), testing::HasSubstr(".damaged-"));
}

TEST_F(GuestTest, AFunctionWithoutADriverIsNamed) {
  journal().record(IntentKind::unbound, 2);
  EXPECT_THAT(codes(), ElementsAre("unbound"));
}

}  // namespace
}  // namespace nvmigrate::test
