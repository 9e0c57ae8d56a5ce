// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/conditions/judge.h"

#include "nvmigrate/store/journal.h"
#include "nvmigrate/store/registry.h"
#include "tests/support/fake_session.h"

namespace nvmigrate::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using Action = Remedy::Action;

/// Function 2 is a VF on vfio that runs, is marked, and that no VM has.
class JudgeTest : public FakeSessionTest {
 protected:
  JudgeTest() {
    bring_up(3);
    device.bus.give(vf(2), "vfio-pci");
    registry().mark(2);
  }

  Findings look(Verb verb, const Codes& allowed = {}) {
    session().refresh();
    Judge judge(verb, session(), allowed);
    judge.look_at(2);
    return judge.findings();
  }
  static std::optional<Finding> find(const Findings& findings, const std::string& code) {
    for (const auto& found : findings) {
      if (found.code == code) return found;
    }
    return std::nullopt;
  }
  /// Of a condition that has come about: that each verb is stopped, warned and may be allowed just
  /// as the table says, and how to fix it.
  void expect_as_in_table(const std::string& code, const std::vector<Remedy>& remedies = {}) {
    const auto& row = condition(code);
    for (std::size_t i = 0; i < verb_names.size(); ++i) {
      SCOPED_TRACE(verb_names[i]);
      const auto verb = static_cast<Verb>(i);
      const auto found = find(look(verb), code);
      ASSERT_EQ(found.has_value(), row.blocks.has(verb) || row.warns.has(verb));
      if (!found) continue;
      EXPECT_EQ(found->stands(), row.blocks.has(verb));
      EXPECT_EQ(found->overridable, row.overrides.has(verb));
      EXPECT_EQ(found->cntlid, 2);
      EXPECT_EQ(found->device, name);
      EXPECT_EQ(found->remedies, remedies);
      EXPECT_TRUE(find(look(verb, {"another"}), code) == found);
      EXPECT_EQ(find(look(verb, {code}), code)->allowed, row.overrides.has(verb));
    }
  }
  static Remedy provision(unsigned count) {
    return {.action = Action::provision, .device = name, .count = count};
  }
  static Remedy resume_allowing(const std::string& code) {
    auto remedy = of(Action::resume, 2);
    remedy.allow = code;
    return remedy;
  }
  /// The VF becomes a function with SR-IOV of its own.
  void give_sriov(unsigned enabled) {
    device.bus.functions.at(vf(2)).physical.reset();
    device.bus.sriov_of[vf(2)] = {.total = 4, .enabled = enabled, .autoprobe = true};
  }
};

TEST_F(JudgeTest, NothingStandsAgainstReadingIt) {
  for (const auto verb : {Verb::suspend, Verb::resume, Verb::export_state})
    EXPECT_THAT(look(verb), IsEmpty()) << name_of(verb);
}

TEST_F(JudgeTest, Foreign) {
  registry().unmark(2);
  device.secondary.erase(device.secondary.begin() + 1);
  device.others = {2};
  expect_as_in_table("foreign", {of(Action::list)});
}

TEST_F(JudgeTest, FunctionsThatMayBeHiddenStopWhatDestroysVfs) {
  device.at(3).vfn = 1;
  session().refresh();
  for (const auto verb : {Verb::provision, Verb::deprovision}) {
    EXPECT_THAT(codes_of(Judge(verb, session()).findings()), ElementsAre("functions_hidden"));
    EXPECT_FALSE(Judge(verb, session(), {"functions_hidden"}).stops());
  }
  EXPECT_THAT(Judge(Verb::suspend, session()).findings(), IsEmpty());
}

TEST_F(JudgeTest, AForeignFunctionIsSentNothingUnlessThatIsAllowed) {
  device.others = {40};
  const auto judge = [this](const Codes& allowed) {
    Judge(Verb::export_state, session(), allowed).look_at(40);
  };
  judge({});
  EXPECT_TRUE(backend.log().empty());
  judge({"foreign"});
  EXPECT_FALSE(backend.log().empty());
}

TEST_F(JudgeTest, APrimaryOfAnotherHostControlsWhateverIsAllowed) {
  device.others = {40};
  device.other_primaries = {40};
  Judge judge(Verb::suspend, session(), {"foreign"});
  judge.look_at(40);
  EXPECT_THAT(codes_of(judge.findings()), ElementsAre("controlling_function"));
}

TEST_F(JudgeTest, ControllingFunction) {
  give_sriov(0);
  expect_as_in_table("controlling_function", {of(Action::list)});
  EXPECT_TRUE(backend.log().empty()) << "it is sent nothing";
}

TEST_F(JudgeTest, HasVirtualFunctions) {
  give_sriov(2);
  expect_as_in_table("has_virtual_functions");
}

TEST_F(JudgeTest, Unmarked) {
  registry().unmark(2);
  expect_as_in_table("unmarked", {of(Action::mark, 2)});
}

TEST_F(JudgeTest, Offline) {
  device.at(2).online = false;
  expect_as_in_table("offline", {provision(3)});
}

TEST_F(JudgeTest, NotOnBus) {
  device.bus.functions.erase(vf(2));
  expect_as_in_table("not_on_bus", {provision(3)});
}

TEST_F(JudgeTest, NotOnVfio) {
  device.bus.give(vf(2), "nvme");
  expect_as_in_table("not_on_vfio", {of(Action::bind, 2)});
}

TEST_F(JudgeTest, HostDriver) {
  device.bus.kernel.push_back({"nvme7", vf(2), "pcie", "live", FakeSubsystem::nqn, 2});
  expect_as_in_table("host_driver", {of(Action::bind, 2)});
  backend[2].suspended = true;
  EXPECT_FALSE(find(look(Verb::suspend), "host_driver"));
  EXPECT_FALSE(find(look(Verb::export_state), "host_driver"));
  EXPECT_TRUE(find(look(Verb::import_state), "host_driver"));
}

/// A function of the host's driver, on a device whose commands are restricted.
class EffectsTest : public JudgeTest {
 protected:
  EffectsTest() {
    device.bus.kernel.push_back({"nvme7", vf(2), "pcie", "live", FakeSubsystem::nqn, 2});
    device.restriction = 2;
    close();
  }
};

TEST_F(EffectsTest, ResumeHangs) {
  expect_as_in_table("resume_hangs", {of(Action::bind, 2)});
  EXPECT_EQ(device.count_of("log page"), 1U) << "it is read once";
  backend[2].suspended = true;
  EXPECT_FALSE(find(look(Verb::export_state), "resume_hangs"));
  EXPECT_TRUE(find(look(Verb::import_state), "resume_hangs"));
}

TEST_F(EffectsTest, AnyRestrictionCounts) {
  for (const unsigned restriction : {1U, 4U}) {
    close();
    device.restriction = restriction;
    EXPECT_TRUE(find(look(Verb::suspend), "resume_hangs")) << restriction;
  }
}

TEST_F(EffectsTest, WithoutRestrictionNothingHangs) {
  device.restriction = 0;
  device.restriction_of_management = 2;  // it is not sent while a function is suspended
  const auto found = look(Verb::suspend);
  EXPECT_TRUE(find(found, "host_driver"));
  EXPECT_FALSE(find(found, "resume_hangs"));
  EXPECT_FALSE(find(found, "effects_unread"));
}

TEST_F(EffectsTest, AFunctionOnVfioDoesNotHang) {
  device.bus.kernel.pop_back();
  EXPECT_THAT(look(Verb::suspend), IsEmpty());
  EXPECT_EQ(device.count_of("log page"), 0U) << "it is not asked for";
}

TEST_F(EffectsTest, ALogThatCannotBeReadIsNotAbsent) {
  device.before = [](const AdminCommand& command) -> std::optional<AdminCompletion> {
    if (command.opcode != 0x02) return std::nullopt;
    return AdminCompletion{.status = {sc::internal_error}};
  };
  const auto found = find(look(Verb::suspend), "effects_unread");
  ASSERT_TRUE(found);
  EXPECT_TRUE(found->stands());
  EXPECT_THAT(found->message, testing::HasSubstr("Internal Error"));
  EXPECT_TRUE(find(look(Verb::suspend, {"effects_unread"}), "effects_unread")->allowed);
  device.restriction.reset();
  close();
  EXPECT_FALSE(find(look(Verb::suspend), "effects_unread"))
      << "without LPA b1 the device has no such log";
}

TEST_F(JudgeTest, UsedByHost) {
  device.bus.uses[vf(2)] = {{"/dev/nvme7n1", "mounted on /srv"}};
  expect_as_in_table("used_by_host");
}

TEST_F(JudgeTest, OpenInVm) {
  device.bus.holders[vf(2)] = {{"pid 7 (qemu)", "holds it open"}};
  expect_as_in_table("open_in_vm");
  EXPECT_FALSE(find(look(Verb::import_state), "not_open"));
}

TEST_F(JudgeTest, UsesUnknown) {
  record(IntentKind::loaded, 2);
  device.bus.not_seen = "no";
  expect_as_in_table("uses_unknown");
  EXPECT_FALSE(find(look(Verb::resume), "not_open"));
  device.bus.holders[vf(2)] = {{"pid 7 (qemu)", "holds it open"}};
  EXPECT_FALSE(find(look(Verb::unbind), "uses_unknown")) << "it is known to be in use";
}

TEST_F(JudgeTest, Unreadable) {
  device.bus.unreadable.insert(vf(2));
  expect_as_in_table("unreadable");
  EXPECT_FALSE(find(look(Verb::bind), "not_on_bus"));
}

TEST_F(JudgeTest, WhoAllowsThatItIsNotOpenNeedNotKnow) {
  record(IntentKind::loaded, 2);
  device.bus.not_seen = "no";
  Judge judge(Verb::resume, session(), {"not_open"});
  judge.look_at(2);
  EXPECT_FALSE(find(judge.findings(), "uses_unknown"));
}

TEST_F(JudgeTest, NotOpen) {
  record(IntentKind::loaded, 2);
  expect_as_in_table("not_open");
}

TEST_F(JudgeTest, WhatWasNotLoadedIsResumedWhetherOrNotItIsOpen) {
  for (const auto kind : {IntentKind::suspended, IntentKind::exported, IntentKind::away}) {
    record(kind, 2);
    EXPECT_FALSE(find(look(Verb::resume), "not_open")) << to_string(kind);
  }
}

TEST_F(JudgeTest, WhatStaysSuspendedNeedsNobodyWhoHasItOpen) {
  Judge judge(Verb::import_state, session(), {"not_open"});
  judge.keep_suspended();
  judge.look_at(2);
  const auto found = find(judge.findings(), "not_open");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->severity, Severity::warning);
  EXPECT_FALSE(found->overridable || found->allowed);
}

TEST_F(JudgeTest, Suspended) {
  suspend(2);
  expect_as_in_table("suspended", {of(Action::resume, 2)});
}

TEST_F(JudgeTest, LeftSuspended) {
  suspend(2, {{unfinished_detail, ""}});
  expect_as_in_table("left_suspended", {of(Action::repair)});
}

TEST_F(JudgeTest, SuspendedUnrecorded) {
  backend[2].suspended = true;
  expect_as_in_table("suspended_unrecorded", {of(Action::resume, 2), of(Action::suspend, 2)});
}

TEST_F(JudgeTest, SuspensionUnknown) {
  answer_nothing();
  expect_as_in_table("suspension_unknown");
}

TEST_F(JudgeTest, Loading) {
  record(IntentKind::loading, 2, {{"file", "/srv/guest"}});
  expect_as_in_table("loading",
                     {of(Action::import_state, 2, "/srv/guest"), of(Action::reset, 2, vf(2))});
  record(IntentKind::loading, 2, {{"file", "standard input"}});
  expect_as_in_table("loading", {of(Action::reset, 2, vf(2))});
}

TEST_F(JudgeTest, Loaded) {
  record(IntentKind::loaded, 2);
  expect_as_in_table("loaded", {of(Action::resume, 2)});
}

TEST_F(JudgeTest, LeftLoaded) {
  record(IntentKind::loaded, 2, {{unfinished_detail, ""}});
  expect_as_in_table("left_loaded", {of(Action::repair)});
}

TEST_F(JudgeTest, Exporting) {
  record(IntentKind::exporting, 2);
  expect_as_in_table("left_suspended", {of(Action::repair)});
}

TEST_F(JudgeTest, Exported) {
  record(IntentKind::exported, 2);
  expect_as_in_table("exported", {of(Action::release, 2), resume_allowing("exported")});
}

TEST_F(JudgeTest, Away) {
  record(IntentKind::away, 2, {{"destination", "sim:other 1"}});
  expect_as_in_table("away");
}

TEST_F(JudgeTest, TwoCopies) {
  for (const auto kind : {IntentKind::exported, IntentKind::away}) {
    record(kind, 2);
    backend[2].suspended = false;
    backend[2].queues = 4;
    expect_as_in_table("two_copies", {resume_allowing("two_copies")});
  }
}

TEST_F(JudgeTest, WhatTheDeviceContradictsStopsNothing) {
  registry().mark(2);
  device.bus.holders[vf(2)] = {{"pid 7 (qemu)", "holds it open"}};
  for (int number = 0; number <= static_cast<int>(IntentKind::loaded); ++number) {
    record(static_cast<IntentKind>(number), 2);
    backend[2].suspended = false;
    backend[2].queues = 0;
    for (std::size_t i = 0; i < verb_names.size(); ++i) {
      const auto found = codes_of(look(static_cast<Verb>(i)));
      EXPECT_THAT(found, testing::IsSubsetOf({"open_in_vm"})) << verb_names[i];
    }
  }
}

TEST_F(JudgeTest, AJournalThatCannotBeUsed) {
  for (const auto& [text, code] :
       {std::pair{"{", "journal_damaged"},
        std::pair{R"({"schema": "nvmigrate.journal/9"})", "journal_newer"}}) {
    close();
    put(folder.folders().run + "/journal.json", text);
    for (std::size_t i = 0; i < verb_names.size(); ++i) {
      const auto verb = static_cast<Verb>(i);
      const auto found = find(Judge(verb, session(), {code}).findings(), code);
      ASSERT_EQ(found.has_value(), condition(code).blocks.has(verb)) << verb_names[i];
      if (!found) continue;
      EXPECT_TRUE(found->stands()) << verb_names[i];
      EXPECT_EQ(found->cntlid, std::nullopt);
    }
  }
}

TEST_F(JudgeTest, TheDeviceIsAskedOnlyWhereAnAnswerMatters) {
  for (const auto verb : {Verb::mark, Verb::unmark, Verb::handle})
    look(verb);
  EXPECT_TRUE(backend.log().empty());
  look(Verb::unbind);
  EXPECT_EQ(backend.count("look"), 1U);
}

TEST_F(JudgeTest, RefusesWithAllThatStandsBlockersFirst) {
  registry().unmark(2);
  device.at(2).online = false;
  Judge judge(Verb::import_state, session());
  judge.look_at(2);
  judge.add({.code = "queue_id", .severity = Severity::warning});
  judge.add(judge.about_device("version", {{"version", "7"}}));
  EXPECT_TRUE(judge.stops());
  EXPECT_EQ(codes_of(judge.findings()),
            (Codes{"unmarked", "offline", "not_open", "version", "queue_id"}));
  EXPECT_EQ(refusal_of([&] { judge.refuse("import"); }),
            (Codes{"unmarked", "offline", "not_open", "version"}));
}

TEST_F(JudgeTest, WhatIsAddedIsJudgedAsWell) {
  Judge judge(Verb::import_state, session(), {"queue_id"});
  judge.add(Finding{.code = "queue_id"});
  judge.add(Finding{.code = "queue_size"});
  EXPECT_TRUE(judge.findings()[0].allowed);
  EXPECT_TRUE(judge.findings()[1].overridable && judge.findings()[1].stands());
}

// --- groups ---

class GroupTest : public JudgeTest {
 protected:
  Findings bind(const std::vector<std::uint16_t>& cntlids, const Codes& allowed = {}) {
    session().refresh();
    FunctionList functions;
    for (const auto cntlid : cntlids)
      functions.push_back(&session().function(cntlid));
    Judge judge(Verb::bind, session(), allowed);
    judge.look_at_groups(functions, functions);
    return judge.findings();
  }
  PciFunction& add_neighbour(unsigned group) {
    auto& other = device.bus.functions[other_address] = FakePciBus::function_at(other_address);
    other.iommu_group = group;
    return other;
  }
};

TEST_F(GroupTest, WithoutAnIommuNothingIsolatesIt) {
  device.bus.functions.at(vf(1)).iommu_group.reset();
  EXPECT_THAT(codes_of(bind({1, 2})), ElementsAre("no_iommu"));
  device.bus.iommu = false;
  EXPECT_THAT(codes_of(bind({1, 2})), ElementsAre("no_iommu", "no_iommu"));
  EXPECT_TRUE(any_stands(bind({2}, {"no_iommu"})));
}

TEST_F(GroupTest, WhatSharesItsGroupIsBoundWithIt) {
  device.bus.functions.at(vf(3)).iommu_group = device.bus.functions.at(vf(2)).iommu_group;
  EXPECT_THAT(codes_of(bind({2})), ElementsAre("shared_group"));
  EXPECT_TRUE(any_stands(bind({2})));
  EXPECT_FALSE(any_stands(bind({2}, {"shared_group"})));
  EXPECT_THAT(bind({2, 3}), IsEmpty());
}

TEST_F(GroupTest, ABridgeAndWhatIsOnVfioAreHarmless) {
  auto& other = add_neighbour(*device.bus.functions.at(vf(2)).iommu_group);
  EXPECT_THAT(codes_of(bind({2})), ElementsAre("shared_group"));
  other.driver = "vfio-pci";
  EXPECT_THAT(bind({2}), IsEmpty());
  other.driver.reset();
  other.class_code = 0x060400;
  EXPECT_THAT(bind({2}), IsEmpty());
}

// --- abilities ---

TEST_F(JudgeTest, WhatTheDeviceCannotDo) {
  const auto look_at_abilities = [&](Verb verb) {
    Judge judge(verb, session());
    judge.look_at_abilities();
    return judge.findings();
  };
  EXPECT_THAT(codes_of(look_at_abilities(Verb::mark)), ElementsAre("queues_only"));
  EXPECT_THAT(look_at_abilities(Verb::bind), IsEmpty());
  close();
  unable = "no such command set";
  EXPECT_THAT(codes_of(look_at_abilities(Verb::mark)), ElementsAre("no_live_migration"));
  EXPECT_EQ(look_at_abilities(Verb::mark).front().status, ExitStatus::unsupported);
  close();
  unable.clear();
  backend.formats.vendors = {Uuid{{1}}};
  EXPECT_THAT(look_at_abilities(Verb::mark), IsEmpty());
}

}  // namespace
}  // namespace nvmigrate::test
