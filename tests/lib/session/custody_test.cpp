// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/session/custody.h"

#include "tests/lib/session/session_fixture.h"

namespace nvmigrate {
namespace {

constexpr std::array custody_kinds{IntentKind::suspended, IntentKind::exporting,
                                   IntentKind::exported,  IntentKind::away,
                                   IntentKind::loading,   IntentKind::loaded};

/// What a session makes of device and records.
class CustodyTest : public test::SessionTest {
 protected:
  ControlledFunction ask(std::uint16_t cntlid, Access access = Access::read) {
    return open(access)->ask(cntlid);
  }
  Custody custody(std::uint16_t cntlid) { return custody_of(ask(cntlid)); }
};

TEST_F(CustodyTest, TheDeviceIsAskedOnce) {
  a.backend[1].suspended = true;
  const auto session = open();
  EXPECT_EQ(session->ask(1).suspended(), true);
  session->ask(1);
  session->ask_all();
  EXPECT_EQ(a.backend.count("look"), 3U);
}

TEST_F(CustodyTest, AskingAgainTellsWhatIsSoNow) {
  const auto session = open(Access::change);
  EXPECT_EQ(session->ask(1).suspended(), false);
  a.backend[1].suspended = true;
  session->registry().mark(1);
  session->journal().record(IntentKind::away, 1);
  const auto& function = session->ask_again(1);
  EXPECT_EQ(function.suspended(), true);
  EXPECT_TRUE(function.marked && function.has(IntentKind::away));
  session->journal().strike_custody(1);
  session->registry().unmark(1);
  session->ask_again(1);
  EXPECT_FALSE(function.marked || function.has(IntentKind::away));
}

TEST_F(CustodyTest, WhatCannotHaveAnAnswerIsNotAsked) {
  a.subsystem.at(1).online = false;
  a.subsystem.bus.functions.at(a.subsystem.bus.vf_address(2)).physical.reset();
  a.subsystem.bus.sriov_of[a.subsystem.bus.vf_address(2)].total = 4;
  EXPECT_EQ(ask(1).suspended(), std::nullopt) << "offline";
  EXPECT_EQ(ask(2).suspended(), std::nullopt) << "it controls others";
  EXPECT_TRUE(a.backend.log().empty());
}

TEST_F(CustodyTest, AResetEndsEveryRecordOfTheGuest) {
  leave(IntentKind::unbound, 1);
  for (const auto kind : custody_kinds) {
    leave(kind, 1);
    a.backend[1].queues = 0;
    EXPECT_EQ(ask(1).custody(), nullptr) << to_string(kind);
    EXPECT_TRUE(was_reset(ask(1)));
    EXPECT_EQ(custody(1), Custody::unbound);
    a.backend[1].suspended = true;
    ASSERT_NE(ask(1).custody(), nullptr) << to_string(kind);
    EXPECT_EQ(ask(1).custody()->kind, kind);
    a.backend[1].suspended = false;
  }
  EXPECT_TRUE(ask(1).has(IntentKind::unbound)) << "that is not about its guest";
}

TEST_F(CustodyTest, AFunctionThatIsOfflineHoldsNothing) {
  for (const auto kind : custody_kinds) {
    leave(kind, 1);
    a.subsystem.at(1).online = false;
    EXPECT_EQ(ask(1).custody(), nullptr) << to_string(kind);
    EXPECT_EQ(custody(1), Custody::offline);
  }
}

TEST_F(CustodyTest, AGuestThatRunsEndsTheRecordOfItsSuspension) {
  a.backend[1].queues = 4;
  for (const auto kind :
       {IntentKind::suspended, IntentKind::exporting, IntentKind::loading, IntentKind::loaded}) {
    leave(kind, 1);
    EXPECT_TRUE(ask(1).intents.front().stale) << to_string(kind);
    EXPECT_FALSE(was_reset(ask(1)));
    EXPECT_EQ(custody(1), Custody::running);
  }
}

TEST_F(CustodyTest, AGuestThatRunsWhoseStateHasLeftMayRunTwice) {
  for (const auto kind : {IntentKind::exported, IntentKind::away}) {
    leave(kind, 1);
    a.backend[1].suspended = false;
    a.backend[1].queues = 4;
    EXPECT_TRUE(ask(1).may_run_twice()) << to_string(kind);
    EXPECT_EQ(custody(1), Custody::two_copies);
    a.backend[1].queues.reset();
    EXPECT_TRUE(ask(1).may_run_twice()) << "it may have queues";
    a.backend[1].suspended = true;
    EXPECT_FALSE(ask(1).may_run_twice());
  }
}

TEST_F(CustodyTest, WhereRecordsWereLostASuspendedFunctionCountsAsExported) {
  test::put(folder.folders().run + "/journal.json", "{");
  a.backend[1].suspended = true;
  const auto journal = folder.folders().run + "/journal.json";
  EXPECT_EQ(custody(1), Custody::exported);
  EXPECT_EQ(detail_of(*ask(1).custody(), lost_detail), journal);
  EXPECT_EQ(custody(2), Custody::running);

  const auto aside = Journal(system, folder.folders(), test::Lab::key_of("a"), "x").set_aside();
  EXPECT_EQ(detail_of(*ask(1).custody(), lost_detail), aside);
  leave(IntentKind::suspended, 1);
  EXPECT_EQ(custody(1), Custody::suspended) << "the new record is believed";
}

TEST_F(CustodyTest, WhatIsInProgressIsNotStale) {
  const auto other = open(Access::change);
  other->journal().record(IntentKind::suspended, 1);
  const auto function = ask(1);
  EXPECT_TRUE(function.intents.front().in_progress);
  EXPECT_FALSE(function.intents.front().stale);
}

TEST_F(CustodyTest, WhoHoldsTheLockKnowsThatNothingElseIsInProgress) {
  const auto session = open(Access::change);
  session->journal().record(IntentKind::away, 1);
  session->journal().record(IntentKind::provisioning, 0);
  a.backend[1].suspended = true;
  EXPECT_FALSE(session->ask_again(1).intents.front().in_progress);
  session->refresh();
  EXPECT_FALSE(session->ask(1).intents.front().in_progress);
  EXPECT_FALSE(session->topology().intents.front().in_progress);
}

TEST_F(CustodyTest, ADeviceThatDoesNotTellChangesNothing) {
  leave(IntentKind::suspended, 1);
  a.backend.hook(
      [](const std::string&, std::uint16_t) { throw NvmeError({sc::invalid_field}, "read"); });
  const auto function = ask(1);
  EXPECT_EQ(function.suspended(), std::nullopt);
  EXPECT_NE(function.not_told, "");
  EXPECT_THROW(std::rethrow_exception(function.failure), NvmeError);
  EXPECT_TRUE(function.has(IntentKind::suspended));
}

TEST_F(CustodyTest, AStopSignalIsNotAnAnswer) {
  set_interrupted(true);
  EXPECT_THROW(ask(1), Interrupted);
}

TEST_F(CustodyTest, AFunctionThatAnotherToolSuspendedIsKnown) {
  a.backend[1].suspended = true;
  EXPECT_TRUE(ask(1).suspended_without_record());
  EXPECT_EQ(custody(1), Custody::suspended);
  leave(IntentKind::suspended, 1);
  EXPECT_FALSE(ask(1).suspended_without_record());
}

TEST_F(CustodyTest, FollowsFromRecordsAndDevice) {
  EXPECT_EQ(custody(1), Custody::running);
  a.backend[1].suspended = true;
  for (const auto& [kind, custody_then] : {std::pair{IntentKind::unbound, Custody::unbound},
                                           std::pair{IntentKind::suspended, Custody::suspended},
                                           std::pair{IntentKind::exporting, Custody::exporting},
                                           std::pair{IntentKind::exported, Custody::exported},
                                           std::pair{IntentKind::away, Custody::away},
                                           std::pair{IntentKind::loading, Custody::loading},
                                           std::pair{IntentKind::loaded, Custody::loaded}}) {
    leave(kind, 1);
    EXPECT_EQ(custody(1), custody_then) << to_string(custody_then);
  }
}

TEST(Untold, IsAsRecordedAndCountsAsExportedWhereTheRecordsWereLost) {
  ControlledFunction function;
  function.told = FunctionState{};
  judge_intents(function, "");
  EXPECT_FALSE(was_reset(function));
  EXPECT_FALSE(function.held());
  judge_intents(function, "/run/journal.lost");
  EXPECT_EQ(custody_of(function), Custody::exported);
  EXPECT_TRUE(function.held());
  function.intents.clear();
  function.told->suspended = false;
  judge_intents(function, "/run/journal.lost");
  EXPECT_EQ(custody_of(function), Custody::running);
}

}  // namespace
}  // namespace nvmigrate
