// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/migrate/migrate.h"
#include "tests/lib/migrate/migrate_fixture.h"
#include "tests/support/find_intent.h"

namespace nvmigrate {
namespace {

using test::refusal_of;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

constexpr std::array custody_kinds{IntentKind::suspended, IntentKind::exporting,
                                   IntentKind::exported,  IntentKind::away,
                                   IntentKind::loading,   IntentKind::loaded};

class ControlTest : public test::MigrateTest {
 protected:
  ControlResult suspend(const SuspendOptions& options = {}) {
    return suspend_function(*a->session, 1, options);
  }
  ControlResult resume(const ResumeOptions& options = {}) {
    return resume_function(*a->session, 1, options);
  }
  [[nodiscard]] bool named() { return on_disk("a", IntentKind::suspended, 1); }

  std::unique_ptr<test::Host> a = host("a");
};

TEST_F(ControlTest, SuspendsOnceAndSaysSo) {
  EXPECT_TRUE(suspend({.notice = true}).changed);
  EXPECT_TRUE(a->backend[1].suspended);
  EXPECT_EQ(a->backend.count("quiesce"), 1U);
  ASSERT_TRUE(test::find(a->journal(), IntentKind::suspended, 1));
  EXPECT_FALSE(
      test::find(a->journal(), IntentKind::suspended, 1)->details.contains(unfinished_detail));
  EXPECT_FALSE(suspend({.notice = true}).changed);
  EXPECT_EQ(a->backend.count("suspend"), 1U);
  EXPECT_EQ(a->backend.count("quiesce"), 1U);
}

TEST_F(ControlTest, ResumesOnceAndSaysSo) {
  suspend();
  EXPECT_TRUE(resume().changed);
  EXPECT_FALSE(a->backend[1].suspended);
  EXPECT_FALSE(named());
  EXPECT_FALSE(resume().changed);
  EXPECT_EQ(a->backend.count("resume"), 1U);
}

TEST_F(ControlTest, DryRunsChangeNothing) {
  EXPECT_TRUE(suspend({.notice = true, .dry_run = true}).changed);
  EXPECT_FALSE(a->backend[1].suspended);
  EXPECT_FALSE(named());
  a->backend[1].suspended = true;
  EXPECT_TRUE(resume({.dry_run = true}).changed);
  EXPECT_TRUE(a->backend[1].suspended);
}

TEST_F(ControlTest, AFunctionThatWasResetIsStruckFromTheJournal) {
  suspend();
  a->backend[1].suspended = false;
  EXPECT_FALSE(resume().changed);
  EXPECT_FALSE(named());
  a->journal().record(IntentKind::suspended, 1);
  a->function(1).online = false;
  EXPECT_FALSE(resume().changed);
  EXPECT_FALSE(named());
}

TEST_F(ControlTest, AFunctionThatWasResetMayBeUsedAnew) {
  a->backend[1].queues = 0;
  for (const auto kind : custody_kinds) {
    a->journal().record(kind, 1);
    EXPECT_FALSE(resume().changed);
    EXPECT_FALSE(custody("a", 1)) << to_string(kind);
  }
  EXPECT_EQ(a->backend.count("resume"), 0U);
  EXPECT_THAT(ledger(), IsEmpty());
}

TEST_F(ControlTest, AFunctionThatIsOfflineHoldsNoStateThatMustNotRun) {
  a->journal().record(IntentKind::away, 1);
  a->function(1).online = false;
  EXPECT_FALSE(resume().changed);
  EXPECT_FALSE(custody("a", 1));
}

TEST_F(ControlTest, RefusesToSuspendWhatIsOffline) {
  a->function(1).online = false;
  EXPECT_THAT(refusal_of([&] { suspend(); }), ElementsAre("offline"));
  EXPECT_TRUE(a->backend.log().empty());
}

TEST_F(ControlTest, RefusesWithEverythingThatStands) {
  a->function(1).online = false;
  a->function(1).kernel_name = "nvme3";
  EXPECT_THAT(refusal_of([&] { suspend(); }), ElementsAre("offline", "host_driver"));
  EXPECT_THAT(refusal_of([&] { suspend({.allowed = {"host_driver"}}); }), ElementsAre("offline"));
}

TEST_F(ControlTest, RefusesToResumeWhatMustNotRun) {
  for (const auto& [kind, name] :
       {std::pair{IntentKind::loading, "loading"}, std::pair{IntentKind::away, "away"},
        std::pair{IntentKind::exported, "exported"}}) {
    a->backend[1].suspended = true;
    a->journal().record(kind, 1);
    EXPECT_THAT(refusal_of([&] { resume(); }), ElementsAre(name));
    EXPECT_THAT(refusal_of([&] { resume({.dry_run = true}); }), ElementsAre(name));
    EXPECT_THAT(refusal_of([&] { resume({.allowed = {"suspended"}}); }), ElementsAre(name));
    EXPECT_TRUE(a->backend[1].suspended);
    EXPECT_TRUE(resume({.allowed = {name}}).changed);
    EXPECT_FALSE(on_disk("a", kind, 1));
  }
}

TEST_F(ControlTest, WhatAnEarlierSessionOfThisProcessRecordedIsNotInProgress) {
  a->backend[1].suspended = true;
  a->journal().record(IntentKind::away, 1);
  a->open();
  EXPECT_THAT(refusal_of([&] { resume(); }), ElementsAre("away"));
}

TEST_F(ControlTest, WhatIsOverIsForgottenBeforeTheFunctionIsSuspendedAgain) {
  for (const auto kind : custody_kinds) {
    a->backend[1].queues = 0;
    a->journal().record(kind, 1);
    EXPECT_TRUE(suspend().changed);
    EXPECT_EQ(custody("a", 1), IntentKind::suspended) << to_string(kind);
    EXPECT_TRUE(resume().changed);
  }
}

TEST_F(ControlTest, ASuspendThatFailedLeavesItRunning) {
  for (const std::string call : {"look", "quiesce", "suspend"}) {
    a->backend.hook([&](const std::string& made, std::uint16_t) {
      if (made == call) throw OsError(EINTR, "send", "it");
    });
    EXPECT_THROW(suspend({.notice = true}), OsError) << call;
    a->backend.hook({});
    EXPECT_FALSE(a->backend[1].suspended);
    EXPECT_FALSE(named());
  }
}

TEST_F(ControlTest, AResumeThatFailedStaysInTheJournal) {
  suspend();
  for (const std::string call : {"look", "resume"}) {
    a->backend.hook([&](const std::string& made, std::uint16_t) {
      if (made == call) throw OsError(EIO, "send", "it");
    });
    EXPECT_THROW(resume(), OsError) << call;
    a->backend.hook({});
    EXPECT_TRUE(a->backend[1].suspended);
    EXPECT_TRUE(named());
  }
}

TEST_F(ControlTest, AfterAStopSignalNothingMoreIsSent) {
  set_interrupted(true);
  EXPECT_THROW(suspend(), Interrupted);
  EXPECT_EQ(a->backend.count("suspend"), 0U);
}

TEST_F(ControlTest, AnotherControllingFunctionIsSentNothing) {
  a->function(1).controls = true;
  EXPECT_THAT(refusal_of([&] { suspend({.allowed = {"host_driver"}}); }),
              ElementsAre("controlling_function"));
  EXPECT_THAT(refusal_of([&] { resume(); }), ElementsAre("controlling_function"));
  EXPECT_TRUE(a->backend.log().empty());
}

TEST_F(ControlTest, AFunctionOfTheHostsDriverIsNotSuspended) {
  a->function(1).kernel_name = "nvme3";
  EXPECT_THAT(refusal_of([&] { suspend(); }), ElementsAre("host_driver"));
  EXPECT_EQ(a->backend.count("suspend"), 0U);
  EXPECT_TRUE(suspend({.allowed = {"host_driver"}}).changed);
}

TEST_F(ControlTest, AFunctionOfTheHostsDriverThatIsSuspendedMayStaySo) {
  a->function(1).kernel_name = "nvme3";
  a->backend[1].suspended = true;
  EXPECT_FALSE(suspend().changed);
  EXPECT_TRUE(named());
}

TEST_F(ControlTest, ASessionThatWasOpenedToReadClaimsTheSubsystemFirst) {
  a->session.reset();
  const auto session = lab.open("a", Access::read);
  suspend_function(*session, 1, {.dry_run = true});
  EXPECT_FALSE(session->claimed());
  suspend_function(*session, 1);
  EXPECT_TRUE(session->claimed());
}

TEST_F(ControlTest, WithoutABackendNothingCanBeSuspended) {
  const auto catalog = *lab.workspace.catalog;
  Catalog empty{.backends = {}, .providers = catalog.providers};
  lab.workspace.catalog = &empty;
  a->open();
  EXPECT_EQ(test::failure_of([&] { suspend(); }).code(), "no_live_migration");
  a->session.reset();
}

// --- suspending what is on record ---

TEST_F(ControlTest, WhatIsSuspendedAndOnRecordStaysAsItIsRecorded) {
  for (const auto kind : custody_kinds) {
    a->backend[1].suspended = true;
    a->journal().record(kind, 1, {{"destination", "b 2"}});
    EXPECT_FALSE(suspend().changed);
    EXPECT_EQ(recorded("a", 1)->kind, kind);
    EXPECT_EQ(recorded("a", 1)->details.at("destination"), "b 2");
  }
}

TEST_F(ControlTest, WhatADeadCommandLeftSuspendedIsThenSoOnPurpose) {
  a->backend[1].suspended = true;
  a->journal().record(IntentKind::suspended, 1, {{unfinished_detail, "it died"}});
  EXPECT_FALSE(suspend().changed);
  EXPECT_TRUE(named());
  EXPECT_FALSE(test::is_unfinished_on(recorded("a", 1)));
}

TEST_F(ControlTest, AGuestThatMayRunTwiceIsStoppedAndItsRecordRemains) {
  a->backend[1].queues = 4;
  a->journal().record(IntentKind::exported, 1, {{digest_detail, "d"}});
  EXPECT_TRUE(suspend().changed);
  EXPECT_TRUE(a->backend[1].suspended);
  EXPECT_EQ(recorded("a", 1)->kind, IntentKind::exported);
  EXPECT_EQ(recorded("a", 1)->details.at(digest_detail), "d");
}

// --- resuming what was exported or loaded ---

TEST_F(ControlTest, AResumedSourceIsNotedInTheLedger) {
  a->backend[1].suspended = true;
  a->journal().record(IntentKind::exported, 1, {{digest_detail, "d"}});
  EXPECT_THAT(refusal_of([&] { resume(); }), ElementsAre("exported"));
  EXPECT_THAT(ledger(), IsEmpty());
  EXPECT_TRUE(resume({.allowed = {"exported"}}).changed);
  ASSERT_THAT(ledger(), SizeIs(1));
  EXPECT_EQ(ledger()[0].kind, LedgerLine::Kind::resumed);
  EXPECT_EQ(ledger()[0].sha256, "d");
  EXPECT_EQ(ledger()[0].source, test::Lab::key_of("a"));
  EXPECT_EQ(ledger()[0].source_cntlid, 1);
  EXPECT_FALSE(custody("a", 1));
}

TEST_F(ControlTest, AGuestThatMayRunTwiceIsSettledOnlyByName) {
  a->backend[1].queues = 4;
  a->journal().record(IntentKind::away, 1, {{"destination", "b 2"}});
  EXPECT_THAT(refusal_of([&] { resume(); }), ElementsAre("two_copies"));
  EXPECT_FALSE(resume({.allowed = {"two_copies"}}).changed);
  EXPECT_FALSE(custody("a", 1));
}

TEST_F(ControlTest, ALoadedStateIsResumedOnlyWhileSomebodyHoldsTheFunction) {
  a->backend[1].suspended = true;
  a->journal().record(IntentKind::loaded, 1);
  a->hold(1, false);
  EXPECT_THAT(refusal_of([&] { resume(); }), ElementsAre("not_open"));
  a->hold(1, true);
  EXPECT_TRUE(resume().changed);
  EXPECT_FALSE(custody("a", 1));
}

TEST_F(ControlTest, ASuspendedGuestNeedsNobodyWhoHoldsTheFunction) {
  a->hold(1, false);
  suspend();
  EXPECT_TRUE(resume().changed);
}

class LoadedTest : public ControlTest {
 protected:
  LoadedTest() {
    JournalChange change;
    change.record(a->journal(), IntentKind::loaded, 1);
    change.note(a->journal(), {.kind = LedgerLine::Kind::loaded, .sha256 = "d", .cntlid = 1});
    change.write();
  }
};

TEST_F(LoadedTest, AStateThatWasLostInAResetMayBeLoadedAgain) {
  a->backend[1].queues = 0;
  EXPECT_FALSE(resume().changed);
  EXPECT_FALSE(custody("a", 1));
  EXPECT_THAT(ledger(), IsEmpty());
}

TEST_F(LoadedTest, AStateThatWasResumedByOthersMayNotBeLoadedAgain) {
  a->backend[1].queues = 4;
  suspend();
  EXPECT_TRUE(named());
  EXPECT_THAT(ledger(), SizeIs(1));
}

// --- release ---

class ReleaseTest : public ControlTest {
 protected:
  ControlResult release(const ReleaseOptions& options = {}) {
    return release_function(*a->session, 1, options);
  }
};

TEST_F(ReleaseTest, MakesAnExportedGuestAway) {
  a->backend[1].suspended = true;
  a->journal().record(IntentKind::exported, 1, {{digest_detail, "d"}, {"since_ns", "7"}});
  EXPECT_TRUE(release({.dry_run = true}).changed);
  EXPECT_EQ(custody("a", 1), IntentKind::exported);
  EXPECT_TRUE(release().changed);
  EXPECT_EQ(custody("a", 1), IntentKind::away);
  EXPECT_EQ(recorded("a", 1)->details.at(digest_detail), "d");
  EXPECT_FALSE(release().changed);
  EXPECT_TRUE(a->backend[1].suspended);
  EXPECT_EQ(a->backend.count("look"), a->backend.log().size()) << "it is sent nothing";
}

TEST_F(ReleaseTest, GivesUpAGuestThatWasNotExportedOnlyWhenThatIsAllowed) {
  suspend();
  EXPECT_THAT(refusal_of([&] { release(); }), ElementsAre("not_exported"));
  EXPECT_TRUE(named());
  EXPECT_TRUE(release({.allowed = {"not_exported"}}).changed);
  EXPECT_EQ(custody("a", 1), IntentKind::away);
}

TEST_F(ReleaseTest, OfAFunctionThatRunsIsRefused) {
  EXPECT_THAT(refusal_of([&] {
                release({.allowed = {"not_exported", "nothing_to_release"}});
              }),
              ElementsAre("nothing_to_release"));
  a->journal().record(IntentKind::exported, 1);
  a->backend[1].queues = 4;
  EXPECT_THAT(refusal_of([&] { release({.allowed = {"two_copies"}}); }), ElementsAre("two_copies"));
  a->backend[1].queues = 0;
  EXPECT_THAT(refusal_of([&] { release(); }), ElementsAre("nothing_to_release"));
}

TEST_F(ReleaseTest, OfAnotherControllingFunctionIsRefused) {
  a->function(1).controls = true;
  EXPECT_THAT(refusal_of([&] { release(); }), ElementsAre("controlling_function"));
}

TEST_F(ReleaseTest, ThatCannotBeWrittenChangesNothing) {
  a->backend[1].suspended = true;
  a->journal().record(IntentKind::exported, 1);
  io.fail_kind("write", ENOSPC);
  EXPECT_THROW(release(), OsError);
  io.heal();
  EXPECT_EQ(custody("a", 1), IntentKind::exported);
}

// --- a journal that cannot be used ---

TEST_F(ControlTest, WithADamagedJournalNothingIsDone) {
  suspend();
  a->session.reset();
  test::put(folder.folders().run + "/journal.json", "{");
  a->open();
  EXPECT_THAT(refusal_of([&] { resume(); }), testing::Contains("journal_damaged"));
  EXPECT_THAT(refusal_of([&] { suspend(); }), testing::Contains("journal_damaged"));
  EXPECT_THAT(refusal_of([&] { release_function(*a->session, 1); }),
              testing::Contains("journal_damaged"));
  EXPECT_TRUE(a->backend[1].suspended);
}

}  // namespace
}  // namespace nvmigrate
