// SPDX-License-Identifier: LGPL-2.1-or-later
#include <filesystem>

#include "tests/lib/host/provision_fixture.h"
#include "tests/support/find_intent.h"

namespace nvmigrate::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

TEST_F(ProvisionFailureTest, AGrantOfFewerIsAFailureThatNamesStepsAndMaximum) {
  device.granularity = 4;
  device.grant_more = -1;
  const auto error = thrown_by([&] { make({.vfs = 1, .queues = 5}); });
  EXPECT_EQ(error.status(), ExitStatus::device);
  EXPECT_THAT(error.what(), HasSubstr("granted 4; it gives queues in steps of 4, at most 16"));
  EXPECT_THAT(error.advice(), HasSubstr("multiple of 4"));
  EXPECT_EQ(sriov().enabled, 0U);
  EXPECT_THAT(registry_again().wanted(), IsEmpty());
}

TEST_F(ProvisionFailureTest, MoreThanTheDeviceSaysAFunctionMayHaveIsUnsupported) {
  std::uint16_t code = 0;
  device.before = [&](const AdminCommand& command) -> std::optional<AdminCompletion> {
    const bool assigns = command.opcode == command::opcode::virtualization_management &&
                         (command.cdw10 & 0xFU) == 8U;
    if (!assigns) return std::nullopt;
    return FakeSubsystem::error(code);
  };
  for (const auto each : {sc::invalid_number_of_resources, sc::invalid_resource_identifier}) {
    code = each | do_not_retry;
    const auto error = thrown_by([&] { make({.vfs = 1, .queues = 5}); });
    EXPECT_EQ(error.status(), ExitStatus::unsupported);
    EXPECT_THAT(error.what(), HasSubstr("at most 16 a function"));
    EXPECT_EQ(sriov().enabled, 0U);
  }
}

TEST_F(ProvisionFailureTest, WhatReadsBackOtherwiseIsAFailure) {
  device.before = [&](const AdminCommand& command) -> std::optional<AdminCompletion> {
    const bool online = command.opcode == command::opcode::virtualization_management &&
                        (command.cdw10 & 0xFU) == 9U;
    return online ? std::optional{AdminCompletion{}} : std::nullopt;
  };
  EXPECT_EQ(thrown_by([&] { make({.vfs = 1}); }).status(), ExitStatus::device);
  EXPECT_EQ(sriov().enabled, 0U);
  EXPECT_THAT(journal_again().intents(), IsEmpty());
}

TEST_F(ProvisionFailureTest, VfsThatDoNotAppearAreAFailure) {
  device.bus.vfs_changed = [&](unsigned count) {
    if (count == 2) sriov().enabled = 1;
  };
  EXPECT_EQ(thrown_by([&] { make({.vfs = 2}); }).status(), ExitStatus::timed_out);
  EXPECT_EQ(sriov().enabled, 0U);
}

TEST_F(ProvisionFailureTest, UndoWritesNothingWhereNothingWasDone) {
  const auto refuse = [](const std::string& change) { throw OsError(EROFS, "write", change); };
  device.bus.before_change = refuse;
  EXPECT_EQ(thrown_by([&] { make({.vfs = 2}); }).status(), ExitStatus::io);
  EXPECT_THAT(device.bus.changes, SizeIs(1));
  EXPECT_FALSE(is_unfinished());

  heal();
  make({.vfs = 2});
  device.bus.give(vf(1), "nvme");
  device.bus.before_change = refuse;
  EXPECT_EQ(thrown_by([&] { take_down(); }).status(), ExitStatus::io);
  EXPECT_FALSE(is_unfinished());
}

TEST_F(ProvisionFailureTest, WhateverStepFailsEverythingIsAsBefore) {
  const ProvisionRequest request{.vfs = 2, .queues = 3, .interrupts = 2};
  device.at(1).queues = 5;  // assigned by somebody while it was offline
  const auto before = device.secondary;
  const auto tried = fail_each(request, [&](const Error& error) {
    EXPECT_NE(error.status(), ExitStatus::internal);
    EXPECT_EQ(device.secondary, before);
    EXPECT_EQ(sriov().enabled, 0U);
    EXPECT_TRUE(sriov().autoprobe);
    EXPECT_THAT(journal_again().intents(), IsEmpty());
  });
  EXPECT_EQ(tried, 13U) << "2 + 2 × 3 + 2 resets + 2 online + autoprobe";
}

TEST_F(ProvisionFailureTest, WhatCannotBePutBackStaysInTheJournalAndIsFinished) {
  const ProvisionRequest request{.vfs = 2, .queues = 3, .interrupts = 2};
  unsigned tried = 0;
  for (unsigned nth = 3;; ++nth, ++tried) {
    fail(nth, true);
    try {
      make(request);
      heal();
      break;
    } catch (const Error& error) {
      EXPECT_THAT(error.remedies(), ElementsAre(of(Remedy::Action::repair)));
    }
    heal();
    SCOPED_TRACE("effect " + std::to_string(nth));
    ASSERT_TRUE(is_unfinished());
    ASSERT_TRUE(finish());
    EXPECT_THAT(journal_again().intents(), IsEmpty());
    EXPECT_TRUE(device.at(1).online && device.at(2).online);
    EXPECT_EQ(device.at(2).queues, 3);
    EXPECT_TRUE(sriov().autoprobe);
    take_down();
  }
  EXPECT_EQ(tried, 11U);
}

TEST_F(ProvisionFailureTest, AFinishThatFailsKeepsTheRecord) {
  fail(5, true);
  EXPECT_THROW(make({.vfs = 2}), Error);
  fail(2);
  EXPECT_THROW(make({.vfs = 2}), Error);
  EXPECT_TRUE(is_unfinished());
  heal();
  const auto result = make({.vfs = 2});
  ASSERT_TRUE(result.unfinished.has_value());
  EXPECT_EQ(result.unfinished->command, "test");
  EXPECT_THAT(journal_again().intents(), IsEmpty());
}

TEST_F(ProvisionFailureTest, AStopSignalBetweenTwoStepsPutsEverythingBack) {
  device.bus.was_reset = [](const std::string&) { set_interrupted(true); };
  EXPECT_THROW(make({.vfs = 2}), Interrupted);
  EXPECT_EQ(sriov().enabled, 0U);
  EXPECT_FALSE(device.at(1).online);
  EXPECT_THAT(journal_again().intents(), IsEmpty());
}

TEST_F(ProvisionFailureTest, NothingIsChangedWhenTheIntentCannotBeWritten) {
  session();
  std::filesystem::remove_all(folder.folders().run);
  put(folder.folders().run, "a file where a folder should be");
  const auto error = thrown_by([&] { make({.vfs = 2}); });
  EXPECT_THAT(error.what(), HasSubstr(folder.folders().run));
  EXPECT_THAT(effects(), IsEmpty());
  EXPECT_THAT(device.bus.changes, IsEmpty());
  EXPECT_EQ(test::find(journal(), IntentKind::provisioning, 0), std::nullopt);
}

TEST_F(ProvisionFailureTest, NothingToFinishIsNotAnError) { EXPECT_FALSE(finish().has_value()); }

}  // namespace
}  // namespace nvmigrate::test
