// SPDX-License-Identifier: LGPL-2.1-or-later
#include <filesystem>

#include "tests/lib/host/binding_fixture.h"
#include "tests/support/find_intent.h"

namespace nvmigrate::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class BindingFailureTest : public BindingTest {
 protected:
  /// The nth change of the bus fails.
  void fail(unsigned nth) {
    device.bus.before_change = [nth, count = 0U](const std::string& change) mutable {
      if (++count == nth) throw OsError(EIO, "write", change);
    };
  }
  void heal() { device.bus.before_change = nullptr; }
  void leave_unbound() {
    journal().record(IntentKind::unbound, 1, {{"address", vf(1)}, {"original_driver", "nvme"}});
  }
  static ExitStatus status_of(const BindingResult& result) {
    const auto& failure = result.functions.at(0).failure;
    return failure ? failure->status() : ExitStatus::ok;
  }
};

TEST_F(BindingFailureTest, WhateverChangeFailsTheOriginalDriverIsBack) {
  device.bus.functions.at(vf(1)).override_to = "nvme";
  unsigned tried = 0;
  for (unsigned nth = 1;; ++nth, ++tried) {
    fail(nth);
    const auto result = take("1", {.owner = Owner{1, 2}});
    if (!result.failed()) break;
    SCOPED_TRACE("change " + std::to_string(nth));
    EXPECT_EQ(status_of(result), ExitStatus::io);
    EXPECT_FALSE(result.changed());
    EXPECT_EQ(result.functions[0].to, "nvme");
    EXPECT_EQ(driver(1), "nvme");
    EXPECT_EQ(override_of(1), "nvme");
    expect_no_records();
  }
  EXPECT_EQ(tried, 4U) << "override, unbind, probe, owner";
}

TEST_F(BindingFailureTest, UndoWritesNothingWhereNothingWasDone) {
  device.bus.before_change = [](const std::string& change) {
    throw OsError(EROFS, "write", change);
  };
  const auto result = take("1");
  EXPECT_EQ(status_of(result), ExitStatus::io);
  EXPECT_THAT(device.bus.changes, ElementsAre("set_override " + vf(1) + " vfio-pci"));
  EXPECT_FALSE(result.changed());
  expect_no_records();
}

TEST_F(BindingFailureTest, ADriverThatDoesNotTakeItIsAFailure) {
  device.bus.stubborn.insert("vfio-pci");
  const auto result = take("1");
  EXPECT_EQ(status_of(result), ExitStatus::timed_out);
  EXPECT_THAT(result.functions[0].failure->what(), HasSubstr(vf(1)));
  EXPECT_EQ(driver(1), "nvme");
  EXPECT_FALSE(override_of(1).has_value());
}

TEST_F(BindingFailureTest, ANodeThatDoesNotAppearIsAFailure) {
  device.bus.nodes = false;
  EXPECT_EQ(status_of(take("1")), ExitStatus::timed_out);
  EXPECT_EQ(driver(1), "nvme");
}

TEST_F(BindingFailureTest, ARebindThatFailsTellsThatTheFunctionIsAtItsOriginalDriver) {
  take("1");
  device.bus.drivers.insert("other-vfio");
  device.bus.stubborn.insert("other-vfio");
  const auto result = take("1", {.driver = "other-vfio"});
  EXPECT_EQ(status_of(result), ExitStatus::timed_out);
  EXPECT_EQ(driver(1), "nvme");
  EXPECT_EQ(result.functions[0].from, "vfio-pci");
  EXPECT_EQ(result.functions[0].to, "nvme");
  EXPECT_TRUE(result.functions[0].changed);
  expect_no_records();
}

TEST_F(BindingFailureTest, OneThatFailsDoesNotKeepTheOthers) {
  device.bus.before_change = [&](const std::string& change) {
    if (change == "probe " + vf(2) && override_of(2) == "vfio-pci") {
      throw OsError(EIO, "write", change);
    }
  };
  const auto result = take("1-3");
  EXPECT_TRUE(result.failed());
  EXPECT_TRUE(result.functions[0].changed);
  EXPECT_TRUE(result.functions[1].failure.has_value());
  EXPECT_TRUE(result.functions[2].changed);
}

TEST_F(BindingFailureTest, AFunctionThatCannotBePutBackStaysInTheJournal) {
  device.bus.before_change = [](const std::string& change) {
    if (change.starts_with("probe")) throw OsError(EIO, "write", change);
  };
  const auto result = take("1");
  ASSERT_TRUE(result.failed());
  EXPECT_THAT(result.functions[0].failure->remedies(), ElementsAre(of(Remedy::Action::unbind, 1)));
  EXPECT_EQ(result.functions[0].to, std::nullopt) << "no driver has it";
  EXPECT_TRUE(test::find(journal_again(), IntentKind::unbound, 1));
}

TEST_F(BindingFailureTest, UnbindGivesBackWhatCouldNotBePutBack) {
  leave_unbound();
  device.bus.functions.at(vf(1)).driver.reset();
  EXPECT_FALSE(give_back("1").failed());
  EXPECT_EQ(driver(1), "nvme");
  EXPECT_FALSE(override_of(1).has_value());
  expect_no_records();
}

TEST_F(BindingFailureTest, ARegistryThatCannotBeWrittenIsAFailure) {
  session();
  put(folder.folders().state, "a file where a folder should be");
  const auto result = take("1-2");
  for (const unsigned vfn : {1U, 2U}) {
    EXPECT_TRUE(result.functions[vfn - 1].failure.has_value());
    EXPECT_FALSE(result.functions[vfn - 1].changed);
    EXPECT_EQ(driver(vfn), "nvme");
  }
  EXPECT_THAT(journal_again().intents(), IsEmpty());
}

TEST_F(BindingFailureTest, WithoutItsJournalNothingChanges) {
  session().claim();
  put(folder.folders().run + "/journal.json/file", "a folder where a file should be");
  const auto result = take("1-2");
  EXPECT_TRUE(result.functions[0].failure && result.functions[1].failure);
  EXPECT_FALSE(result.changed());
  EXPECT_THAT(device.bus.changes, IsEmpty());
}

TEST_F(BindingFailureTest, BindFinishesWhatABindThatEndedEarlyBegan) {
  leave_unbound();
  device.bus.functions.at(vf(1)).driver.reset();
  EXPECT_TRUE(take("1").changed());
  EXPECT_EQ(registry_again().binding_of(1)->original_driver, "nvme");
  EXPECT_THAT(journal_again().intents(), IsEmpty());
}

TEST_F(BindingFailureTest, ABindThatEndedBeforeItsRecordIsRememberedAfterAll) {
  leave_unbound();
  device.bus.give(vf(1), "vfio-pci");
  EXPECT_FALSE(take("1").changed());
  ASSERT_NE(registry_again().binding_of(1), nullptr);
  EXPECT_EQ(registry_again().binding_of(1)->original_driver, "nvme");
  EXPECT_THAT(journal_again().intents(), IsEmpty());
}

TEST_F(BindingFailureTest, AStopSignalLetsThoseEndThatHaveBegun) {
  for (const unsigned most : {1U, 2U}) {
    device.bus.before_change = [](const std::string&) { set_interrupted(true); };
    const auto result = take("1-3", {.together = {.most = most}});
    unsigned bound = 0;
    for (unsigned vfn = 1; vfn <= 3; ++vfn) {
      const auto& one = result.functions[vfn - 1];
      EXPECT_NE(one.changed, one.skipped);
      EXPECT_EQ(driver(vfn), one.changed ? "vfio-pci" : "nvme");
      EXPECT_EQ(registry_again().binding_of(one.cntlid) != nullptr, one.changed);
      if (one.changed) ++bound;
    }
    EXPECT_THAT(bound, testing::AllOf(testing::Ge(1U), testing::Le(most)));
    EXPECT_TRUE(result.skipped());
    EXPECT_THAT(journal_again().intents(), IsEmpty());
    set_interrupted(false);
    heal();
    give_back("all");
  }
}

TEST_F(BindingFailureTest, WhatIsSkippedKeepsTheIntentOfARunThatEndedEarly) {
  journal().record(IntentKind::unbound, 2, {{"address", vf(2)}, {"original_driver", "nvme"}});
  device.bus.functions.at(vf(2)).driver.reset();
  device.bus.before_change = [](const std::string&) { set_interrupted(true); };
  const auto result = take("1-3", {.together = {.most = 1}});
  EXPECT_TRUE(result.functions[1].skipped && result.functions[2].skipped);
  const auto after = journal_again();
  EXPECT_TRUE(test::find(after, IntentKind::unbound, 2));
  EXPECT_FALSE(test::find(after, IntentKind::unbound, 3));
}

TEST_F(BindingFailureTest, AFunctionThatGoesAwayInTheMiddleIsNotFound) {
  device.bus.before_change = [&](const std::string& change) {
    if (change == "probe " + vf(1)) device.bus.enable(0);
  };
  EXPECT_EQ(status_of(take("1")), ExitStatus::not_found);
  EXPECT_THAT(journal_again().intents(), IsEmpty()) << "there is nothing to give back";
}

TEST_F(BindingFailureTest, UnbindWithoutARegistryIsTriedAgain) {
  take("1-2");
  const auto state = folder.folders().state;
  std::filesystem::rename(state, state + ".away");
  put(state, "a file where a folder should be");
  const auto result = give_back("1-2");
  EXPECT_TRUE(result.functions[0].failure && result.functions[1].failure);
  EXPECT_THAT(journal_again().intents(), testing::SizeIs(2));
  std::filesystem::remove(state);
  std::filesystem::rename(state + ".away", state);
  EXPECT_FALSE(give_back("1-2").failed());
  expect_no_records();
}

TEST_F(BindingFailureTest, WhateverChangeOfUnbindFailsTheNextRunFinishes) {
  unsigned tried = 0;
  for (unsigned nth = 1;; ++nth, ++tried) {
    take("1");
    fail(nth);
    const auto result = give_back("1");
    heal();
    if (!result.failed()) break;
    SCOPED_TRACE("change " + std::to_string(nth));
    EXPECT_THAT(result.functions[0].failure->remedies(),
                ElementsAre(of(Remedy::Action::unbind, 1)));
    EXPECT_TRUE(test::find(journal_again(), IntentKind::unbound, 1));
    EXPECT_FALSE(give_back("1").failed());
    EXPECT_EQ(driver(1), "nvme");
    EXPECT_FALSE(override_of(1).has_value());
    expect_no_records();
  }
  EXPECT_EQ(tried, 4U) << "override, unbind, probe, override";
}

}  // namespace
}  // namespace nvmigrate::test
