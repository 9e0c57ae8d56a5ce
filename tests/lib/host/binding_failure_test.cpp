// SPDX-License-Identifier: LGPL-2.1-or-later
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
    if (change == "probe " + vf(2) && driver(1) == "vfio-pci") throw OsError(EIO, "write", change);
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
  EXPECT_TRUE(take("1").failed());
  EXPECT_EQ(driver(1), "nvme");
  EXPECT_THAT(journal_again().intents(), IsEmpty());
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

TEST_F(BindingFailureTest, AStopSignalEndsItBetweenTwoFunctions) {
  device.bus.before_change = [](const std::string&) { set_interrupted(true); };
  const auto result = take("1-2");
  EXPECT_TRUE(result.functions[0].changed);
  EXPECT_TRUE(result.functions[1].skipped);
  EXPECT_TRUE(result.skipped());
  EXPECT_EQ(driver(1), "vfio-pci");
  EXPECT_EQ(driver(2), "nvme");
  EXPECT_THAT(journal_again().intents(), IsEmpty());
}

TEST_F(BindingFailureTest, AFunctionThatGoesAwayInTheMiddleIsNotFound) {
  device.bus.before_change = [&](const std::string& change) {
    if (change == "probe " + vf(1)) device.bus.enable(0);
  };
  EXPECT_EQ(status_of(take("1")), ExitStatus::not_found);
  EXPECT_THAT(journal_again().intents(), IsEmpty()) << "there is nothing to give back";
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
