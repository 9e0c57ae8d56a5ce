// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/migrate/suspension.h"

#include "tests/lib/migrate/migrate_fixture.h"

namespace nvmigrate {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class SuspensionTest : public test::MigrateTest {
 protected:
  [[nodiscard]] bool named() { return on_disk("a", IntentKind::suspended, 1); }
  /// With what the device says now.
  [[nodiscard]] bool suspended() { return a->backend[1].suspended; }
  static auto resumes() { return ElementsAre(test::remedy_is(Remedy::Action::resume, "sim:a", 1)); }
  [[nodiscard]] bool unfinished() {
    const auto intent = a->journal().find(IntentKind::suspended, 1);
    return intent && intent->details.contains(unfinished_detail);
  }

  std::unique_ptr<test::Host> a = host("a");
};

TEST_F(SuspensionTest, TheIntentIsOnDiskBeforeSuspendIsSent) {
  a->backend.hook(
      [&](const std::string& call, std::uint16_t) { EXPECT_TRUE(call != "suspend" || named()); });
  Suspension suspension(*a->session, 1, suspended());
  suspension.begin();
  EXPECT_TRUE(a->backend[1].suspended);
  EXPECT_TRUE(unfinished());
  suspension.keep();
}

TEST_F(SuspensionTest, ResumesWhatItSuspendedWhenLeftAlone) {
  Suspension(*a->session, 1, suspended()).begin();
  EXPECT_FALSE(a->backend[1].suspended);
  EXPECT_FALSE(named());
}

TEST_F(SuspensionTest, LeavesAloneWhatWasSuspendedBefore) {
  a->backend[1].suspended = true;
  {
    Suspension suspension(*a->session, 1, suspended());
    suspension.begin();
  }
  EXPECT_TRUE(a->backend[1].suspended);
  EXPECT_THAT(a->backend.log(), IsEmpty());
  EXPECT_FALSE(named());
}

TEST_F(SuspensionTest, SendsNoResumeWhereNoSuspendWasSent) {
  { Suspension(*a->session, 1, suspended()).record(); }
  EXPECT_THAT(a->backend.log(), IsEmpty());
  EXPECT_FALSE(named());
}

TEST_F(SuspensionTest, SendsNothingWhenTheIntentCannotBeWritten) {
  Suspension suspension(*a->session, 1, suspended());
  io.fail_nth(1, ENOSPC);
  EXPECT_THROW(suspension.begin(), OsError);
  EXPECT_TRUE(suspension.undo().empty());
  EXPECT_THAT(a->backend.log(), IsEmpty());
}

TEST_F(SuspensionTest, ASuspendThatFailedCountsAsPerhapsSent) {
  a->backend.hook([&](const std::string& call, std::uint16_t) {
    if (call != "suspend") return;
    a->backend[1].suspended = true;
    throw OsError(ETIMEDOUT, "suspend", "it");
  });
  Suspension suspension(*a->session, 1, suspended());
  EXPECT_THROW(suspension.begin(), OsError);
  EXPECT_TRUE(suspension.undo().empty());
  EXPECT_FALSE(a->backend[1].suspended);
  EXPECT_FALSE(named());
}

TEST_F(SuspensionTest, WhenResumeFailsTooTheIntentStaysAndTheRemedyIsNamed) {
  Suspension suspension(*a->session, 1, suspended());
  suspension.begin();
  a->backend.hook([](const std::string& call, std::uint16_t) {
    if (call == "resume") throw OsError(EIO, "resume", "it");
  });
  EXPECT_THAT(suspension.undo().remedies, resumes());
  EXPECT_TRUE(a->backend[1].suspended);
  EXPECT_TRUE(named());
  EXPECT_TRUE(unfinished());
}

TEST_F(SuspensionTest, WhenNothingCanBeAskedTheIntentStays) {
  Suspension suspension(*a->session, 1, suspended());
  suspension.begin();
  a->backend.hook([](const std::string&, std::uint16_t) { throw OsError(ENODEV, "send", "it"); });
  EXPECT_THAT(suspension.undo().remedies, resumes());
  EXPECT_TRUE(named());
}

TEST_F(SuspensionTest, AFunctionThatRunsAnywayNeedsNoResume) {
  Suspension suspension(*a->session, 1, suspended());
  suspension.begin();
  a->backend[1].suspended = false;
  a->backend.hook([](const std::string& call, std::uint16_t) {
    if (call == "resume") throw NvmeError({sc::invalid_field}, "resume");
  });
  EXPECT_TRUE(suspension.undo().empty());
  EXPECT_FALSE(named());
}

TEST_F(SuspensionTest, SettlingSaysThatItIsOnPurpose) {
  {
    Suspension suspension(*a->session, 1, suspended());
    suspension.begin();
    suspension.settle();
  }
  EXPECT_TRUE(a->backend[1].suspended);
  EXPECT_TRUE(named());
  EXPECT_FALSE(unfinished());
}

TEST_F(SuspensionTest, SettlingTakesOverWhatADeadCommandLeft) {
  {
    Suspension suspension(*a->session, 1, suspended());
    suspension.begin();
    suspension.keep();
  }
  Suspension again(*a->session, 1, suspended());
  again.begin();
  again.settle();
  EXPECT_TRUE(named());
  EXPECT_FALSE(unfinished());
}

TEST_F(SuspensionTest, AJournalThatCannotBeWrittenAfterResumeIsTold) {
  Suspension suspension(*a->session, 1, suspended());
  suspension.begin();
  io.fail_kind("open", EIO);
  EXPECT_THROW(suspension.resume(), OsError);
  EXPECT_THAT(suspension.undo().remedies, resumes());
  EXPECT_FALSE(a->backend[1].suspended);
  EXPECT_EQ(a->backend.count("resume"), 1U);
}

TEST_F(SuspensionTest, SettlingPutsOnRecordWhatNoRecordExplains) {
  a->backend[1].suspended = true;
  Suspension suspension(*a->session, 1, suspended());
  suspension.begin();
  suspension.settle();
  EXPECT_TRUE(named());
  EXPECT_FALSE(unfinished());
}

TEST_F(SuspensionTest, AtLastItIsRecordedOrSaidWhyNot) {
  a->backend[1].suspended = true;
  Suspension suspension(*a->session, 1, suspended());
  suspension.begin();
  io.fail_kind("open", EIO);
  EXPECT_NE(suspension.record_at_last(), "");
  io.heal();
  EXPECT_EQ(suspension.record_at_last(), "");
  EXPECT_TRUE(named());
}

TEST_F(SuspensionTest, TheLengthCountsFromTheSuspendOfAnEarlierCommand) {
  {
    Suspension first(*a->session, 1, suspended());
    first.begin();
    first.settle();
  }
  const std::chrono::nanoseconds long_ago = Suspension::Clock::now().time_since_epoch() / 2;
  a->journal().record(IntentKind::suspended, 1, {{"since_ns", std::to_string(long_ago.count())}});
  EXPECT_GE(Suspension(*a->session, 1, suspended()).length(), long_ago);
}

TEST_F(SuspensionTest, ARecordWithoutATimeCountsFromNow) {
  a->backend[1].suspended = true;
  for (const auto* since : {"soon", "99999999999999999999", "9000000000000000000"}) {
    a->journal().record(IntentKind::suspended, 1, {{"since_ns", since}});
    EXPECT_LT(Suspension(*a->session, 1, suspended()).length(), std::chrono::hours(1)) << since;
  }
}

TEST_F(SuspensionTest, ResumesWhatWasSuspendedBeforeWhenAsked) {
  a->backend[1].suspended = true;
  a->journal().record(IntentKind::suspended, 1);
  Suspension suspension(*a->session, 1, suspended());
  suspension.begin();
  suspension.resume();
  EXPECT_FALSE(a->backend[1].suspended);
  EXPECT_FALSE(named());
}

}  // namespace
}  // namespace nvmigrate
