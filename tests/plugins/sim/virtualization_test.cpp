// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tests/plugins/sim/lab.h"

namespace nvmigrate::test {
namespace {

using command::Resource;
using Managed = command::VirtualizationAction;

// Four VFs, three of them enabled; 20 queues and 10 interrupts, at most 8 and 4 each.
class SimVirtualization : public testing::Test {
 protected:
  SimVirtualization() { bench_.pci().set_enabled_vfs(bench_.device().address(), 3); }

  struct Made : Lab {
    Made() {
      create("a", {.vfs_total = 4, .others = 1, .vq = 20, .vi = 10, .vq_max = 8, .vi_max = 4});
    }
  };
  Made lab_;
  Bench bench_{lab_, "sim:a"};
};

TEST_F(SimVirtualization, AssignsAndBringsOnline) {
  EXPECT_EQ(bench_.assign(1, Resource::queues, 3), 0);
  EXPECT_EQ(bench_.assign(1, Resource::interrupts, 2), 0);
  EXPECT_EQ(bench_.online(1), 0);
  const auto entry = bench_.secondary(1);
  EXPECT_TRUE(entry.online);
  EXPECT_EQ(entry.queues, 3);
  EXPECT_EQ(entry.interrupts, 2);
  EXPECT_EQ(bench_.online(1), 0) << "again";
}

TEST_F(SimVirtualization, AnswersHowMuchWasAssigned) {
  const auto completion =
      bench_.submit(command::virtualization(1, Managed::assign, Resource::queues, 5));
  EXPECT_EQ(completion.dw0, 5U);
}

TEST_F(SimVirtualization, NeedsTwoQueuesAndAnInterruptToBeOnline) {
  EXPECT_EQ(bench_.online(1), sc::invalid_secondary_controller_state);
  EXPECT_EQ(bench_.assign(1, Resource::queues, 2), 0);
  EXPECT_EQ(bench_.online(1), sc::invalid_secondary_controller_state);
  EXPECT_EQ(bench_.assign(1, Resource::interrupts, 1), 0);
  EXPECT_EQ(bench_.assign(1, Resource::queues, 1), 0);
  EXPECT_EQ(bench_.online(1), sc::invalid_secondary_controller_state);
  EXPECT_EQ(bench_.assign(1, Resource::queues, 2), 0);
  EXPECT_EQ(bench_.online(1), 0);
}

TEST_F(SimVirtualization, NeedsTheVfToBeEnabledToBeOnline) {
  EXPECT_EQ(bench_.assign(4, Resource::queues, 2), 0);
  EXPECT_EQ(bench_.assign(4, Resource::interrupts, 1), 0);
  EXPECT_EQ(bench_.online(4), sc::invalid_secondary_controller_state);
}

TEST_F(SimVirtualization, AssignsOnlyWhileOffline) {
  bench_.assign(1, Resource::queues, 2);
  bench_.assign(1, Resource::interrupts, 1);
  bench_.online(1);
  EXPECT_EQ(bench_.assign(1, Resource::queues, 3), sc::invalid_secondary_controller_state);
  EXPECT_EQ(bench_.offline(1), 0);
  EXPECT_EQ(bench_.secondary(1).queues, 0);
  EXPECT_EQ(bench_.offline(1), 0) << "again";
  EXPECT_EQ(bench_.assign(1, Resource::queues, 3), 0);
}

TEST_F(SimVirtualization, KeepsTheLimits) {
  EXPECT_EQ(bench_.assign(1, Resource::queues, 21), sc::invalid_number_of_resources);
  EXPECT_EQ(bench_.assign(1, Resource::queues, 9), sc::invalid_number_of_resources);
  EXPECT_EQ(bench_.assign(1, Resource::interrupts, 5), sc::invalid_number_of_resources);
  EXPECT_EQ(bench_.assign(1, Resource::queues, 8), 0);
  EXPECT_EQ(bench_.assign(2, Resource::queues, 8), 0);
  EXPECT_EQ(bench_.assign(3, Resource::queues, 5), sc::invalid_resource_identifier);
  EXPECT_EQ(bench_.assign(3, Resource::queues, 4), 0);
  EXPECT_EQ(bench_.assign(3, Resource::queues, 4), 0) << "what it has counts as free for it";
}

TEST_F(SimVirtualization, KnowsOnlyItsOwnSecondaries) {
  for (const auto id : std::initializer_list<std::uint16_t>{0, 5, 6, 4711}) {
    EXPECT_EQ(bench_.offline(id), sc::invalid_controller_identifier) << id;
    EXPECT_EQ(bench_.online(id), sc::invalid_controller_identifier) << id;
    EXPECT_EQ(bench_.assign(id, Resource::queues, 1), sc::invalid_controller_identifier) << id;
  }
}

TEST_F(SimVirtualization, AllocatesToThePrimaryAtItsNextFunctionReset) {
  const auto allocate = [&](std::uint16_t id, std::uint16_t count) {
    return bench_.manage(id, Managed::primary_flexible, Resource::queues, count);
  };
  EXPECT_EQ(allocate(1, 4), sc::invalid_controller_identifier);
  EXPECT_EQ(allocate(0, 21), sc::invalid_number_of_resources);
  EXPECT_EQ(allocate(0, 14), 0);
  EXPECT_EQ(bench_.assign(1, Resource::queues, 7), 0) << "not yet";
  bench_.pci().reset(bench_.device().address());
  EXPECT_EQ(bench_.assign(1, Resource::queues, 7), sc::invalid_resource_identifier);
  EXPECT_EQ(bench_.assign(1, Resource::queues, 6), 0);
  EXPECT_EQ(allocate(0, 15), sc::invalid_resource_identifier);
}

TEST_F(SimVirtualization, RefusesWrongEncodings) {
  auto command = command::virtualization(1, Managed::offline);
  command.cdw10 |= 1U << 4U;
  EXPECT_EQ(bench_.code(command), sc::invalid_field);
  command = command::virtualization(1, Managed::offline);
  command.cdw10 |= 1U << 11U;
  EXPECT_EQ(bench_.code(command), sc::invalid_field);
  command = command::virtualization(1, Managed::offline);
  command.cdw11 |= 1U << 16U;
  EXPECT_EQ(bench_.code(command), sc::invalid_field);
  command = command::virtualization(1, Managed::offline);
  command.cdw12 = 1;
  EXPECT_EQ(bench_.code(command), sc::invalid_field);
  EXPECT_EQ(bench_.manage(1, Managed{2}), sc::invalid_field);
  EXPECT_EQ(bench_.assign(1, Resource{2}, 1), sc::invalid_field);
  Bytes data(4);
  command = command::virtualization(1, Managed::offline);
  command.to_device = data;
  EXPECT_EQ(bench_.code(command), sc::invalid_field);
}

TEST(SimVirtualizationGrain, MayGrantMoreThanWasAsked) {
  Lab lab;
  lab.create("a", {.vfs_total = 2, .vq = 9, .vq_max = 6, .grain = 4});
  Bench bench(lab, "sim:a");
  const auto granted = [&](std::uint16_t id, std::uint16_t count) {
    return bench.submit(command::virtualization(id, Managed::assign, Resource::queues, count)).dw0;
  };
  EXPECT_EQ(granted(1, 3), 4U);
  EXPECT_EQ(granted(1, 5), 6U) << "no more than one may have";
  EXPECT_EQ(granted(2, 1), 3U) << "no more than there is";
}

TEST(SimVirtualizationGrain, MayGrantFewerThanWasAsked) {
  Lab lab;
  lab.create("a", {.vfs_total = 2, .grain = 4, .round_down = true});
  Bench bench(lab, "sim:a");
  const auto asked = command::virtualization(1, Managed::assign, Resource::queues, 7);
  EXPECT_EQ(bench.submit(asked).dw0, 4U);
}

/// A primary that holds all flexible resources, and gives them back at one kind of reset or the
/// other.
class SimPrimary : public testing::Test {
 protected:
  struct Held {
    std::uint16_t queues, interrupts;
    bool operator==(const Held&) const = default;
  };
  static constexpr Held all{16, 8}, none{0, 0};

  Held held_after(sim::PrimaryReset by, bool function_level) {
    Lab lab;
    lab.create("a", {.vfs_total = 2, .primary_holds = true, .primary_reset = by});
    Bench bench(lab, "sim:a");
    EXPECT_EQ(held(bench), all) << "at first";
    for (const auto kind : {Resource::queues, Resource::interrupts})
      EXPECT_EQ(bench.manage(0, Managed::primary_flexible, kind, 0), 0);
    EXPECT_EQ(held(bench), all) << "before a reset";
    const auto& address = bench.device().address();
    function_level ? bench.pci().reset(address) : bench.pci().reset_controller(address);
    return held(bench);
  }
  static Held held(Bench& bench) {
    const auto has = read_primary_resources(bench.device().admin(), 0);
    return {has->queues.primary, has->interrupts.primary};
  }
};

TEST_F(SimPrimary, GivesBackAtAFunctionReset) {
  EXPECT_EQ(held_after(sim::PrimaryReset::function, true), none);
  EXPECT_EQ(held_after(sim::PrimaryReset::function, false), all) << "not at a Controller Reset";
}

TEST_F(SimPrimary, GivesBackAtAControllerResetWhereItIsMadeSo) {
  EXPECT_EQ(held_after(sim::PrimaryReset::controller, false), none);
  EXPECT_EQ(held_after(sim::PrimaryReset::controller, true), all);
  EXPECT_EQ(held_after(sim::PrimaryReset::both, true), none);
  EXPECT_EQ(held_after(sim::PrimaryReset::both, false), none);
}

TEST_F(SimPrimary, KeepsThemWhereItIsMadeSo) {
  EXPECT_EQ(held_after(sim::PrimaryReset::never, true), all);
  EXPECT_EQ(held_after(sim::PrimaryReset::never, false), all);
}

TEST_F(SimPrimary, HoldsOnlyWhatNoSecondaryHas) {
  Lab lab;
  lab.create("a", {.vfs_total = 0, .secondaries = 2, .vq = 10, .vi = 5, .primary_holds = true});
  Bench bench(lab, "sim:a");
  EXPECT_EQ(held(bench), (Held{6, 3}));
}

TEST_F(SimPrimary, StaysAsItIsAtAResetWithoutANewAllocation) {
  Lab lab;
  lab.create("a", {.vfs_total = 2, .primary_holds = true});
  Bench bench(lab, "sim:a");
  bench.pci().reset(bench.device().address());
  EXPECT_EQ(held(bench), all);
}

TEST(SimVirtualizationKinds, AKindThatIsNotFlexibleCannotBeAssignedAndIsNotNeeded) {
  Lab lab;
  lab.create("a", {.vfs_total = 2, .vq = 0, .vi = 0});
  Bench bench(lab, "sim:a");
  bench.pci().set_enabled_vfs(bench.device().address(), 1);
  EXPECT_EQ(bench.assign(1, Resource::queues, 1), sc::invalid_resource_identifier);
  EXPECT_EQ(bench.assign(1, Resource::interrupts, 1), sc::invalid_resource_identifier);
  EXPECT_EQ(bench.online(1), 0);
}

TEST(SimVirtualizationEmulator, CallsAnUnknownKindInvalidResource) {
  Lab lab;
  lab.create("a", {.personality = sim::Personality::emulator});
  Bench bench(lab, "sim:a");
  EXPECT_EQ(bench.assign(1, Resource{2}, 1), sc::invalid_resource_identifier);
}

}  // namespace
}  // namespace nvmigrate::test
