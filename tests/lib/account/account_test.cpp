// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tests/lib/account/account_fixture.h"

namespace nvmigrate::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;
using Action = Remedy::Action;

TEST_F(AccountTest, IsEmptyWhenAllIsWell) { EXPECT_THAT(account(), IsEmpty()); }

TEST_F(AccountTest, OfFunctionsThatAreNotListedYetTheRecordsStay) {
  registry().want({{1, 4, 4, 4, 4}, {2, 4, 4, 4, 4}});
  registry().mark(1);
  registry().remember({2, vf(2), "vfio-pci", "nvme", {}, {}});
  device.lists_late = true;
  device.bus.set_enabled_vfs(FakePciBus::physical, 0);
  const auto found = account();
  ASSERT_THAT(codes_of(found), ElementsAre("resources_lost"));
  EXPECT_THAT(found[0].message, testing::HasSubstr("controlled functions 1-2"));
  EXPECT_EQ(found[0].remedies[0].count, 2U);
}

TEST_F(AccountTest, ResourcesThatAResetTookAwayAreOneFinding) {
  registry().want({{1, 4, 4, 4, 4}, {2, 4, 4, 4, 4}});
  device.bus.reset(FakePciBus::physical);
  session().refresh();
  const auto found = account();
  ASSERT_THAT(codes_of(found), ElementsAre("resources_lost"));
  EXPECT_EQ(found[0].severity, Severity::warning);
  EXPECT_THAT(found[0].message, HasSubstr("controlled functions 1-2"));
  ASSERT_EQ(found[0].remedies.size(), 1U);
  EXPECT_EQ(found[0].remedies[0].action, Action::provision);
  EXPECT_EQ(found[0].remedies[0].count, topology().sriov.enabled);
}

TEST_F(AccountTest, TellsWhatIsOddAndCallsNoRecordLostThen) {
  device.model = "Fake\xff";
  device.before = [](const AdminCommand& command) -> std::optional<AdminCompletion> {
    const auto cns = command.cdw10 & 0xFFU;
    if (command.opcode != 0x06 || (cns != 0x15U && cns != 0x13U)) return std::nullopt;
    return FakeSubsystem::error(sc::invalid_controller_data_queue);
  };
  registry().mark(2);
  EXPECT_THAT(codes_of(account()), ElementsAre("odd_answer", "functions_hidden", "odd_answer"));
}

TEST_F(AccountTest, FunctionsWithoutANamespaceAreOneFinding) {
  device.namespaces = FakeSubsystem::Attached{{1, {0}}};
  close();
  const auto found = account();
  ASSERT_THAT(codes_of(found), ElementsAre("no_namespace_attached"));
  EXPECT_EQ(found[0].severity, Severity::warning);
  ASSERT_EQ(found[0].remedies.size(), 1U);
  EXPECT_EQ(found[0].remedies[0].action, Action::provision);
  EXPECT_EQ(found[0].remedies[0].object, "all");
  EXPECT_EQ(found[0].remedies[0].count, topology().sriov.enabled);
}

TEST_F(AccountTest, AListOfNamespacesThatCannotBeReadIsAWarning) {
  device.namespaces = FakeSubsystem::Attached{{1, {0}}};
  close();
  device.before = [](const AdminCommand& command) -> std::optional<AdminCompletion> {
    if ((command.cdw10 & 0xFFU) != 0x12) return std::nullopt;
    return FakeSubsystem::error(sc::internal_error);
  };
  const auto found = account();
  ASSERT_THAT(codes_of(found), ElementsAre("device"));
  EXPECT_EQ(found[0].severity, Severity::warning);
  EXPECT_THAT(found[0].message, HasSubstr("attached to namespace 1"));
}

TEST_F(AccountTest, WhoIsToHaveWhichNamespaceIsNotGuessed) {
  device.namespaces = FakeSubsystem::Attached{{1, {0, 1}}};
  close();
  const auto found = account();
  ASSERT_THAT(codes_of(found), ElementsAre("no_namespace_attached"));
  EXPECT_THAT(found[0].message, Not(HasSubstr("function 1")));
  EXPECT_THAT(found[0].remedies, IsEmpty());
  device.namespaces->clear();
  close();
  EXPECT_THAT(account()[0].remedies, IsEmpty()) << "no namespace is left to attach";
}

TEST_F(AccountTest, AnOfflineFunctionNeedsNoNamespaceUnlessItIsToMigrate) {
  device.namespaces = FakeSubsystem::Attached{{1, {0}}};
  for (auto& one : device.secondary)
    one.online = false;
  close();
  EXPECT_THAT(account(), IsEmpty());
  registry().mark(2);
  session().refresh();
  EXPECT_THAT(codes_of(account()), ElementsAre("no_namespace_attached"));
}

TEST_F(AccountTest, ASuspensionOnPurposeIsAWarning) {
  suspend(2);
  const auto found = account();
  ASSERT_THAT(codes_of(found), ElementsAre("suspended"));
  EXPECT_EQ(found[0].severity, Severity::warning);
  EXPECT_EQ(found[0].cntlid, 2);
  EXPECT_THAT(found[0].remedies, ElementsAre(of(Action::resume, 2)));
}

TEST_F(AccountTest, ASuspensionThatWasLeftIsAProblem) {
  leave_suspended(2);
  const auto found = account();
  ASSERT_THAT(codes_of(found), ElementsAre("left_suspended"));
  EXPECT_EQ(found[0].severity, Severity::problem);
  EXPECT_THAT(found[0].remedies, ElementsAre(of(Action::repair)));
}

TEST_F(AccountTest, ASuspensionWithoutARecordIsTold) {
  backend[2].suspended = true;
  const auto found = account();
  ASSERT_THAT(codes_of(found), ElementsAre("suspended_unrecorded"));
  EXPECT_THAT(found[0].remedies, ElementsAre(of(Action::resume, 2), of(Action::suspend, 2)));
}

TEST_F(AccountTest, OfAForeignFunctionTheWayOutIsToldWhereItIsOnThisHost) {
  add_other(40);
  device.others.push_back(41);
  backend[40].suspended = backend[41].suspended = true;
  const auto found = account();
  ASSERT_THAT(codes_of(found), ElementsAre("suspended_unrecorded"));
  auto resume = of(Action::resume, 40);
  resume.allow = "foreign";
  EXPECT_THAT(found[0].remedies, ElementsAre(resume));
}

TEST_F(AccountTest, ARecordThatTheDeviceContradictsIsStale) {
  journal().record(IntentKind::suspended, 2);
  const auto found = account();
  ASSERT_THAT(codes_of(found), ElementsAre("stale_record"));
  EXPECT_EQ(found[0].severity, Severity::warning);
  EXPECT_THAT(found[0].remedies, ElementsAre(of(Action::repair)));
}

TEST_F(AccountTest, ALoadThatDidNotEndNamesItsFileAndTheReset) {
  record(IntentKind::loading, 2, {{"file", "/srv/guest.nvmstate"}});
  const auto found = account();
  ASSERT_THAT(codes_of(found), ElementsAre("loading"));
  EXPECT_EQ(found[0].severity, Severity::problem);
  EXPECT_THAT(found[0].remedies, ElementsAre(of(Action::import_state, 2, "/srv/guest.nvmstate"),
                                             of(Action::reset, 2, vf(2))));
}

TEST_F(AccountTest, ALoadFromAPipeCannotBeMadeAgain) {
  record(IntentKind::loading, 2, {{"file", "standard input"}});
  EXPECT_THAT(account().at(0).remedies, ElementsAre(of(Action::reset, 2, vf(2))));
}

TEST_F(AccountTest, AStateThatWasLoadedOnPurposeIsAWarning) {
  record(IntentKind::loaded, 2);
  const auto found = account();
  ASSERT_THAT(codes_of(found), ElementsAre("loaded"));
  EXPECT_EQ(found[0].severity, Severity::warning);
  EXPECT_THAT(found[0].remedies, ElementsAre(of(Action::resume, 2)));
}

TEST_F(AccountTest, AStateThatWasLoadedAndLeftIsAProblem) {
  leave_loaded(2);
  const auto found = account();
  ASSERT_THAT(codes_of(found), ElementsAre("left_loaded"));
  EXPECT_EQ(found[0].severity, Severity::problem);
  EXPECT_THAT(found[0].remedies, ElementsAre(of(Action::repair)));
}

TEST_F(AccountTest, AStateThatWasLoadedAndLostIsAProblem) {
  backend[2].queues = 0;
  journal().record(IntentKind::loaded, 2, {{"file", "/srv/guest.nvmstate"}});
  const auto found = account();
  ASSERT_THAT(codes_of(found), ElementsAre("load_lost"));
  EXPECT_EQ(found[0].severity, Severity::problem);
  EXPECT_THAT(found[0].remedies, ElementsAre(of(Action::import_state, 2, "/srv/guest.nvmstate")));
}

TEST_F(AccountTest, AnExportedGuestIsReleasedOrResumed) {
  record(IntentKind::exported, 2);
  const auto found = account();
  ASSERT_THAT(codes_of(found), ElementsAre("exported"));
  EXPECT_EQ(found[0].severity, Severity::warning);
  auto resume = of(Action::resume, 2);
  resume.allow = "exported";
  EXPECT_THAT(found[0].remedies, ElementsAre(of(Action::release, 2), resume));
}

TEST_F(AccountTest, AGuestThatIsElsewhereIsFine) {
  record(IntentKind::away, 2, {{"destination", "sim:other function 4"}});
  const auto found = account();
  ASSERT_THAT(codes_of(found), ElementsAre("away"));
  EXPECT_EQ(found[0].severity, Severity::ok);
  EXPECT_THAT(found[0].message, HasSubstr("sim:other function 4"));
}

TEST_F(AccountTest, AGuestThatMayRunTwiceIsAProblemThatNoRepairSettles) {
  journal().record(IntentKind::away, 2);
  backend[2].queues = 4;
  const auto found = account();
  ASSERT_THAT(codes_of(found), ElementsAre("two_copies"));
  EXPECT_EQ(found[0].severity, Severity::problem);
  EXPECT_THAT(plan_repair(session()), IsEmpty());
}

TEST_F(AccountTest, ADamagedJournalIsAProblemOfTheHost) {
  damage_journal();
  const auto found = account();
  ASSERT_THAT(codes_of(found), ElementsAre("journal_damaged"));
  EXPECT_EQ(found[0].severity, Severity::problem);
  EXPECT_EQ(found[0].device, "");
  EXPECT_THAT(found[0].message, HasSubstr("journal.json"));
}

TEST_F(AccountTest, AJournalThatWasLostIsToldAndWhatIsSuspendedCountsAsExported) {
  damage_journal();
  const auto aside = journal().set_aside();
  backend[2].suspended = true;
  const auto found = account();
  ASSERT_THAT(codes_of(found), ElementsAre("journal_lost", "exported"));
  EXPECT_THAT(found[0].message, HasSubstr(aside));
}

// --- records that a reset ended ---

TEST_F(AccountTest, RecordsOfWhatHasLeftEndWithTheResetOfTheirFunction) {
  backend[1].queues = backend[2].queues = 0;
  journal().record(IntentKind::exported, 1);
  record(IntentKind::away, 2);
  session().refresh();
  drop_ended_records(session());
  EXPECT_FALSE(journal_again().custody(1));
  EXPECT_EQ(journal_again().custody(2)->kind, IntentKind::away) << "it is still suspended";
  EXPECT_THAT(codes_of(account()), ElementsAre("away"));
}

TEST_F(AccountTest, ARecordOfATakenDriverEndsWhenItIsBack) {
  leave_unbound(1);
  leave_unbound(2);
  device.bus.give(vf(1), "nvme");
  device.bus.functions.at(vf(1)).override_to = "vfio-pci";
  drop_ended_records(session());
  EXPECT_THAT(journal_again().intents(), SizeIs(2)) << "one without driver, one with an override";
  device.bus.functions.at(vf(1)).override_to.reset();
  session().refresh();
  EXPECT_THAT(codes_of(account()), ElementsAre("unbound"));
  drop_ended_records(session());
  EXPECT_THAT(journal_again().intents(), SizeIs(1));
  device.bus.functions.erase(vf(2));
  session().refresh();
  drop_ended_records(session());
  EXPECT_THAT(journal_again().intents(), IsEmpty()) << "the function has vanished";
}

TEST_F(AccountTest, AFunctionThatCannotBeReadIsAWarningAndItsRecordsStay) {
  leave_unbound(1);
  device.bus.unreadable.insert(vf(1));
  session().refresh();
  drop_ended_records(session());
  EXPECT_THAT(codes_of(account()), testing::UnorderedElementsAre("unbound", "unreadable"));
}

TEST_F(AccountTest, ARecordOfAProvisioningEndsWhenNothingIsThere) {
  leave_provisioning({{"was_vfs", "0"}, {"wanted_vfs", "2"}, {"autoprobe", "1"}});
  drop_ended_records(session());
  EXPECT_THAT(codes_of(account()), ElementsAre("provisioning")) << "VFs are there";
  device.bus.enable(0);
  device.bus.sriov_of[FakePciBus::physical].autoprobe = false;
  device.secondary.clear();
  session().refresh();
  drop_ended_records(session());
  EXPECT_THAT(codes_of(account()), ElementsAre("provisioning")) << "autoprobe is not as before";
  device.bus.sriov_of[FakePciBus::physical].autoprobe = true;
  session().refresh();
  drop_ended_records(session());
  EXPECT_THAT(account(), IsEmpty());
}

TEST_F(AccountTest, AStateThatWasLostIsToldBeforeItsRecordEnds) {
  backend[1].queues = 0;
  journal().record(IntentKind::loaded, 1);
  session().refresh();
  drop_ended_records(session());
  EXPECT_TRUE(journal_again().custody(1));
}

TEST_F(AccountTest, ARecordThatEndedStaysWhileAnotherCommandHasTheLock) {
  backend[1].queues = 0;
  journal().record(IntentKind::exported, 1);
  const auto reader = open();
  drop_ended_records(*reader);
  EXPECT_TRUE(journal_again().custody(1));
  close();
  const auto next = open();
  drop_ended_records(*next);
  EXPECT_FALSE(journal_again().custody(1));
}

TEST_F(AccountTest, ADeviceThatDoesNotAnswerMattersOnlyOfWhatThisToolKnows) {
  answer_nothing();
  EXPECT_THAT(account(), IsEmpty());
  registry().mark(1);
  EXPECT_THAT(codes_of(account()), ElementsAre("suspension_unknown"));
  journal().record(IntentKind::suspended, 2);
  EXPECT_THAT(codes_of(account()),
              ElementsAre("suspension_unknown", "suspended", "suspension_unknown"));
}

TEST_F(AccountTest, AFunctionTakenFromItsDriverIsAProblem) {
  leave_unbound(1);
  const auto found = account();
  ASSERT_THAT(codes_of(found), ElementsAre("unbound"));
  EXPECT_EQ(found[0].severity, Severity::problem);
  EXPECT_THAT(found[0].remedies, ElementsAre(of(Action::unbind, 1)));
}

TEST_F(AccountTest, ABindingThatIsNotThereAnyMoreIsTold) {
  registry().remember({1, vf(1), "vfio-pci", "nvme", {}, {}});
  const auto found = account();
  ASSERT_THAT(codes_of(found), ElementsAre("binding_lost"));
  EXPECT_THAT(found[0].remedies, ElementsAre(of(Action::bind, 1), of(Action::unbind, 1)));
}

TEST_F(AccountTest, OfALostBindingOnlyWhatWouldNotBeRefusedIsOffered) {
  const auto offered = [&] {
    const auto found = account();
    return found.back().code == "binding_lost" ? found.back().remedies : std::vector<Remedy>{{}};
  };
  registry().remember({1, vf(1), "vfio-pci", "nvme", {}, {}});
  device.bus.uses[vf(1)] = {{"/dev/nvme1n1", "mounted on /srv"}};
  EXPECT_THAT(offered(), ElementsAre(of(Action::unbind, 1)));
  registry().remember({1, vf(1), "vfio-pci", {}, {}, {}});
  EXPECT_THAT(offered(), IsEmpty());
  device.bus.uses.clear();
  device.bus.iommu = false;
  EXPECT_THAT(offered(), ElementsAre(of(Action::unbind, 1)));
  device.bus.iommu = true;
  suspend(1);
  EXPECT_THAT(offered(), IsEmpty());
}

TEST_F(AccountTest, ABindingWithoutItsFunctionIsProvisionedWithAllThatAreRecorded) {
  registry().remember({1, vf(1), "vfio-pci", "nvme", {}, {}});
  registry().mark(3);
  device.bus.enable(0);
  session().refresh();
  const auto found = account();
  ASSERT_THAT(codes_of(found), ElementsAre("binding_lost"));
  ASSERT_EQ(found[0].remedies.size(), 2U);
  EXPECT_EQ(found[0].remedies[0].action, Action::provision);
  EXPECT_EQ(found[0].remedies[0].count, 3U);
  EXPECT_EQ(found[0].remedies[1], of(Action::unbind, 1));
}

TEST_F(AccountTest, RecordsOfFunctionsThatAreGoneAreTold) {
  registry().mark(99);
  registry().remember({98, "0000:09:00.0", "vfio-pci", "nvme", {}, {}});
  const auto found = account();
  ASSERT_THAT(codes_of(found), ElementsAre("mark_without_function", "binding_without_function"));
  EXPECT_THAT(found[0].remedies, ElementsAre(of(Action::unmark, 99)));
  EXPECT_EQ(found[1].cntlid, 98);
}

TEST_F(AccountTest, AProvisioningThatDidNotEndIsAProblem) {
  leave_provisioning({});
  const auto found = account();
  ASSERT_THAT(codes_of(found), ElementsAre("provisioning"));
  EXPECT_EQ(found[0].severity, Severity::problem);
  EXPECT_EQ(found[0].cntlid, std::nullopt);
  EXPECT_THAT(found[0].remedies, ElementsAre(of(Action::repair)));
}

TEST_F(AccountTest, TheProvisioningOfAnotherIsMendedThroughThatOne) {
  journal().record(IntentKind::provisioning, 40, {{"device", "/dev/nvme7"}});
  const auto found = account();
  ASSERT_THAT(codes_of(found), ElementsAre("other_provisioning"));
  const Remedy remedy{.action = Action::repair, .device = "/dev/nvme7"};
  EXPECT_THAT(found[0].remedies, ElementsAre(remedy));
}

TEST_F(AccountTest, TheProvisioningOfAnotherWhoseDeviceIsNotKnownHasNoRemedy) {
  journal().record(IntentKind::provisioning, 40);
  const auto found = account();
  ASSERT_THAT(codes_of(found), ElementsAre("other_provisioning"));
  EXPECT_THAT(found[0].remedies, IsEmpty());
}

TEST_F(AccountTest, WhatAnotherCommandDoesNowIsInProgress) {
  leave_suspended(2);
  leave_provisioning({});
  const auto reader = open();
  const auto found = account_of(*reader);
  ASSERT_THAT(codes_of(found), ElementsAre("in_progress", "in_progress"));
  EXPECT_EQ(found[0].severity, Severity::ok);
  EXPECT_THAT(plan_repair(*reader), IsEmpty());
}

TEST_F(AccountTest, OfOneFunctionIsThePartOfIt) {
  leave_suspended(1);
  suspend(2);
  EXPECT_THAT(codes_of(account_of(session(), 2)), ElementsAre("suspended"));
  EXPECT_EQ(thrown_by([&] { account_of(session(), 9); }).status(), ExitStatus::not_found);
}

TEST_F(AccountTest, AnInterruptedQuestionEndsTheAccount) {
  session();
  set_interrupted(true);
  EXPECT_THROW(account(), Interrupted);
}

}  // namespace
}  // namespace nvmigrate::test
