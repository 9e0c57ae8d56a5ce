// SPDX-License-Identifier: LGPL-2.1-or-later
#include <gmock/gmock.h>

#include "tests/lib/host/provision_fixture.h"

namespace nvmigrate::test {
namespace {

using testing::IsEmpty;
using testing::SizeIs;

TEST_F(ProvisionTest, AGrantOfAnotherNumberIsAFailure) {
  for (const int more : {-1, 1}) {
    device.grant_more = more;
    EXPECT_THAT(error_of([&] { make({.vfs = 1, .queues = 4}); }),
                fails(ExitStatus::device, "granted " + std::to_string(4 + more)));
    EXPECT_EQ(device.bus.sriov_of[FakePciBus::physical].enabled, 0U);
  }
}

TEST_F(ProvisionTest, AGrantInStepsNamesTheSteps) {
  device.granularity = 4;
  device.grant_more = 3;
  const auto error = error_of([&] { make({.vfs = 1, .queues = 5}); });
  EXPECT_THAT(error,
              fails(ExitStatus::device, "granted 8 instead of 5; it gives queues in steps of 4"));
  EXPECT_THAT(error, hints("ask for a multiple of 4"));
}

TEST_F(ProvisionTest, WhatReadsBackOtherwiseIsAFailure) {
  device.before = [&](const AdminCommand& command) -> std::optional<AdminCompletion> {
    const bool online = command.opcode == command::opcode::virtualization_management &&
                        (command.cdw10 & 0xFU) == 9U;
    return online ? std::optional{AdminCompletion{}} : std::nullopt;
  };
  EXPECT_THAT(error_of([&] { make({.vfs = 1}); }),
              fails(ExitStatus::device, "should be online with 16 queues"));
  EXPECT_EQ(device.bus.sriov_of[FakePciBus::physical].enabled, 0U);
  EXPECT_THAT(journal_again().intents(), IsEmpty());
}

TEST_F(ProvisionTest, VfsThatDoNotAppearAreAFailure) {
  device.bus.vfs_changed = [&](unsigned count) {
    if (count == 2) device.bus.sriov_of[FakePciBus::physical].enabled = 1;
  };
  EXPECT_THAT(error_of([&] { make({.vfs = 2}); }), fails(ExitStatus::timed_out, "only 1 are"));
  EXPECT_EQ(device.bus.sriov_of[FakePciBus::physical].enabled, 0U);
}

TEST_F(ProvisionFailureTest, WhateverStepFailsEverythingIsAsBefore) {
  const ProvisionWish wish{.vfs = 2, .queues = 3, .interrupts = 2};
  device.at(1).queues = 5;  // assigned by somebody while it was offline
  const auto before = device.secondary;
  unsigned tried = 0;
  for (unsigned nth = 1;; ++nth) {
    fail(nth);
    try {
      make(wish);
      break;
    } catch (const Error& error) {
      ++tried;
      EXPECT_NE(error.status(), ExitStatus::internal);
    }
    EXPECT_EQ(device.secondary, before) << "effect " << nth;
    EXPECT_EQ(device.bus.sriov_of[FakePciBus::physical].enabled, 0U);
    EXPECT_TRUE(device.bus.sriov_of[FakePciBus::physical].autoprobe);
    EXPECT_THAT(journal_again().intents(), IsEmpty());
  }
  EXPECT_EQ(tried, 13U) << "2 + 2 × 3 + 2 resets + 2 online + autoprobe";
}

TEST_F(ProvisionFailureTest, FailedRecreationPutsTheOldFunctionsBack) {
  bring_up(2);
  const auto before = device.secondary;
  const ProvisionWish wish{.vfs = 3, .queues = 2, .interrupts = {}, .recreate = true};
  for (unsigned nth = 1;; ++nth) {
    fail(nth);
    try {
      make(wish);
      break;
    } catch (const Error&) {
    }
    EXPECT_EQ(device.secondary, before) << "effect " << nth;
    EXPECT_EQ(device.bus.sriov_of[FakePciBus::physical].enabled, 2U);
    EXPECT_THAT(journal_again().intents(), IsEmpty());
  }
}

/// Three VFs in use of each way: bound by us, without driver, and with one of the host.
class RecreationFailureTest : public ProvisionFailureTest {
 protected:
  RecreationFailureTest() {
    bring_up(3);
    device.bus.give(vf(1), "vfio-pci");
    device.bus.functions.at(vf(1)).override_to = "vfio-pci";
    device.bus.functions.at(vf(2)).driver.reset();
    device.bus.owners["/dev/vfio/11"] = {107, 36};
    device.bus.vfs_changed = [this, others = device.bus.vfs_changed](unsigned vfs) {
      others(vfs);
      device.bus.owners.clear();
    };
    registry.mark(1);
    registry.mark(3);
    registry.remember({1, vf(1), "vfio-pci", "nvme", {}, {}});
    journal.record(IntentKind::unbound, 2, {{"address", vf(2)}, {"original_driver", "nvme"}});
    secondary = device.secondary;
  }
  void expect_everything_back() {
    EXPECT_EQ(device.secondary, secondary);
    EXPECT_EQ(device.bus.functions.at(vf(1)).driver, "vfio-pci");
    EXPECT_EQ(device.bus.functions.at(vf(1)).override_to, "vfio-pci");
    EXPECT_EQ(device.bus.owners["/dev/vfio/11"], (Owner{107, 36}));
    EXPECT_FALSE(device.bus.functions.at(vf(2)).driver);
    EXPECT_EQ(device.bus.functions.at(vf(3)).driver, "nvme");
    EXPECT_FALSE(device.bus.functions.at(vf(3)).override_to);
    const auto marks = registry_again();
    EXPECT_TRUE(marks.is_marked(1) && !marks.is_marked(2) && marks.is_marked(3));
    ASSERT_THAT(marks.bindings(), SizeIs(1));
    EXPECT_EQ(marks.bindings().front().original_driver, "nvme");
    EXPECT_NE(journal_again().find(IntentKind::unbound, 2), nullptr);
  }
  std::vector<SecondaryController> secondary;
  const ProvisionWish wish{.vfs = 2, .queues = 2, .interrupts = {}, .recreate = true};
};

TEST_F(RecreationFailureTest, PutsMarksBindingsAndDriversBack) {
  unsigned tried = 0;
  for (unsigned nth = 1;; ++nth, ++tried) {
    fail(nth);
    try {
      make(wish);
      break;
    } catch (const Error& error) {
      EXPECT_THAT(std::string{error.what()}, testing::Not(testing::HasSubstr("putting things")));
    }
    SCOPED_TRACE("effect " + std::to_string(nth));
    expect_everything_back();
    EXPECT_EQ(journal_again().find(IntentKind::provisioning, 0), nullptr);
  }
  EXPECT_EQ(tried, 14U) << "autoprobe, 2 counts, 2 × 5, autoprobe";
}

TEST_F(RecreationFailureTest, NamesADriverThatCannotBeGivenBack) {
  device.bus.stubborn.insert("vfio-pci");
  fail(4);
  const auto error = error_of([&] { make(wish); });
  EXPECT_THAT(error, fails(ExitStatus::device,
                           "putting things back failed: give the driver back "
                           "to controlled function 1 (vf 1): driver vfio-pci"));
  EXPECT_THAT(error, hints("doctor sim:fake --repair"));
  EXPECT_NE(journal_again().find(IntentKind::provisioning, 0), nullptr);
  EXPECT_TRUE(registry_again().is_marked(1));
}

TEST_F(RecreationFailureTest, VfsThatAreNotThereAgainGetNothing) {
  fail(3, true);
  const auto error = error_of([&] { make(wish); });
  EXPECT_THAT(std::string{error.what()}, testing::Not(testing::HasSubstr("give the driver")));
  heal();
  ASSERT_TRUE(finish_provisioning(access, limits));
  EXPECT_THAT(registry_again().marks(), IsEmpty());
  EXPECT_THAT(journal_again().intents(), IsEmpty());
}

TEST_F(ProvisionFailureTest, WhatCannotBePutBackStaysInTheJournalAndIsFinished) {
  const ProvisionWish wish{.vfs = 2, .queues = 3, .interrupts = 2};
  unsigned tried = 0;
  for (unsigned nth = 3;; ++nth, ++tried) {
    fail(nth, true);
    try {
      make(wish);
      heal();
      break;
    } catch (const Error& error) {
      EXPECT_THAT(error, hints("doctor sim:fake --repair"));
    }
    heal();
    ASSERT_NE(journal_again().find(IntentKind::provisioning, 0), nullptr) << "effect " << nth;
    ASSERT_TRUE(finish_provisioning(access, limits));
    EXPECT_THAT(journal_again().intents(), IsEmpty());
    EXPECT_TRUE(device.at(1).online && device.at(2).online);
    EXPECT_EQ(device.at(2).queues, 3);
    EXPECT_TRUE(device.bus.sriov_of[FakePciBus::physical].autoprobe);
    deprovision(access, false, limits);
  }
  EXPECT_EQ(tried, 11U);
}

TEST_F(ProvisionFailureTest, AFailedFinishKeepsTheWreck) {
  fail(5, true);
  EXPECT_THROW(make({.vfs = 2}), Error);
  fail(2);
  EXPECT_THROW(make({.vfs = 2}), Error);
  EXPECT_NE(journal_again().find(IntentKind::provisioning, 0), nullptr);
  heal();
  const auto result = make({.vfs = 2});
  ASSERT_TRUE(result.wreck.has_value());
  EXPECT_EQ(result.wreck->command, "test");
  EXPECT_THAT(journal_again().intents(), IsEmpty());
}

TEST_F(ProvisionTest, AStopSignalBetweenTwoStepsPutsEverythingBack) {
  device.bus.was_reset = [](const std::string&) { set_interrupted(true); };
  EXPECT_THROW(make({.vfs = 2}), Interrupted);
  EXPECT_EQ(device.bus.sriov_of[FakePciBus::physical].enabled, 0U);
  EXPECT_FALSE(device.at(1).online);
  EXPECT_THAT(journal_again().intents(), IsEmpty());
}

TEST_F(ProvisionTest, NothingIsChangedWhenTheIntentCannotBeWritten) {
  put(folder.folders().run, "a file where a folder should be");
  EXPECT_THAT(refusal({.vfs = 2}), fails(ExitStatus::refused, folder.folders().run));
  EXPECT_EQ(journal.find(IntentKind::provisioning, 0), nullptr);
}

}  // namespace
}  // namespace nvmigrate::test
