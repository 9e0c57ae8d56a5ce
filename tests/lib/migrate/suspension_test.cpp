// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/migrate/suspension.h"

#include "tests/lib/migrate/migrate_fixture.h"

namespace nvmigrate {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class SuspensionTest : public test::MigrateTest {
 protected:
  [[nodiscard]] bool named() { return on_disk("a", IntentKind::suspended, 1); }
  [[nodiscard]] bool unfinished() {
    const auto intent = a->shared.find(IntentKind::suspended, 1);
    return intent && intent->details.contains(unfinished_detail);
  }

  std::unique_ptr<test::Host> a = host("a");
  MigrationSide side = a->side();
};

TEST_F(SuspensionTest, TheIntentIsOnDiskBeforeSuspendIsSent) {
  a->backend.hook(
      [&](const std::string& call, std::uint16_t) { EXPECT_TRUE(call != "freeze" || named()); });
  Suspension suspension(side, 1, {});
  suspension.begin();
  EXPECT_TRUE(a->backend[1].frozen);
  EXPECT_TRUE(unfinished());
  suspension.keep();
}

TEST_F(SuspensionTest, ResumesWhatItSuspendedWhenLeftAlone) {
  Suspension(side, 1, {}).begin();
  EXPECT_FALSE(a->backend[1].frozen);
  EXPECT_FALSE(named());
}

TEST_F(SuspensionTest, LeavesAloneWhatWasSuspendedBefore) {
  a->backend[1].frozen = true;
  {
    Suspension suspension(side, 1, {});
    suspension.begin();
    EXPECT_TRUE(suspension.was_frozen());
  }
  EXPECT_TRUE(a->backend[1].frozen);
  EXPECT_THAT(a->backend.log(), ElementsAre("look"));
  EXPECT_FALSE(named());
}

TEST_F(SuspensionTest, SendsNoResumeWhereNoSuspendWasSent) {
  { Suspension(side, 1, {}).record(); }
  EXPECT_THAT(a->backend.log(), ElementsAre("look"));
  EXPECT_FALSE(named());
}

TEST_F(SuspensionTest, SendsNothingWhenTheIntentCannotBeWritten) {
  Suspension suspension(side, 1, {});
  io.fail_nth(1, ENOSPC);
  EXPECT_THROW(suspension.begin(), OsError);
  EXPECT_EQ(suspension.undo(), "");
  EXPECT_THAT(a->backend.log(), ElementsAre("look"));
}

TEST_F(SuspensionTest, ASuspendThatFailedCountsAsPerhapsSent) {
  a->backend.hook([&](const std::string& call, std::uint16_t) {
    if (call != "freeze") return;
    a->backend[1].frozen = true;
    throw OsError(ETIMEDOUT, "suspend", "it");
  });
  Suspension suspension(side, 1, {});
  EXPECT_THROW(suspension.begin(), OsError);
  EXPECT_EQ(suspension.undo(), "");
  EXPECT_FALSE(a->backend[1].frozen);
  EXPECT_FALSE(named());
}

TEST_F(SuspensionTest, WhenResumeFailsTooTheIntentStaysAndTheRemedyIsNamed) {
  Suspension suspension(side, 1, {});
  suspension.begin();
  a->backend.hook([](const std::string& call, std::uint16_t) {
    if (call == "resume") throw OsError(EIO, "resume", "it");
  });
  EXPECT_THAT(suspension.undo(), HasSubstr("nvmigrate resume a 1"));
  EXPECT_TRUE(a->backend[1].frozen);
  EXPECT_TRUE(named());
  EXPECT_TRUE(unfinished());
}

TEST_F(SuspensionTest, WhenNothingCanBeAskedTheIntentStays) {
  Suspension suspension(side, 1, {});
  suspension.begin();
  a->backend.hook([](const std::string&, std::uint16_t) { throw OsError(ENODEV, "send", "it"); });
  EXPECT_THAT(suspension.undo(), HasSubstr("may still be suspended"));
  EXPECT_TRUE(named());
}

TEST_F(SuspensionTest, AFunctionThatRunsAnywayNeedsNoResume) {
  Suspension suspension(side, 1, {});
  suspension.begin();
  a->backend[1].frozen = false;
  a->backend.hook([](const std::string& call, std::uint16_t) {
    if (call == "resume") throw NvmeError({sc::invalid_field}, "resume");
  });
  EXPECT_EQ(suspension.undo(), "");
  EXPECT_FALSE(named());
}

TEST_F(SuspensionTest, SettlingSaysThatItIsOnPurpose) {
  {
    Suspension suspension(side, 1, {});
    suspension.begin();
    suspension.settle();
  }
  EXPECT_TRUE(a->backend[1].frozen);
  EXPECT_TRUE(named());
  EXPECT_FALSE(unfinished());
}

TEST_F(SuspensionTest, SettlingTakesOverWhatADeadCommandLeft) {
  {
    Suspension suspension(side, 1, {});
    suspension.begin();
    suspension.keep();
  }
  Suspension again(side, 1, {});
  again.begin();
  again.settle();
  EXPECT_TRUE(named());
  EXPECT_FALSE(unfinished());
}

TEST_F(SuspensionTest, AJournalThatCannotBeWrittenAfterResumeIsTold) {
  Suspension suspension(side, 1, {});
  suspension.begin();
  io.fail_kind("open", EIO);
  EXPECT_THROW(suspension.resume(), OsError);
  EXPECT_THAT(suspension.undo(), HasSubstr("still calls it suspended"));
  EXPECT_FALSE(a->backend[1].frozen);
  EXPECT_EQ(a->backend.count("resume"), 1U);
}

TEST_F(SuspensionTest, SettlingPutsOnRecordWhatNoRecordExplains) {
  a->backend[1].frozen = true;
  Suspension suspension(side, 1, {});
  suspension.begin();
  suspension.settle();
  EXPECT_TRUE(named());
  EXPECT_FALSE(unfinished());
}

TEST_F(SuspensionTest, LeavingNamesItOrSaysWhyNot) {
  a->backend[1].frozen = true;
  Suspension suspension(side, 1, {});
  suspension.begin();
  io.fail_kind("open", EIO);
  EXPECT_THAT(suspension.leave_named(), HasSubstr("the journal is not up to date"));
  io.heal();
  EXPECT_EQ(suspension.leave_named(), "");
  EXPECT_TRUE(named());
}

TEST_F(SuspensionTest, TheLengthCountsFromTheSuspendOfAnEarlierCommand) {
  const auto begun = Suspension::Clock::now();
  {
    Suspension first(side, 1, {});
    first.begin();
    first.settle();
  }
  a->journal.record(
      IntentKind::suspended, 1,
      {{"since_ns", std::to_string((begun - std::chrono::hours(1)).time_since_epoch().count())}});
  EXPECT_GE(Suspension(side, 1, {}).length(), std::chrono::hours(1));
}

TEST_F(SuspensionTest, ARecordWithoutATimeCountsFromNow) {
  a->backend[1].frozen = true;
  for (const auto* since : {"soon", "99999999999999999999", "9000000000000000000"}) {
    a->journal.record(IntentKind::suspended, 1, {{"since_ns", since}});
    EXPECT_LT(Suspension(side, 1, {}).length(), std::chrono::hours(1)) << since;
  }
}

TEST_F(SuspensionTest, ResumesWhatWasSuspendedBeforeWhenAsked) {
  a->backend[1].frozen = true;
  a->shared.record(IntentKind::suspended, 1);
  Suspension suspension(side, 1, {});
  suspension.begin();
  suspension.resume();
  EXPECT_FALSE(a->backend[1].frozen);
  EXPECT_FALSE(named());
}

}  // namespace
}  // namespace nvmigrate
