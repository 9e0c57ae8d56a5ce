// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/migrate/suspension.h"

#include "tests/lib/migrate/migrate_fixture.h"

namespace nvmigrate {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class SuspensionTest : public test::MigrateTest {
 protected:
  /// With what the device says now.
  [[nodiscard]] bool suspended() { return a->backend[1].suspended; }
  [[nodiscard]] Suspension make() { return {*a->session, 1, suspended()}; }
  static void begin(Suspension& suspension) {
    suspension.record(IntentKind::exporting, {{"file", "x"}});
    suspension.suspend();
  }
  /// As another command left it.
  void leave(IntentKind kind, const std::string& digest = "old") {
    a->backend[1].suspended = true;
    a->journal().record(kind, 1, {{digest_detail, digest}, {"since_ns", "7"}});
  }
  [[nodiscard]] std::optional<IntentKind> now() { return custody("a", 1); }
  static auto resumes() { return ElementsAre(test::remedy_is(Remedy::Action::resume, "sim:a", 1)); }

  std::unique_ptr<test::Host> a = host("a");
};

TEST_F(SuspensionTest, TheRecordIsOnDiskBeforeSuspendIsSent) {
  a->backend.hook([&](const std::string& call, std::uint16_t) {
    EXPECT_TRUE(call != "suspend" || now() == IntentKind::exporting);
  });
  auto suspension = make();
  begin(suspension);
  EXPECT_TRUE(suspended());
  suspension.keep();
}

TEST_F(SuspensionTest, ResumesWhatItSuspendedWhenLeftAlone) {
  {
    auto suspension = make();
    begin(suspension);
  }
  EXPECT_FALSE(suspended());
  EXPECT_FALSE(now());
}

TEST_F(SuspensionTest, LeavesAloneWhatWasSuspendedBefore) {
  a->backend[1].suspended = true;
  {
    auto suspension = make();
    begin(suspension);
  }
  EXPECT_TRUE(suspended());
  EXPECT_THAT(a->backend.log(), IsEmpty());
  EXPECT_FALSE(now()) << "as before, there is no record";
}

TEST_F(SuspensionTest, UndoRestoresWhatWasRecordedBefore) {
  for (const auto kind : {IntentKind::suspended, IntentKind::exported, IntentKind::loaded}) {
    leave(kind);
    const auto before = *recorded("a", 1);
    {
      auto suspension = make();
      EXPECT_EQ(suspension.before()->kind, kind);
      begin(suspension);
      suspension.record(IntentKind::exported, {{digest_detail, "new"}});
      EXPECT_EQ(recorded("a", 1)->details.at(digest_detail), "new");
      EXPECT_TRUE(suspension.undo().empty());
    }
    EXPECT_TRUE(suspended());
    EXPECT_EQ(now(), kind);
    EXPECT_EQ(recorded("a", 1)->details, before.details);
    EXPECT_EQ(recorded("a", 1)->time, before.time);
  }
}

TEST_F(SuspensionTest, UndoDoesNotBringBackTheRecordOfAGuestThatWasResumed) {
  leave(IntentKind::suspended);
  auto suspension = make();
  begin(suspension);
  suspension.wake();
  EXPECT_THAT(suspension.undo().advice, HasSubstr("runs"));
  EXPECT_FALSE(suspended());
  EXPECT_FALSE(now());
}

TEST_F(SuspensionTest, KeepingLeavesFunctionAndJournalAsTheyAre) {
  {
    auto suspension = make();
    begin(suspension);
    suspension.keep();
    EXPECT_TRUE(suspension.undo().empty());
  }
  EXPECT_TRUE(suspended());
  EXPECT_EQ(now(), IntentKind::exporting);
}

TEST_F(SuspensionTest, SendsNoResumeWhereNoSuspendWasSent) {
  make().record(IntentKind::suspended);
  EXPECT_THAT(a->backend.log(), IsEmpty());
  EXPECT_FALSE(now());
}

TEST_F(SuspensionTest, SendsNothingWhenTheRecordCannotBeWritten) {
  auto suspension = make();
  io.fail_nth(1, ENOSPC);
  EXPECT_THROW(begin(suspension), Error);
  EXPECT_TRUE(suspension.undo().empty());
  EXPECT_THAT(a->backend.log(), IsEmpty());
}

TEST_F(SuspensionTest, RecordsTogetherWithWhatElseIsChanged) {
  auto suspension = make();
  JournalChange change;
  suspension.add_record(change, IntentKind::loading, {{"source", "b 2"}});
  change.record(a->journal(), IntentKind::away, 2).write();
  EXPECT_EQ(now(), IntentKind::loading);
  EXPECT_EQ(recorded("a", 1)->details.at("source"), "b 2");
  EXPECT_EQ(custody("a", 2), IntentKind::away);
  suspension.undo();
  EXPECT_FALSE(now());
  EXPECT_EQ(custody("a", 2), IntentKind::away);
}

TEST_F(SuspensionTest, ASuspendThatFailedCountsAsPerhapsSent) {
  a->backend.hook([&](const std::string& call, std::uint16_t) {
    if (call != "suspend") return;
    a->backend[1].suspended = true;
    throw OsError(ETIMEDOUT, "suspend", "it");
  });
  auto suspension = make();
  EXPECT_THROW(begin(suspension), OsError);
  EXPECT_THAT(suspension.undo().remedies, IsEmpty());
  EXPECT_FALSE(suspended());
  EXPECT_FALSE(now());
}

TEST_F(SuspensionTest, WhenResumeFailsTooTheRecordStaysAndTheRemedyIsNamed) {
  auto suspension = make();
  begin(suspension);
  a->backend.hook([](const std::string& call, std::uint16_t) {
    if (call == "resume") throw OsError(EIO, "resume", "it");
  });
  EXPECT_THAT(suspension.undo().remedies, resumes());
  EXPECT_TRUE(suspended());
  EXPECT_EQ(now(), IntentKind::exporting);
}

TEST_F(SuspensionTest, WhenNothingCanBeAskedTheRecordStays) {
  auto suspension = make();
  begin(suspension);
  a->backend.hook([](const std::string&, std::uint16_t) { throw OsError(ENODEV, "send", "it"); });
  EXPECT_THAT(suspension.undo().remedies, resumes());
  EXPECT_EQ(now(), IntentKind::exporting);
}

TEST_F(SuspensionTest, AFunctionThatRunsAnywayNeedsNoResume) {
  auto suspension = make();
  begin(suspension);
  a->backend[1].suspended = false;
  a->backend.hook([](const std::string& call, std::uint16_t) {
    if (call == "resume") throw NvmeError({sc::invalid_field}, "resume");
  });
  const auto left = suspension.undo();
  EXPECT_THAT(left.remedies, IsEmpty());
  EXPECT_THAT(left.advice, HasSubstr("runs again"));
  EXPECT_FALSE(now());
}

TEST_F(SuspensionTest, AJournalThatCannotBeWrittenAfterResumeIsTold) {
  auto suspension = make();
  begin(suspension);
  io.fail_kind("open", EIO);
  EXPECT_THROW(suspension.resume(), Error);
  EXPECT_THAT(suspension.undo().remedies, resumes());
  EXPECT_FALSE(suspended());
  EXPECT_EQ(a->backend.count("resume"), 1U);
}

TEST_F(SuspensionTest, AStopSignalDoesNotStopTheUndoing) {
  auto suspension = make();
  begin(suspension);
  set_interrupted(true);
  for (const auto* kind : {"open", "write"})
    io.fail_kind(kind, EINTR, 1, 1);
  const auto left = suspension.undo();
  EXPECT_THAT(left.remedies, IsEmpty());
  EXPECT_FALSE(suspended());
  EXPECT_FALSE(now());
}

TEST_F(SuspensionTest, ResumesWhatWasSuspendedBeforeWhenAsked) {
  leave(IntentKind::suspended);
  auto suspension = make();
  begin(suspension);
  suspension.resume();
  EXPECT_FALSE(suspended());
  EXPECT_FALSE(now());
  EXPECT_TRUE(suspension.undo().advice.ends_with("runs"));
}

// --- how long ---

TEST_F(SuspensionTest, TheLengthCountsFromTheSuspendOfAnEarlierCommand) {
  a->backend[1].suspended = true;
  const std::chrono::nanoseconds long_ago = Suspension::Clock::now().time_since_epoch() / 2;
  a->journal().record(IntentKind::exported, 1, {{"since_ns", std::to_string(long_ago.count())}});
  EXPECT_GE(make().length(), long_ago);
}

TEST_F(SuspensionTest, EveryRecordSaysSinceWhen) {
  auto suspension = make();
  begin(suspension);
  const auto since = recorded("a", 1)->details.at("since_ns");
  EXPECT_FALSE(since.empty());
  suspension.record(IntentKind::exported);
  EXPECT_TRUE(recorded("a", 1)->details.contains("since_ns"));
}

TEST_F(SuspensionTest, ARecordWithoutATimeCountsFromNow) {
  a->backend[1].suspended = true;
  for (const auto* since : {"soon", "99999999999999999999", "9000000000000000000"}) {
    a->journal().record(IntentKind::suspended, 1, {{"since_ns", since}});
    EXPECT_LT(make().length(), std::chrono::hours(1)) << since;
  }
}

}  // namespace
}  // namespace nvmigrate
