// SPDX-License-Identifier: LGPL-2.1-or-later
#include <algorithm>

#include "nvmigrate/nvme/status.h"
#include "tests/lib/host/provision_fixture.h"

namespace nvmigrate::test {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

/// The controlling function holds all flexible resources.
class ReleasePrimaryTest : public ProvisionFailureTest {
 protected:
  ReleasePrimaryTest() {
    device.queues_total = device.queues_primary = 32;
    device.interrupts_total = device.interrupts_primary = 16;
    device.bus.kernel.push_back(
        {"nvme0", FakePciBus::physical, "pcie", "live", FakeSubsystem::nqn, 0, {}, 2});
    limits.live = std::chrono::milliseconds{20};
  }
  /// With everything bound to vfio that a reset would take a driver from.
  void hold_some(unsigned vfs) {
    device.queues_primary = 8;
    device.interrupts_primary = 8;
    bring_up(vfs, 4, 2);
  }
  void expect_untouched(const std::vector<SecondaryController>& before, std::uint16_t queues) {
    EXPECT_EQ(device.secondary, before);
    EXPECT_EQ(device.queues_primary, queues);
    EXPECT_EQ(device.queues_allocated.value_or(queues), queues) << "nor at the next reset";
    EXPECT_THAT(journal_again().intents(), IsEmpty());
  }
  static constexpr const char* reset_of_primary = "reset 0000:01:00.0";
  static constexpr const char* controller_reset = "reset_controller 0000:01:00.0";
  const ProvisionRequest request{.vfs = 2, .queues = 4, .interrupts = 2, .release_primary = true};
};

TEST_F(ReleasePrimaryTest, AllocatesNothingToItAndResetsItBeforeTheFirstVf) {
  const auto result = make(request);
  ASSERT_GE(effects().size(), 2U);
  EXPECT_EQ(effects()[0], "allocate_queues 0");
  EXPECT_EQ(effects()[1], "allocate_interrupts 0");
  EXPECT_EQ(device.bus.changes[1], reset_of_primary);
  EXPECT_EQ(device.bus.changes[2], "set_vfs 0000:01:00.0 2");
  EXPECT_EQ(device.queues_primary, 0);
  EXPECT_TRUE(device.at(2).online);
  ASSERT_TRUE(result.release.has_value());
  EXPECT_EQ(result.release->queues, 32);
  EXPECT_EQ(result.release->interrupts, 16);
  EXPECT_EQ(result.release->methods, "flr bus");
  EXPECT_FALSE(result.release->controller_reset);
  EXPECT_THAT(journal_again().intents(), IsEmpty());
}

TEST_F(ReleasePrimaryTest, ThePresentAllocationIsLeftWhereNothingIsHeld) {
  make(request);
  device.commands.clear();
  device.bus.changes.clear();
  const auto again = make(request);
  EXPECT_FALSE(again.changed());
  EXPECT_FALSE(again.release.has_value());
  EXPECT_THAT(device.bus.changes, IsEmpty());
}

TEST_F(ReleasePrimaryTest, AControllerResetFollowsWhereTheDeviceStillHoldsThem) {
  device.function_reset_applies = false;
  device.controller_reset_applies = true;
  const auto result = make(request);
  EXPECT_THAT(device.bus.changes, Contains(reset_of_primary));
  EXPECT_THAT(device.bus.changes, Contains(controller_reset));
  EXPECT_TRUE(result.release->controller_reset);
  EXPECT_EQ(device.queues_primary, 0);
}

TEST_F(ReleasePrimaryTest, WhereTheKernelCannotResetTheFunctionAControllerResetIsTried) {
  device.controller_reset_applies = true;
  device.bus.before_change = [](const std::string& change) {
    if (change == reset_of_primary) throw unsupported("no reset in sysfs");
  };
  EXPECT_TRUE(make(request).release->controller_reset);
}

TEST_F(ReleasePrimaryTest, WhereNoMethodOfTheKernelWorksAControllerResetIsTried) {
  device.controller_reset_applies = true;
  int code = ENOTTY;
  device.bus.before_change = [&](const std::string& change) {
    if (change == reset_of_primary) throw OsError(code, "write", "reset");
  };
  EXPECT_TRUE(make(request).release->controller_reset);
  take_down();
  code = EIO;
  device.queues_primary = 4;
  EXPECT_EQ(thrown_by([&] { make(request); }).status(), ExitStatus::io) << "nothing else is tried";
}

TEST_F(ReleasePrimaryTest, ADeviceThatKeepsThemIsAFailureAndEverythingIsBack) {
  device.function_reset_applies = false;
  const auto before = device.secondary;
  const auto error = thrown_by([&] { make(request); });
  EXPECT_EQ(error.status(), ExitStatus::device);
  EXPECT_THAT(error.what(), HasSubstr("still holds"));
  expect_untouched(before, 32);
}

TEST_F(ReleasePrimaryTest, WaitsUntilItsControllerIsLive) {
  device.bus.kernel[0].state = "resetting";
  const auto error = thrown_by([&] { make(request); });
  EXPECT_EQ(error.status(), ExitStatus::timed_out);
  EXPECT_THAT(error.what(), HasSubstr("resetting"));
  EXPECT_THAT(error.remedies(), Contains(of(Remedy::Action::repair)));
  ASSERT_TRUE(is_unfinished());
  device.bus.kernel[0].state = "live";
  ASSERT_TRUE(finish());
  EXPECT_EQ(device.queues_primary, 0);
  EXPECT_TRUE(device.at(2).online);
  EXPECT_FALSE(is_unfinished());
}

TEST_F(ReleasePrimaryTest, WhateverStepFailsEverythingIsAsBefore) {
  hold_some(2);
  device.bus.give(vf(1), "vfio-pci");
  const auto before = device.secondary;
  const auto tried = fail_each(request, [&](const Error& error) {
    EXPECT_NE(error.status(), ExitStatus::internal);
    expect_untouched(before, 8);
    EXPECT_EQ(device.bus.functions.at(vf(1)).driver, "vfio-pci");
    EXPECT_THAT(registry_again().wanted(), IsEmpty());
  });
  EXPECT_EQ(tried, 13U) << "2 allocations, a reset, 2 × (offline, 2 assignments, reset, online)";
  EXPECT_EQ(device.queues_primary, 0);
  EXPECT_EQ(device.secondary, before) << "what was online has the same again";
}

TEST_F(ReleasePrimaryTest, WhatCannotBePutBackIsFinished) {
  hold_some(2);
  const auto before = device.secondary;
  for (unsigned nth = 4; nth <= 13; ++nth) {
    SCOPED_TRACE("effect " + std::to_string(nth));
    fail(nth, true);
    EXPECT_THROW(make({.vfs = 2, .release_primary = true}), Error);
    heal();
    ASSERT_TRUE(is_unfinished());
    ASSERT_TRUE(finish());
    EXPECT_THAT(journal_again().intents(), IsEmpty());
    EXPECT_EQ(device.secondary, before);
    EXPECT_EQ(device.queues_primary, 0);
    device.queues_primary = device.interrupts_primary = 8;
  }
}

TEST_F(ReleasePrimaryTest, GivesADriverBackThatTheResetTookAway) {
  hold_some(2);
  device.bus.physical_was_reset = [this, others = device.bus.physical_was_reset] {
    others();
    device.bus.functions.at(vf(2)).driver.reset();
  };
  make(request);
  EXPECT_EQ(device.bus.functions.at(vf(2)).driver, "nvme");
}

TEST_F(ReleasePrimaryTest, ASecondaryControllerThatIsNoVfGetsItsResourcesAgain) {
  device.queues_primary = 8;
  device.secondary.push_back({9, 0, true, 0, 3, 2});
  device.interrupts_primary = 8;
  const auto result = make(request);
  EXPECT_TRUE(device.at(9).online);
  EXPECT_EQ(device.at(9).queues, 3);
  EXPECT_EQ(device.at(9).interrupts, 2);
}

// --- What stands against it ---------------------------------------------------------------------

TEST_F(ReleasePrimaryTest, IsRefusedWhileTheHostUsesItsNamespaces) {
  device.bus.uses[FakePciBus::physical] = {{"/dev/nvme0n1", "is mounted on /srv"}};
  EXPECT_THAT(refused(request), ElementsAre("controlling_function_used"));
  auto allowed = request;
  allowed.allowed = {"controlling_function_used"};
  EXPECT_EQ(codes_of(make(allowed).findings), Codes{"controlling_function_used"});
}

TEST_F(ReleasePrimaryTest, IsRefusedWhileItCannotBeSeenWhoUsesThem) {
  device.bus.not_seen = "the open files of pid 4711 cannot be read";
  const auto error = refusal(request);
  ASSERT_THAT(codes_of(error.findings()), Codes{"uses_unknown"});
  EXPECT_THAT(error.findings()[0].message, HasSubstr("pid 4711"));
  auto allowed = request;
  allowed.allowed = {"uses_unknown"};
  EXPECT_EQ(codes_of(make(allowed).findings), Codes{"uses_unknown"});
}

TEST_F(ReleasePrimaryTest, IsRefusedWithoutEnoughPrivateResources) {
  device.queues_private = 1;
  device.interrupts_private = 0;
  const auto error = refusal(request);
  EXPECT_EQ(error.status(), ExitStatus::unsupported);
  EXPECT_EQ(codes_of(error.findings()), (Codes{"private_short", "private_short"}));
}

TEST_F(ReleasePrimaryTest, WarnsWhereTheDriverOfTheHostGetsFewer) {
  device.bus.kernel[0].queues = 9;
  EXPECT_EQ(codes_of(make(request).findings), (Codes{"fewer_for_host", "fewer_for_host"}));
}

TEST_F(ReleasePrimaryTest, IsRefusedWhileAnySecondaryHasAGuest) {
  hold_some(3);
  suspend(1);
  device.bus.holders[vf(2)] = {{"pid 7 (qemu)", "holds it open"}};
  device.bus.uses[vf(3)] = {{"/dev/nvme3n1", "is mounted on /srv"}};
  auto three = request;
  three.vfs = 3;
  EXPECT_THAT(refused(three), ElementsAre("suspended", "open_in_vm", "used_by_host"));
}

TEST_F(ReleasePrimaryTest, IsRefusedWhileAFunctionThatIsNoSecondaryIsSuspended) {
  add_other(9);
  suspend(9);
  EXPECT_THAT(refused(request), ElementsAre("suspended"));
}

}  // namespace
}  // namespace nvmigrate::test
