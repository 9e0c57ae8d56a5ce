// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/host/functions.h"

#include "nvmigrate/host/provision_restore.h"
#include "tests/support/fake_session.h"

namespace nvmigrate::test {
namespace {

using testing::Contains;
using testing::Each;
using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;

class MarkingTest : public FakeSessionTest {
 protected:
  MarkingTest() {
    bring_up(3);
    device.bus.give(vf(1), "vfio-pci");
    backend.formats.vendors.emplace_back();
  }
  MarkResult allow(const std::string& words) { return mark(session(), words); }
  MarkResult withdraw(const std::string& words) { return unmark(session(), words); }
};

TEST_F(MarkingTest, AMarkPersists) {
  const auto result = allow("1");
  EXPECT_TRUE(result.changed());
  EXPECT_THAT(result.findings, IsEmpty());
  EXPECT_TRUE(registry_again().is_marked(1));
  EXPECT_TRUE(session().function(1).marked);
}

TEST_F(MarkingTest, MarkingAgainChangesNothing) {
  allow("1");
  EXPECT_FALSE(allow("1").changed());
  EXPECT_TRUE(allow("1-2").changed());
}

TEST_F(MarkingTest, UnmarkingWithdrawsOneMark) {
  allow("1-2");
  EXPECT_TRUE(withdraw("1").changed());
  EXPECT_FALSE(registry_again().is_marked(1));
  EXPECT_TRUE(registry_again().is_marked(2));
  EXPECT_FALSE(withdraw("1").changed());
}

TEST_F(MarkingTest, WarnsOfWhatAMigrationWillMeet) {
  backend.formats.vendors.clear();
  device.at(2).online = false;
  const auto result = allow("1-2");
  EXPECT_THAT(codes_of(result.findings), ElementsAre("queues_only", "offline", "not_on_vfio"));
  EXPECT_THAT(result.findings, Each(Field(&Finding::severity, Severity::warning)));
  EXPECT_TRUE(registry_again().is_marked(2)) << "a warning does not refuse";
}

TEST_F(MarkingTest, WarnsOfWhatThisHostDoesWithIt) {
  device.bus.uses[vf(1)] = {{"/dev/nvme1n1", "mounted on /srv"}};
  const auto result = allow("1");
  ASSERT_THAT(codes_of(result.findings), ElementsAre("used_by_host"));
  EXPECT_EQ(result.findings[0].severity, Severity::warning);
  EXPECT_THAT(result.findings[0].message, HasSubstr("/dev/nvme1n1 mounted on /srv"));
}

TEST_F(MarkingTest, RefusesAFunctionOfAnotherHostUnlessAllowed) {
  device.others = {40};
  EXPECT_THAT(refusal_of([&] { allow("1,40"); }), ElementsAre("foreign"));
  mark(session(), "40", {"foreign"});
  EXPECT_TRUE(registry_again().is_marked(40));
  EXPECT_FALSE(session().function(40).foreign()) << "it is recorded now";
}

TEST_F(MarkingTest, RefusesAnotherControllingFunction) {
  add_other(40);
  device.bus.sriov_of[other_address].total = 4;
  EXPECT_THAT(refusal_of([&] { allow("40"); }), ElementsAre("controlling_function"));
  device.bus.sriov_of[other_address].enabled = 2;
  EXPECT_THAT(refusal_of([&] { allow("40"); }), ElementsAre("has_virtual_functions"));
}

TEST_F(MarkingTest, AllMeansThoseThatAreOnlyControlled) {
  add_other(40);
  device.bus.sriov_of[other_address].total = 4;
  EXPECT_TRUE(allow("all").changed());
  EXPECT_TRUE(registry_again().is_marked(1));
  EXPECT_FALSE(registry_again().is_marked(40));
}

TEST_F(MarkingTest, RefusesWithEverythingAtOnceAndMarksNothing) {
  device.bus.sriov_of[vf(3)] = {.total = 4, .enabled = 2, .autoprobe = true};
  const auto refusal = thrown_by<Refusal>([&] { allow("0,1,3,9"); });
  EXPECT_EQ(refusal.status(), ExitStatus::refused);
  for (const auto* code : {"controlling_function", "unknown_function", "has_virtual_functions"}) {
    EXPECT_THAT(codes_of(refusal.findings()), Contains(code));
  }
  EXPECT_THAT(registry_again().marks(), IsEmpty());
}

TEST_F(MarkingTest, APlanRefusesNothing) {
  const auto plan = plan_mark(session(), "0,1");
  EXPECT_TRUE(any_stands(plan.findings));
  EXPECT_TRUE(plan.changed());
  EXPECT_THAT(registry_again().marks(), IsEmpty());
}

TEST_F(MarkingTest, ADeviceWithoutLiveMigrationIsUnsupported) {
  unable = "OACS bit 11 is clear";
  const auto refusal = thrown_by<Refusal>([&] { allow("1,0,9"); });
  EXPECT_EQ(refusal.status(), ExitStatus::unsupported);
  EXPECT_EQ(refusal.code(), "no_live_migration");
  EXPECT_THAT(refusal.what(), HasSubstr("fake: OACS bit 11 is clear"));
}

TEST_F(MarkingTest, AnUnknownFunctionIsNotFound) {
  EXPECT_EQ(thrown_by([&] { allow("9"); }).status(), ExitStatus::not_found);
}

TEST_F(MarkingTest, UnmarkForgetsAFunctionThatIsGone) {
  registry().mark(99);
  EXPECT_TRUE(withdraw("99").changed());
  EXPECT_THAT(registry_again().marks(), IsEmpty());
}

TEST_F(MarkingTest, UnmarkRefusesWhatIsNeitherMarkedNorControlled) {
  EXPECT_THAT(refusal_of([&] { withdraw("99,0"); }),
              ElementsAre("unknown_function", "controlling_function"));
}

TEST_F(MarkingTest, AMarkIsPutBackWithItsBackend) {
  registry().mark(1, "former");
  session().refresh();
  const auto before = session().topology();
  registry().mark(1, "other");
  EXPECT_THAT(put_back(session(), before, {}, {1}, std::chrono::milliseconds{0}), IsEmpty());
  EXPECT_EQ(registry_again().backend_of(1), "former");
}

TEST_F(MarkingTest, AMarkThatCannotBeWrittenIsNotSet) {
  session();
  put(folder.folders().state, "a file where a folder should be");
  EXPECT_THROW(allow("1"), Error);
  EXPECT_FALSE(registry().is_marked(1));
}

}  // namespace
}  // namespace nvmigrate::test
