// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/conditions/judge.h"

#include "nvmigrate/conditions/guest.h"
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

TEST_F(JudgeTest, UsedByHost) {
  device.bus.uses[vf(2)] = {{"/dev/nvme7n1", "mounted on /srv"}};
  expect_as_in_table("used_by_host");
}

TEST_F(JudgeTest, OpenInVm) {
  device.bus.holders[vf(2)] = {{"pid 7 (qemu)", "holds it open"}};
  expect_as_in_table("open_in_vm");
  EXPECT_FALSE(find(look(Verb::import_state), "not_open"));
}

TEST_F(JudgeTest, NotOpen) { expect_as_in_table("not_open"); }

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
  const SubsystemKey source{"nqn.test:source", "S"};
  Journal(io, folder.folders(), source, "transfer")
      .record(IntentKind::moved, 5, {{"transfer", "7"}});
  record(IntentKind::loading, 2,
         {{"transfer", "7"}, {"source_nqn", source.nqn}, {"source_serial", source.serial}});
  expect_as_in_table("loaded", {of(Action::resume, 2)});
  for (std::size_t i = 0; i < verb_names.size(); ++i)
    EXPECT_FALSE(find(look(static_cast<Verb>(i)), "loading")) << verb_names[i];
}

TEST_F(JudgeTest, Moved) {
  record(IntentKind::moved, 2, {{"destination", "sim:other 1"}});
  expect_as_in_table("moved");
}

TEST_F(JudgeTest, WhatTheDeviceContradictsStopsNothing) {
  for (const auto kind : {IntentKind::suspended, IntentKind::loading, IntentKind::moved})
    record(kind, 2);
  backend[2].suspended = false;
  for (std::size_t i = 0; i < verb_names.size(); ++i) {
    for (const std::string code : {"suspended", "loading", "moved", "stale_record"})
      EXPECT_FALSE(find(look(static_cast<Verb>(i)), code)) << verb_names[i] << code;
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
            (Codes{"unmarked", "offline", "version", "not_open", "queue_id"}));
  EXPECT_EQ(refusal_of([&] { judge.refuse("import"); }), (Codes{"unmarked", "offline", "version"}));
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

// --- what records and device say of a guest ---

class GuestTest : public JudgeTest {
 protected:
  std::vector<std::string_view> codes(Session& of) {
    std::vector<std::string_view> found;
    for (const auto& fact : guest_facts(of, of.ask(2)))
      found.push_back(fact.code);
    return found;
  }
  auto codes() {
    session().refresh();
    return codes(session());
  }
};

TEST_F(GuestTest, ARunningFunctionHasNoStory) { EXPECT_THAT(codes(), IsEmpty()); }

TEST_F(GuestTest, AStaleRecordIsNamed) {
  suspend(2);
  backend[2].suspended = false;
  EXPECT_THAT(codes(), ElementsAre("stale_record"));
}

TEST_F(GuestTest, WhatIsInProgressIsSaidToReadersOnly) {
  suspend(2);
  const auto reader = open();
  EXPECT_THAT(codes(*reader), ElementsAre("in_progress"));
  EXPECT_THAT(codes(), ElementsAre("suspended"));
}

TEST_F(GuestTest, ALoadOrAMoveExplainsASuspension) {
  suspend(2);
  record(IntentKind::moved, 2);
  EXPECT_THAT(codes(), ElementsAre("moved"));
  record(IntentKind::loading, 2);
  EXPECT_THAT(codes(), ElementsAre("moved", "loading"));
}

TEST_F(GuestTest, AFunctionWithoutADriverIsNamed) {
  journal().record(IntentKind::unbound, 2);
  EXPECT_THAT(codes(), ElementsAre("unbound"));
}

}  // namespace
}  // namespace nvmigrate::test
