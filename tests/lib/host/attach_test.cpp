// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tests/lib/host/provision_fixture.h"

namespace nvmigrate::test {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using Ids = std::set<std::uint16_t>;
using Nsids = std::set<std::uint32_t>;

/// Two namespaces, attached to the controlling function alone.
class AttachTest : public ProvisionFailureTest {
 protected:
  AttachTest() { device.namespaces = FakeSubsystem::Attached{{1, {0}}, {2, {0}}}; }

  Ids& attached(std::uint32_t nsid) { return device.namespaces->at(nsid); }
  Nsids recorded(std::uint16_t cntlid) {
    const auto registry = registry_again();
    const auto* wanted = registry.wanted_of(cntlid);
    return wanted == nullptr ? Nsids{} : wanted->namespaces;
  }
  std::vector<std::string> attachments() {
    auto found = effects();
    std::erase_if(found,
                  [](const auto& words) { return words.find("tach ") == std::string::npos; });
    return found;
  }

  const ProvisionRequest all{
      .vfs = 2, .queues = 3, .interrupts = 2, .attach = std::vector<std::uint32_t>{}};
  const ProvisionRequest second{
      .vfs = 2, .queues = 3, .interrupts = 2, .attach = std::vector<std::uint32_t>{2}};
};

TEST_F(AttachTest, AttachesBeforeAFunctionIsOnline) {
  const auto result = make(all);
  EXPECT_THAT(attachments(), ElementsAre("attach 1: 1 2", "attach 2: 1 2"));
  EXPECT_EQ(effects()[1], "attach 2: 1 2");
  EXPECT_EQ(attached(1), (Ids{0, 1, 2}));
  EXPECT_EQ(attached(2), (Ids{0, 1, 2}));
  EXPECT_THAT(result.namespaces, ElementsAre(1, 2));
  EXPECT_EQ(recorded(1), (Nsids{1, 2}));
  EXPECT_EQ(registry_again().wanted_of(1)->queues, 3);
}

TEST_F(AttachTest, OneThatIsNotAskedForStays) {
  make(second);
  EXPECT_THAT(attachments(), ElementsAre("attach 2: 1 2"));
  EXPECT_EQ(attached(1), Ids{0});
}

TEST_F(AttachTest, WithoutTheWishNothingIsAsked) {
  make({.vfs = 2});
  EXPECT_THAT(device.commands, Not(Contains("identify 10")));
  EXPECT_THAT(attachments(), IsEmpty());
}

TEST_F(AttachTest, TheSecondTimeNothingIsDone) {
  make(all);
  device.commands.clear();
  EXPECT_FALSE(make(all).changed());
  EXPECT_THAT(effects(), IsEmpty());
  EXPECT_EQ(recorded(1), (Nsids{1, 2}));
}

TEST_F(AttachTest, AFunctionThatIsOnlineIsNotReset) {
  make({.vfs = 2, .queues = 3, .interrupts = 2});
  device.commands.clear();
  make(second);
  EXPECT_THAT(effects(), ElementsAre("attach 2: 1 2"));
  EXPECT_EQ(recorded(2), Nsids{2});
}

TEST_F(AttachTest, ToFunctionsThatAreListedOnlyOnceThereAreVfs) {
  device.lists_late = true;
  const auto result = make(second);
  EXPECT_THAT(attachments(), ElementsAre("attach 2: 1 2"));
  EXPECT_THAT(result.namespaces, ElementsAre(2));
  EXPECT_EQ(recorded(2), Nsids{2});
}

TEST_F(AttachTest, IsUndoneWhileTheFunctionsAreNotListed) {
  device.lists_late = true;
  make(all);
  device.bus.set_enabled_vfs(FakePciBus::physical, 0);  // the host restarts
  device.commands.clear();
  EXPECT_TRUE(take_down().changed());
  EXPECT_THAT(effects(), ElementsAre("detach 1: 1 2", "detach 2: 1 2"));
  EXPECT_EQ(attached(2), Ids{0});
  EXPECT_THAT(registry_again().wanted(), IsEmpty());
}

TEST_F(AttachTest, WhatWasAttachedBeforeIsNeitherRecordedNorDetached) {
  attached(2) = {0, 1};
  make(second);
  EXPECT_THAT(attachments(), ElementsAre("attach 2: 2"));
  EXPECT_EQ(recorded(1), Nsids{});
  EXPECT_EQ(recorded(2), Nsids{2});
  device.commands.clear();
  take_down();
  EXPECT_THAT(attachments(), ElementsAre("detach 2: 2"));
  EXPECT_EQ(attached(2), (Ids{0, 1}));
  EXPECT_THAT(registry_again().wanted(), IsEmpty());
}

/// As an emulator attaches shared namespaces when a VF appears.
TEST_F(AttachTest, WhatTheDeviceAttachesItselfIsLeft) {
  device.bus.vfs_changed = [&, before = device.bus.vfs_changed](unsigned count) {
    before(count);
    if (count != 0) attached(2) = {0, 1, 2};
  };
  make(second);
  EXPECT_THAT(attachments(), IsEmpty());
  EXPECT_EQ(recorded(1), Nsids{});
}

TEST_F(AttachTest, ADeprovisionTakesBackWhatIsStillThere) {
  make(all);
  attached(1).erase(1);
  device.namespaces->erase(2);
  device.commands.clear();
  take_down();
  EXPECT_THAT(attachments(), ElementsAre("detach 1: 2"));
  EXPECT_FALSE(take_down().changed());
}

TEST_F(AttachTest, ARecreationKeepsWhatIsToBeDetached) {
  make(all);
  registry().mark(1);
  auto fewer = second;
  fewer.vfs = 1;
  fewer.recreate = true;
  device.commands.clear();
  make(fewer);
  EXPECT_THAT(attachments(), ElementsAre("detach 1: 2", "detach 2: 2"));
  EXPECT_EQ(recorded(1), (Nsids{1, 2}));
  EXPECT_EQ(recorded(2), Nsids{});
  take_down();
  EXPECT_EQ(attached(1), Ids{0});
  EXPECT_EQ(attached(2), Ids{0});
}

TEST_F(AttachTest, WhateverStepFailsEverythingIsAsBefore) {
  const auto before = device.secondary;
  const auto tried = fail_each(all, [&](const Error& error) {
    EXPECT_NE(error.status(), ExitStatus::internal);
    EXPECT_EQ(attached(1), Ids{0});
    EXPECT_EQ(attached(2), Ids{0});
    EXPECT_EQ(device.secondary, before);
    EXPECT_EQ(recorded(1), Nsids{});
    EXPECT_THAT(journal_again().intents(), IsEmpty());
  });
  EXPECT_EQ(tried, 15U) << "13 of a provisioning, and one for each namespace";
}

TEST_F(AttachTest, AnAttachmentThatFailsInTheMiddleIsTakenBack) {
  device.refused_attachment = 2;
  const auto error = thrown_by([&] { make(all); });
  EXPECT_EQ(error.status(), ExitStatus::device);
  EXPECT_THAT(error.what(), HasSubstr("attach namespace 1"));
  EXPECT_EQ(attached(1), Ids{0});
  EXPECT_FALSE(is_unfinished());
}

TEST_F(AttachTest, ADetachmentIsTakenBackWhenARecreationFails) {
  make(all);
  auto fewer = second;
  fewer.vfs = 1;
  fewer.recreate = true;
  const auto tried = fail_each(fewer, [&](const Error& error) {
    EXPECT_NE(error.status(), ExitStatus::internal);
    EXPECT_EQ(attached(1), (Ids{0, 1, 2}));
    EXPECT_EQ(recorded(2), (Nsids{1, 2}));
    EXPECT_TRUE(device.at(2).online);
  });
  EXPECT_GT(tried, 8U);
}

TEST_F(AttachTest, WhatCannotBePutBackIsFinished) {
  for (unsigned nth = 3; nth <= 15; ++nth) {
    SCOPED_TRACE("effect " + std::to_string(nth));
    fail(nth, true);
    EXPECT_THROW(make(all), Error);
    heal();
    ASSERT_TRUE(is_unfinished());
    ASSERT_TRUE(finish());
    EXPECT_EQ(attached(2), (Ids{0, 1, 2}));
    EXPECT_TRUE(device.at(2).online);
    EXPECT_EQ(device.at(2).queues, 3);
    take_down();
    EXPECT_EQ(attached(1), Ids{0});
    EXPECT_EQ(attached(2), Ids{0});
  }
}

/// Of a run that ended early only the namespaces may be known: they are no request for 0 queues.
TEST_F(AttachTest, RecordedNamespacesAreNoResources) {
  registry().want({{.cntlid = 1, .namespaces = {1}}, {.cntlid = 2, .namespaces = {1}}});
  make({.vfs = 2});
  EXPECT_TRUE(device.at(1).online);
  EXPECT_GE(device.at(1).queues, 2);
  EXPECT_EQ(recorded(1), Nsids{1});
}

TEST_F(AttachTest, ADeviceThatSaysOtherwiseIsAFailure) {
  device.before = [&](const AdminCommand& command) -> std::optional<AdminCompletion> {
    if (command.opcode != command::opcode::namespace_attachment) return std::nullopt;
    return AdminCompletion{};
  };
  const auto error = thrown_by([&] { make(second); });
  EXPECT_EQ(error.status(), ExitStatus::device);
  EXPECT_THAT(error.what(), HasSubstr("should be attached"));
}

// --- What stands against it ---------------------------------------------------------------------

TEST_F(AttachTest, ANamespaceThatIsNotThereIsRefused) {
  auto third = second;
  third.attach = {2, 3};
  EXPECT_THAT(refused(third), ElementsAre("no_such_namespace"));
  device.namespaces->clear();
  EXPECT_THAT(refused(all), ElementsAre("no_such_namespace"));
}

TEST_F(AttachTest, WithoutNamespaceManagementItIsRefused) {
  device.namespaces.reset();
  EXPECT_THAT(refused(all), ElementsAre("no_namespace_management"));
}

TEST_F(AttachTest, APrivateOneGoesToOneControllerOnly) {
  device.private_namespaces = {2};
  EXPECT_THAT(refused(all), ElementsAre("private_namespace"));
  attached(2).clear();
  auto one = second;
  one.vfs = 1;
  make(one);
  EXPECT_EQ(attached(2), Ids{1});
}

TEST_F(AttachTest, ARemedyAttachesTheSame) {
  bring_up(1, 4, 2);
  const auto error = refusal(second);
  ASSERT_FALSE(error.remedies().empty());
  EXPECT_EQ(error.remedies().front().action, Remedy::Action::recreate);
  EXPECT_EQ(error.remedies().front().object, "2");
}

}  // namespace
}  // namespace nvmigrate::test
