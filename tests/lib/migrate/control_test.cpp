// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/migrate/control.h"

#include "tests/lib/migrate/migrate_fixture.h"
#include "tests/support/error_of.h"

namespace nvmigrate {
namespace {

class ControlTest : public test::MigrateTest {
 protected:
  ControlResult resume(const std::vector<std::string>& allowed = {}, bool dry_run = false) {
    return resume_function(io, folder.folders(), side, 1, allowed, dry_run);
  }
  [[nodiscard]] bool named() { return on_disk("a", IntentKind::suspended, 1); }

  std::unique_ptr<test::Host> a = host("a");
  MigrationSide side = a->side();
};

TEST_F(ControlTest, SuspendsOnceAndSaysSo) {
  EXPECT_TRUE(suspend_function(side, 1, true, {}, false).changed);
  EXPECT_TRUE(a->backend[1].frozen);
  EXPECT_EQ(a->backend.count("quiesce"), 1U);
  ASSERT_TRUE(a->shared.find(IntentKind::suspended, 1));
  EXPECT_FALSE(a->shared.find(IntentKind::suspended, 1)->details.contains(unfinished_detail));
  EXPECT_FALSE(suspend_function(side, 1, true, {}, false).changed);
  EXPECT_EQ(a->backend.count("freeze"), 1U);
  EXPECT_EQ(a->backend.count("quiesce"), 1U);
}

TEST_F(ControlTest, ResumesOnceAndSaysSo) {
  suspend_function(side, 1, false, {}, false);
  EXPECT_TRUE(resume().changed);
  EXPECT_FALSE(a->backend[1].frozen);
  EXPECT_FALSE(named());
  EXPECT_FALSE(resume().changed);
  EXPECT_EQ(a->backend.count("resume"), 1U);
}

TEST_F(ControlTest, DryRunsChangeNothing) {
  EXPECT_TRUE(suspend_function(side, 1, true, {}, true).changed);
  EXPECT_FALSE(a->backend[1].frozen);
  EXPECT_FALSE(named());
  a->backend[1].frozen = true;
  EXPECT_TRUE(resume({}, true).changed);
  EXPECT_TRUE(a->backend[1].frozen);
}

TEST_F(ControlTest, AFunctionThatWasResetIsStruckFromTheJournal) {
  suspend_function(side, 1, false, {}, false);
  a->backend[1].frozen = false;
  EXPECT_FALSE(resume().changed);
  EXPECT_FALSE(named());
  a->shared.record(IntentKind::suspended, 1);
  a->topology.functions[0].online = false;
  EXPECT_FALSE(resume().changed);
  EXPECT_FALSE(named());
}

TEST_F(ControlTest, AFunctionThatWasResetMayBeUsedAnew) {
  a->shared.record(IntentKind::moved, 1);
  a->shared.record(IntentKind::loading, 1);
  EXPECT_FALSE(resume().changed);
  EXPECT_EQ(a->backend.count("resume"), 0U);
  EXPECT_FALSE(on_disk("a", IntentKind::moved, 1) || on_disk("a", IntentKind::loading, 1));
}

TEST_F(ControlTest, RefusesToSuspendWhatIsOffline) {
  a->topology.functions[0].online = false;
  EXPECT_THROW(suspend_function(side, 1, false, {}, false), Error);
  EXPECT_TRUE(a->backend.log().empty());
}

TEST_F(ControlTest, RefusesToResumeWhatMustNotRun) {
  for (const auto& [kind, name] :
       {std::pair{IntentKind::loading, "loading"}, std::pair{IntentKind::moved, "moved"}}) {
    a->backend[1].frozen = true;
    a->shared.record(kind, 1);
    EXPECT_THROW(resume(), Error);
    EXPECT_THROW(resume({}, true), Error);
    EXPECT_THROW(resume({"suspended"}), Error);
    EXPECT_TRUE(a->backend[1].frozen);
    EXPECT_TRUE(resume({name}).changed);
    EXPECT_FALSE(on_disk("a", kind, 1));
  }
}

TEST_F(ControlTest, ASuspendThatFailedLeavesItRunning) {
  for (std::size_t number = 1; number <= 3; ++number) {
    test::FailAt at(number, [] { throw OsError(EINTR, "send", "it"); });
    a->backend.hook(std::ref(at));
    EXPECT_THROW(suspend_function(side, 1, true, {}, false), OsError) << number;
    a->backend.hook({});
    EXPECT_FALSE(a->backend[1].frozen);
    EXPECT_FALSE(named());
  }
}

TEST_F(ControlTest, AResumeThatFailedStaysInTheJournal) {
  suspend_function(side, 1, false, {}, false);
  for (std::size_t number = 1; number <= 2; ++number) {
    test::FailAt at(number, [] { throw OsError(EIO, "send", "it"); });
    a->backend.hook(std::ref(at));
    EXPECT_THROW(resume(), OsError) << number;
    a->backend.hook({});
    EXPECT_TRUE(a->backend[1].frozen);
    EXPECT_TRUE(named());
  }
}

TEST_F(ControlTest, AfterAStopSignalNothingMoreIsSent) {
  set_interrupted(true);
  EXPECT_THROW(suspend_function(side, 1, false, {}, false), Interrupted);
  EXPECT_EQ(a->backend.count("freeze"), 0U);
}

TEST_F(ControlTest, AnotherControllingFunctionIsNotSuspended) {
  a->topology.functions[0].controls = true;
  EXPECT_THAT(test::error_of([&] { suspend_function(side, 1, false, {"host_driver"}, false); },
                             ExitStatus::refused),
              testing::HasSubstr("is a controlling function itself"));
  EXPECT_TRUE(a->backend.log().empty());
}

TEST_F(ControlTest, AFunctionOfTheHostsDriverIsNotSuspended) {
  a->topology.functions[0].kernel_name = "nvme3";
  EXPECT_THAT(
      test::error_of([&] { suspend_function(side, 1, false, {}, false); }, ExitStatus::refused),
      testing::HasSubstr("in use by this host as nvme3"));
  EXPECT_EQ(a->backend.count("freeze"), 0U);
  EXPECT_TRUE(suspend_function(side, 1, false, {"host_driver"}, false).changed);
}

}  // namespace
}  // namespace nvmigrate
