// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/host/marking.h"

#include <gmock/gmock.h>

#include "tests/lib/host/host_fixture.h"

namespace nvmigrate::test {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::Field;
using testing::IsEmpty;
using testing::SizeIs;

class MarkingTest : public HostTest {
 protected:
  MarkingTest() {
    bring_up(3);
    device.bus.give(vf(1), "vfio-pci");
  }
  MarkResult allow(const std::string& words) { return mark(access, topology(), words, able); }
  static std::vector<FindingCode> codes(const MarkResult& result) {
    std::vector<FindingCode> found;
    for (const auto& finding : result.findings)
      found.push_back(finding.code);
    return found;
  }
  MigrationAbility able{true, {}, true};
};

TEST_F(MarkingTest, MarksPersistAndMarkingAgainChangesNothing) {
  const auto result = allow("1");
  EXPECT_TRUE(result.changed());
  EXPECT_THAT(result.findings, IsEmpty());
  EXPECT_TRUE(registry_again().is_marked(1));
  EXPECT_FALSE(allow("1").changed());
  EXPECT_TRUE(allow("1-2").changed());
  EXPECT_TRUE(unmark(access, topology(), "1").changed());
  EXPECT_FALSE(registry_again().is_marked(1));
  EXPECT_TRUE(registry_again().is_marked(2));
  EXPECT_FALSE(unmark(access, topology(), "1").changed());
}

TEST_F(MarkingTest, WarnsOfWhatAMigrationWillMeet) {
  able.vendor_state = false;
  device.at(2).online = false;
  const auto result = allow("1-2");
  EXPECT_THAT(codes(result), ElementsAre(FindingCode::queues_only, FindingCode::offline,
                                         FindingCode::not_on_vfio));
  EXPECT_THAT(result.findings, Each(Field(&MarkFinding::severity, Severity::warning)));
  EXPECT_TRUE(registry_again().is_marked(2)) << "a warning is no refusal";
}

TEST_F(MarkingTest, WarnsOfWhatThisHostDoesWithIt) {
  device.bus.uses[vf(1)] = {{"/dev/nvme1n1", "mounted on /srv"}};
  const auto result = allow("1");
  ASSERT_THAT(codes(result), ElementsAre(FindingCode::used_by_host));
  EXPECT_EQ(result.findings[0].severity, Severity::warning);
  EXPECT_THAT(result.findings[0].message, testing::HasSubstr("/dev/nvme1n1 mounted on /srv"));
}

TEST_F(MarkingTest, AnotherControllingFunctionIsABlocker) {
  device.others = {40};
  device.bus.functions["0000:02:00.0"] = FakePciBus::function_at("0000:02:00.0");
  device.bus.kernel.push_back({"nvme7", "0000:02:00.0", "pcie", "live", FakeSubsystem::nqn, 40});
  device.bus.sriov_of["0000:02:00.0"].total = 4;
  EXPECT_THAT(error_of([&] { allow("40"); }),
              fails(ExitStatus::refused, "controlled function 40 is a controlling function"));
  EXPECT_TRUE(allow("all").changed()) << "all means those that are controlled only";
  EXPECT_FALSE(registry_again().is_marked(40));
  device.bus.sriov_of["0000:02:00.0"].enabled = 2;
  EXPECT_THAT(error_of([&] { allow("40"); }), fails(ExitStatus::refused, "has 2 VFs of its own"));
}

TEST_F(MarkingTest, ReportsEveryBlockerAtOnceAndMarksNothing) {
  device.bus.sriov_of[vf(3)] = {.total = 4, .enabled = 2, .autoprobe = true};
  const auto plan = plan_mark(topology(), device.bus, "0,1,3,9", able);
  std::vector<FindingCode> blockers;
  for (const auto& finding : plan.findings) {
    if (finding.severity == Severity::blocker) blockers.push_back(finding.code);
  }
  EXPECT_THAT(blockers,
              ElementsAre(FindingCode::controlling_function, FindingCode::unknown_function,
                          FindingCode::has_virtual_functions));
  const auto error = error_of([&] { allow("0,1,3,9"); });
  EXPECT_THAT(error, fails(ExitStatus::refused, "controlling function"));
  EXPECT_THAT(error, fails(ExitStatus::refused, "no function 9"));
  EXPECT_THAT(error, fails(ExitStatus::refused, "has 2 VFs of its own"));
  EXPECT_THAT(registry_again().marks(), IsEmpty());
}

TEST_F(MarkingTest, ADeviceWithoutLiveMigrationIsUnsupported) {
  able = {false, "OACS bit 11 is clear", false};
  EXPECT_THAT(error_of([&] { allow("1,0,9"); }),
              fails(ExitStatus::unsupported, "OACS bit 11 is clear"));
}

TEST_F(MarkingTest, AnUnknownFunctionAloneIsNotFound) {
  EXPECT_THAT(error_of([&] { allow("9"); }), fails(ExitStatus::not_found, "no function 9"));
  EXPECT_THAT(error_of([&] { allow("0"); }), fails(ExitStatus::refused, "itself"));
}

TEST_F(MarkingTest, UnmarkForgetsAFunctionThatIsGone) {
  registry.mark(99);
  EXPECT_TRUE(unmark(access, topology(), "99").changed());
  EXPECT_THAT(registry_again().marks(), IsEmpty());
  EXPECT_THAT(error_of([&] { unmark(access, topology(), "99"); }),
              fails(ExitStatus::not_found, "99"));
  EXPECT_THAT(error_of([&] { unmark(access, topology(), "0"); }),
              fails(ExitStatus::refused, "itself"));
}

TEST_F(MarkingTest, AMarkThatCannotBeWrittenIsNone) {
  put(folder.folders().state, "a file where a folder should be");
  EXPECT_THROW(allow("1"), Error);
  EXPECT_FALSE(registry.is_marked(1));
}

TEST(MarkingWords, AreDistinct) {
  EXPECT_EQ(to_string(Severity::blocker), "blocker");
  EXPECT_EQ(to_string(Severity::warning), "warning");
  EXPECT_EQ(to_string(FindingCode::no_live_migration), "no_live_migration");
  EXPECT_EQ(to_string(FindingCode::has_virtual_functions), "has_virtual_functions");
}

}  // namespace
}  // namespace nvmigrate::test
