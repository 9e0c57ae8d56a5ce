// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tests/lib/account/account_fixture.h"
#include "tests/support/find_intent.h"

namespace nvmigrate::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;
using StepAction = RepairStep::Action;

class RepairTest : public AccountTest {
 protected:
  std::vector<RepairStep> do_repair() {
    session().refresh();
    return repair(session(), {std::chrono::milliseconds{10}, 4});
  }
  /// Action and function of each step.
  std::vector<std::string> plan() {
    session().refresh();
    std::vector<std::string> words;
    for (const auto& step : plan_repair(session())) {
      EXPECT_FALSE(step.done);
      const auto of = step.cntlid ? " " + std::to_string(*step.cntlid) : std::string{};
      words.push_back(std::string{to_string(step.action)} + of);
    }
    return words;
  }
  void expect_all_done(const std::vector<RepairStep>& steps, std::size_t count) {
    EXPECT_THAT(steps, SizeIs(count));
    for (const auto& step : steps)
      EXPECT_TRUE(step.done) << step.failure;
    EXPECT_THAT(journal_again().intents(), IsEmpty());
  }
};

TEST_F(RepairTest, NothingIsPlannedWhenAllIsWell) {
  EXPECT_THAT(plan(), IsEmpty());
  EXPECT_THAT(do_repair(), IsEmpty());
}

TEST_F(RepairTest, IsPlannedInTheOrderOfItsSteps) {
  bring_up(4);
  leave_unbound(1);
  leave_loaded(2);
  leave_suspended(3);
  journal().record(IntentKind::suspended, 4);
  leave_provisioning({});
  EXPECT_THAT(plan(), ElementsAre("finish_provisioning", "strike_record 4", "resume 2", "resume 3",
                                  "give_back_driver 1"));
}

TEST_F(RepairTest, AStepNamesWhatItMends) {
  leave_suspended(2);
  const auto steps = plan_repair(session());
  ASSERT_THAT(steps, SizeIs(1));
  EXPECT_EQ(steps[0].finding.code, "left_suspended");
}

TEST_F(RepairTest, APlanChangesNothing) {
  leave_suspended(2);
  EXPECT_THAT(plan(), ElementsAre("resume 2"));
  EXPECT_TRUE(backend[2].suspended);
  EXPECT_THAT(journal_again().intents(), SizeIs(1));
}

TEST_F(RepairTest, WhatIsNotSafeIsNotPlanned) {
  bring_up(8);
  suspend(1);
  record(IntentKind::away, 2);
  record(IntentKind::loading, 3);
  backend[4].suspended = true;
  registry().remember({5, vf(5), "vfio-pci", "nvme", {}, {}});
  record(IntentKind::exported, 6);
  record(IntentKind::exported, 7);
  backend[7].suspended = false;
  record(IntentKind::loaded, 8);
  registry().mark(99);
  EXPECT_THAT(plan(), IsEmpty());
  EXPECT_THAT(do_repair(), IsEmpty());
  EXPECT_EQ(backend.count("resume"), 0U);
  EXPECT_THAT(journal_again().intents(), SizeIs(6));
}

TEST_F(RepairTest, ARecordIsNotStruckWhereTheDeviceDoesNotAnswer) {
  journal().record(IntentKind::suspended, 2);
  answer_nothing();
  EXPECT_THAT(plan(), IsEmpty());
}

TEST_F(RepairTest, FinishesAProvisioning) {
  leave_provisioning({{"was_vfs", "0"}, {"wanted_vfs", "4"}, {"autoprobe", "1"}, {"rebuild", "1"}});
  expect_all_done(do_repair(), 1);
  EXPECT_EQ(device.bus.sriov_of[FakePciBus::physical].enabled, 4U);
  EXPECT_TRUE(device.at(4).online);
}

TEST_F(RepairTest, StrikesARecordThatTheDeviceContradicts) {
  journal().record(IntentKind::loading, 2);
  expect_all_done(do_repair(), 1);
  EXPECT_EQ(backend.count("resume"), 0U);
}

TEST_F(RepairTest, ResumesWhatWasLeftSuspended) {
  leave_suspended(2);
  expect_all_done(do_repair(), 1);
  EXPECT_FALSE(backend[2].suspended);
}

TEST_F(RepairTest, ResumesWhatACommandHadLoadedWhole) {
  leave_loaded(2);
  expect_all_done(do_repair(), 1);
  EXPECT_FALSE(backend[2].suspended);
}

TEST_F(RepairTest, DoesNotResumeALoadedStateThatNoVmHolds) {
  leave_loaded(2);
  device.bus.holders.clear();
  const auto steps = do_repair();
  ASSERT_THAT(steps, SizeIs(1));
  EXPECT_THAT(steps[0].failure, testing::HasSubstr("no process holds"));
  EXPECT_TRUE(backend[2].suspended);
  EXPECT_EQ(journal_again().custody(2)->kind, IntentKind::loaded);
}

TEST_F(RepairTest, ResumesWhatAnExportLeftBeforeItHandedTheStateOver) {
  record(IntentKind::exporting, 2);
  expect_all_done(do_repair(), 1);
  EXPECT_FALSE(backend[2].suspended);
}

TEST_F(RepairTest, SetsADamagedJournalAsideAndResumesNothing) {
  damage_journal();
  backend[2].suspended = true;
  EXPECT_THAT(plan(), ElementsAre("set_journal_aside"));
  expect_all_done(do_repair(), 1);
  EXPECT_NE(journal_again().lost(), "");
  EXPECT_TRUE(backend[2].suspended);
  EXPECT_THAT(plan(), IsEmpty());
}

TEST_F(RepairTest, GivesADriverBack) {
  leave_unbound(1);
  expect_all_done(do_repair(), 1);
  EXPECT_EQ(device.bus.functions.at(vf(1)).driver, "nvme");
}

TEST_F(RepairTest, ResumesAFunctionBeforeItGivesItsDriverBack) {
  leave_unbound(1);
  leave_suspended(1);
  const auto steps = do_repair();
  expect_all_done(steps, 2);
  EXPECT_EQ(steps[0].action, StepAction::resume);
  EXPECT_EQ(device.bus.functions.at(vf(1)).driver, "nvme");
}

TEST_F(RepairTest, WhatAProvisioningTookAwayIsNotMendedAnyMore) {
  leave_unbound(2);
  leave_provisioning({{"was_vfs", "2"}, {"wanted_vfs", "0"}, {"autoprobe", "1"}, {"rebuild", "1"}});
  expect_all_done(do_repair(), 1);
  EXPECT_EQ(device.bus.sriov_of[FakePciBus::physical].enabled, 0U);
}

TEST_F(RepairTest, AStepThatFailsIsToldAndTheNextOneBegins) {
  leave_suspended(2);
  leave_unbound(1);
  backend.hook([](const std::string& call, std::uint16_t) {
    if (call == "resume") throw NvmeError({sc::internal_error}, "resume controller");
  });
  const auto steps = do_repair();
  ASSERT_THAT(steps, SizeIs(2));
  EXPECT_FALSE(steps[0].done);
  EXPECT_NE(steps[0].failure, "");
  EXPECT_TRUE(steps[1].done) << steps[1].failure;
  EXPECT_TRUE(test::find(journal_again(), IntentKind::suspended, 2));
  EXPECT_FALSE(test::find(journal_again(), IntentKind::unbound, 1));
}

TEST_F(RepairTest, ADriverThatIsGoneIsToldAndStaysInTheJournal) {
  leave_unbound(1, "gone");
  const auto steps = do_repair();
  ASSERT_THAT(steps, SizeIs(1));
  EXPECT_FALSE(steps[0].done);
  EXPECT_TRUE(test::find(journal_again(), IntentKind::unbound, 1));
}

TEST_F(RepairTest, AProvisioningThatCannotBeFinishedIsTold) {
  leave_provisioning({{"was_vfs", "2"}, {"wanted_vfs", "0"}, {"autoprobe", "1"}, {"rebuild", "1"}});
  device.bus.holders[vf(2)] = {{"pid 7 (qemu)", "holds it open"}};
  const auto steps = do_repair();
  ASSERT_THAT(steps, SizeIs(1));
  EXPECT_FALSE(steps[0].done);
  EXPECT_EQ(device.bus.sriov_of[FakePciBus::physical].enabled, 2U);
  EXPECT_TRUE(test::find(journal_again(), IntentKind::provisioning, 0));
}

TEST_F(RepairTest, ClaimsTheSession) {
  leave_suspended(2);
  close();
  const auto reader = open();
  EXPECT_FALSE(reader->claimed());
  EXPECT_THAT(repair(*reader), SizeIs(1));
  EXPECT_TRUE(reader->claimed());
}

}  // namespace
}  // namespace nvmigrate::test
