// SPDX-License-Identifier: LGPL-2.1-or-later
#include <unistd.h>

#include <system_error>
#include <utility>

#include "tests/lib/host/binding_fixture.h"
#include "tests/support/find_intent.h"

namespace nvmigrate::test {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

TEST_F(BindingTest, GivesFunctionsToVfio) {
  const auto result = take("1-2");
  ASSERT_THAT(result.functions, SizeIs(2));
  EXPECT_TRUE(result.changed());
  EXPECT_FALSE(result.failed());
  EXPECT_EQ(result.functions[0].from, "nvme");
  EXPECT_EQ(result.functions[0].to, "vfio-pci");
  EXPECT_EQ(result.functions[0].nodes.group, "/dev/vfio/11");
  EXPECT_EQ(driver(1), "vfio-pci");
  EXPECT_EQ(driver(2), "vfio-pci");
  EXPECT_EQ(driver(3), "nvme");
}

TEST_F(BindingTest, RemembersTheOriginalDriver) {
  take("2");
  const auto again = registry_again();
  ASSERT_NE(again.binding_of(2), nullptr);
  EXPECT_EQ(again.binding_of(2)->original_driver, "nvme");
  EXPECT_EQ(again.binding_of(2)->address, vf(2));
  EXPECT_THAT(journal_again().intents(), IsEmpty());
}

TEST_F(BindingTest, TheIntentsOfAllAreWrittenBeforeTheFirstChange) {
  bool written = false;
  device.bus.before_change = [&](const std::string&) {
    if (std::exchange(written, true)) return;
    const auto before = journal_again();
    for (const unsigned vfn : {1U, 2U, 3U}) {
      const auto intent = test::find(before, IntentKind::unbound, static_cast<std::uint16_t>(vfn));
      ASSERT_TRUE(intent);
      EXPECT_EQ(intent->details.at("original_driver"), "nvme");
      EXPECT_EQ(intent->details.at("address"), vf(vfn));
    }
  };
  take("1-3");
  EXPECT_TRUE(written);
  written = false;
  give_back("1-3");
  EXPECT_TRUE(written);
}

TEST_F(BindingTest, ChangesSeveralAtATime) {
  // The first waits for its driver until another has been probed, too.
  device.bus.stubborn.insert("vfio-pci");
  std::string first;
  device.bus.before_change = [&](const std::string& change) {
    if (!change.starts_with("probe ")) return;
    const auto address = change.substr(change.find(' ') + 1);
    if (first.empty()) {
      first = address;
    } else {
      device.bus.stubborn.clear();
      device.bus.give(first, "vfio-pci");
    }
  };
  EXPECT_FALSE(take("1-2", {.timeout = std::chrono::minutes{1}}).failed());
}

TEST_F(BindingTest, WithoutThreadsOneFunctionFollowsAnother) {
  const Together alone{.start = [](const std::function<void()>&) -> std::thread {
    throw std::system_error(EAGAIN, std::generic_category());
  }};
  EXPECT_FALSE(take("1-2", {.together = alone}).failed());
  EXPECT_THAT(
      device.bus.changes,
      ElementsAre("set_override " + vf(1) + " vfio-pci", "unbind " + vf(1), "probe " + vf(1),
                  "set_override " + vf(2) + " vfio-pci", "unbind " + vf(2), "probe " + vf(2)));
  EXPECT_FALSE(give_back("1-2", {}, alone).failed());
  EXPECT_EQ(driver(1), "nvme");
  EXPECT_EQ(driver(2), "nvme");
  expect_no_records();
}

TEST_F(BindingTest, TheSecondTimeNothingChanges) {
  take("1");
  device.bus.changes.clear();
  const auto again = take("1");
  EXPECT_FALSE(again.changed());
  EXPECT_EQ(again.functions[0].nodes.group, "/dev/vfio/11");
  EXPECT_THAT(device.bus.changes, IsEmpty());
  EXPECT_EQ(registry_again().binding_of(1)->original_driver, "nvme");
}

TEST_F(BindingTest, PrefersAVariantDriver) {
  device.bus.drivers.insert("fast-vfio");
  device.bus.variants[vf(1)] = "fast-vfio";
  EXPECT_EQ(take("1").functions[0].to, "fast-vfio");
}

TEST_F(BindingTest, TakesTheDriverAskedForAndRemembersTheFirstOne) {
  device.bus.drivers.insert("other-vfio");
  take("1");
  EXPECT_EQ(take("1", {.driver = "other-vfio"}).functions[0].to, "other-vfio");
  EXPECT_EQ(driver(1), "other-vfio");
  EXPECT_EQ(registry_again().binding_of(1)->original_driver, "nvme") << "not vfio-pci";
  EXPECT_FALSE(take("1").changed()) << "what is bound stays as it is";
}

TEST_F(BindingTest, AVariantDriverThatDoesNotLoadIsNotWaitedFor) {
  device.bus.variants[vf(1)] = "broken-vfio";
  device.bus.loads = false;
  EXPECT_EQ(take("1").functions[0].to, "vfio-pci");
  EXPECT_THAT(device.bus.loaded, ElementsAre(vf(1)));
  EXPECT_EQ(registry_again().binding_of(1)->driver, "vfio-pci");
}

TEST_F(BindingTest, GivesTheNodesToTheirOwner) {
  device.bus.cdevs = true;
  take("1", {.owner = Owner{107, 36}});
  EXPECT_EQ(device.bus.owners["/dev/vfio/11"], (Owner{107, 36}));
  EXPECT_EQ(device.bus.owners["/dev/vfio/devices/vfio1"], (Owner{107, 36}));
}

TEST_F(BindingTest, GivesTheNodesOfABoundFunctionToAnotherOwner) {
  take("1");
  EXPECT_FALSE(take("1", {.owner = Owner{1, 2}}).changed());
  EXPECT_EQ(device.bus.owners["/dev/vfio/11"], (Owner{1, 2}));
}

TEST_F(BindingTest, WarnsOfANodeThatGotAnotherOwner) {
  device.bus.rule = Owner{0, 36};
  const auto result = take("1", {.owner = Owner{107, 36}});
  ASSERT_THAT(codes_of(result.findings), ElementsAre("node_owner"));
  EXPECT_EQ(result.findings[0].severity, Severity::warning);
  EXPECT_EQ(result.findings[0].cntlid, 1);
  EXPECT_THAT(result.findings[0].message, HasSubstr("/dev/vfio/11"));
  EXPECT_TRUE(result.changed() && !result.failed());
}

TEST_F(BindingTest, WarnsOfANodeThatCannotBeLookedAt) {
  device.bus.lost = "/dev/vfio/12";
  const auto result = take("2", {.owner = Owner{107, 36}});
  ASSERT_THAT(codes_of(result.findings), ElementsAre("node_lost"));
  EXPECT_EQ(result.findings[0].severity, Severity::warning);
  EXPECT_THAT(result.findings[0].message, HasSubstr("/dev/vfio/12"));
  EXPECT_TRUE(result.changed() && !result.failed());
}

TEST_F(BindingTest, WarnsOnceOfASharedNodeThatTheOwnerMayNotOpen) {
  device.bus.container = NodeRights{{0, 36}, 0660};
  auto result = take("1-2", {.owner = Owner{107, 107}});
  ASSERT_THAT(codes_of(result.findings), ElementsAre("shared_node_closed"));
  EXPECT_THAT(result.findings[0].message, HasSubstr("/dev/vfio/vfio"));
  EXPECT_THAT(result.findings[0].message, HasSubstr("0:36, mode 0660"));
  EXPECT_THAT(codes_of(take("1-2", {.owner = Owner{107, 36}}).findings), IsEmpty());
  EXPECT_THAT(codes_of(take("1-2", {.owner = Owner{}}).findings), IsEmpty());
}

TEST_F(BindingTest, LooksAtIommufdWhereAVmUsesIt) {
  device.bus.cdevs = true;
  device.bus.iommufd = NodeRights{{}, 0660};
  EXPECT_THAT(codes_of(take("1", {.owner = Owner{107, 36}}).findings),
              ElementsAre("shared_node_closed"));
  device.bus.groups = false;
  device.bus.iommufd.reset();
  EXPECT_THAT(codes_of(take("2", {}).findings), ElementsAre("no_shared_node"));
}

TEST_F(BindingTest, DoesNotLookAtOwnersThatNobodyAskedFor) {
  device.bus.rule = Owner{0, 36};
  EXPECT_THAT(take("1").findings, IsEmpty());
}

TEST_F(BindingTest, WarnsOfAFunctionThatIsOffline) {
  device.at(1).online = false;
  const auto result = take("1");
  EXPECT_THAT(codes_of(result.findings), ElementsAre("offline"));
  EXPECT_THAT(result.findings, Each(Field(&Finding::severity, Severity::warning)));
}

// --- Plan ---------------------------------------------------------------------------------------

TEST_F(BindingTest, APlanChangesNothing) {
  const auto plan = plan_bind(session(), select(topology(), "1-2", "bind"), {});
  EXPECT_TRUE(plan.changed());
  EXPECT_EQ(plan.functions[1].to, "vfio-pci");
  EXPECT_THAT(device.bus.changes, IsEmpty());
  expect_no_records();
}

TEST_F(BindingTest, APlanLoadsNoVariantDriver) {
  device.bus.variants[vf(1)] = "fast-vfio";
  const auto plan = plan_bind(session(), select(topology(), "1", "bind"), {});
  EXPECT_EQ(plan.functions[0].to, "fast-vfio");
  EXPECT_THAT(device.bus.loaded, IsEmpty());
}

TEST_F(BindingTest, AllToBindMeansThoseOnTheBus) {
  EXPECT_THAT(select(topology(), "all", "bind"), SizeIs(8));
  EXPECT_THAT(select_to_bind(topology(), "all"), SizeIs(3));
  EXPECT_THAT(select_to_bind(topology(), "3-4"), SizeIs(2)) << "what is named is refused later";
}

TEST_F(BindingTest, AllToBindOfNothingOnTheBusIsNotFound) {
  device.bus.enable(0);
  const auto error = thrown_by([&] { select_to_bind(topology(), "all"); });
  EXPECT_EQ(error.status(), ExitStatus::not_found);
  ASSERT_THAT(error.remedies(), SizeIs(1));
  EXPECT_EQ(error.remedies()[0].action, Remedy::Action::provision);
}

// --- Owner --------------------------------------------------------------------------------------

TEST(Owner, IsNamesOrNumbers) {
  EXPECT_EQ(parse_owner("root:root").user, 0U);
  EXPECT_EQ(parse_owner("root").group, 0U);
  EXPECT_EQ(parse_owner("0:12").group, 12U);
  EXPECT_EQ(parse_owner("3999999999:7").user, 3999999999U) << "a number needs no user";
}

TEST(Owner, UnknownNamesAreUsageErrors) {
  for (const auto* text : {"no-such-user:root", "root:no-such-group", "", "root:4294967295"}) {
    EXPECT_EQ(thrown_by([&] { parse_owner(text); }).status(), ExitStatus::usage) << text;
  }
}

}  // namespace
}  // namespace nvmigrate::test
