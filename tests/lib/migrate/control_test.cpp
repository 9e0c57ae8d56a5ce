// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/migrate/migrate.h"
#include "tests/lib/migrate/migrate_fixture.h"

namespace nvmigrate {
namespace {

using test::refusal_of;
using testing::ElementsAre;

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
  ASSERT_TRUE(a->journal().find(IntentKind::suspended, 1));
  EXPECT_FALSE(a->journal().find(IntentKind::suspended, 1)->details.contains(unfinished_detail));
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
  a->journal().record(IntentKind::moved, 1);
  a->journal().record(IntentKind::loading, 1);
  EXPECT_FALSE(resume().changed);
  EXPECT_EQ(a->backend.count("resume"), 0U);
  EXPECT_FALSE(on_disk("a", IntentKind::moved, 1) || on_disk("a", IntentKind::loading, 1));
}

TEST_F(ControlTest, AFunctionThatIsOfflineHoldsNoStateThatMustNotRun) {
  a->journal().record(IntentKind::moved, 1);
  a->function(1).online = false;
  EXPECT_FALSE(resume().changed);
  EXPECT_FALSE(on_disk("a", IntentKind::moved, 1));
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
       {std::pair{IntentKind::loading, "loading"}, std::pair{IntentKind::moved, "moved"}}) {
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
  a->journal().record(IntentKind::moved, 1);
  a->open();
  EXPECT_THAT(refusal_of([&] { resume(); }), ElementsAre("moved"));
}

TEST_F(ControlTest, WhatIsOverIsForgottenBeforeTheFunctionIsSuspendedAgain) {
  a->journal().record(IntentKind::moved, 1);
  a->journal().record(IntentKind::loading, 1);
  EXPECT_TRUE(suspend().changed);
  EXPECT_FALSE(on_disk("a", IntentKind::moved, 1) || on_disk("a", IntentKind::loading, 1));
  EXPECT_TRUE(resume().changed);
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

}  // namespace
}  // namespace nvmigrate
