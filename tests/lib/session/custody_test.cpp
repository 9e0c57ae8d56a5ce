// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/session/custody.h"

#include "tests/lib/session/session_fixture.h"

namespace nvmigrate {
namespace {

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
  session->journal().record(IntentKind::moved, 1);
  const auto& function = session->ask_again(1);
  EXPECT_EQ(function.suspended(), true);
  EXPECT_TRUE(function.marked && function.has(IntentKind::moved));
  session->journal().strike({IntentKind::moved}, 1);
  session->registry().unmark(1);
  session->ask_again(1);
  EXPECT_FALSE(function.marked || function.has(IntentKind::moved));
}

TEST_F(CustodyTest, WhatCannotHaveAnAnswerIsNotAsked) {
  a.subsystem.at(1).online = false;
  a.subsystem.bus.functions.at(a.subsystem.bus.vf_address(2)).physical.reset();
  a.subsystem.bus.sriov_of[a.subsystem.bus.vf_address(2)].total = 4;
  EXPECT_EQ(ask(1).suspended(), std::nullopt) << "offline";
  EXPECT_EQ(ask(2).suspended(), std::nullopt) << "it controls others";
  EXPECT_TRUE(a.backend.log().empty());
}

TEST_F(CustodyTest, WhatTheDeviceContradictsIsStale) {
  for (const auto kind :
       {IntentKind::suspended, IntentKind::loading, IntentKind::moved, IntentKind::unbound}) {
    leave(kind, 1);
  }
  for (const auto& intent : ask(1).intents)
    EXPECT_EQ(intent.stale, intent.kind != IntentKind::unbound) << to_string(intent.kind);
  EXPECT_FALSE(ask(1).has(IntentKind::moved));
  a.backend[1].suspended = true;
  for (const auto& intent : ask(1).intents)
    EXPECT_FALSE(intent.stale);
}

TEST_F(CustodyTest, AFunctionThatIsOfflineHoldsNothing) {
  leave(IntentKind::moved, 1);
  a.subsystem.at(1).online = false;
  EXPECT_FALSE(ask(1).has(IntentKind::moved));
  EXPECT_EQ(custody(1), Custody::offline);
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
  session->journal().record(IntentKind::moved, 1);
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
                                           std::pair{IntentKind::loading, Custody::loading},
                                           std::pair{IntentKind::moved, Custody::moved}}) {
    leave(kind, 1);
    EXPECT_EQ(custody(1), custody_then) << to_string(custody_then);
  }
}

class CommittedTest : public CustodyTest {
 protected:
  CommittedTest() {
    a.backend[1].suspended = true;
    lab.add("b");
  }
  bool committed(const std::map<std::string, std::string>& details) {
    leave(IntentKind::loading, 1, details);
    return ask(1).intents.front().committed;
  }
};

TEST_F(CommittedTest, TheEndOfATransferIsToldFromThatOfAnother) {
  const std::map<std::string, std::string> details{
      {"transfer", "7"}, {"source_nqn", "nqn.test:b"}, {"source_serial", "b"}};
  const auto key = test::Lab::key_of("b");
  EXPECT_FALSE(committed(details));
  leave(IntentKind::moved, 3, {{"transfer", "8"}}, key);
  EXPECT_FALSE(committed(details));
  leave(IntentKind::moved, 3, {{"transfer", "7"}}, key);
  EXPECT_TRUE(committed(details));
  EXPECT_EQ(custody(1), Custody::loaded);
  EXPECT_FALSE(committed({{"file", "/srv/guest"}}));
}

TEST_F(CommittedTest, ARecordOfAnOlderVersionNamesTheNqnAlone) {
  leave(IntentKind::moved, 3, {{"transfer", "7"}}, {"nqn.test:b"});
  EXPECT_TRUE(committed({{"transfer", "7"}, {"source_nqn", "nqn.test:b"}}));
}

TEST_F(CommittedTest, ADamagedJournalOfTheSourceTellsNothing) {
  leave(IntentKind::moved, 3, {{"transfer", "7"}}, test::Lab::key_of("b"));
  test::put(folder.folders().run + "/" + file_name_of("nqn.test:b#b") + ".journal.json", "{");
  EXPECT_FALSE(
      committed({{"transfer", "7"}, {"source_nqn", "nqn.test:b"}, {"source_serial", "b"}}));
}

}  // namespace
}  // namespace nvmigrate
