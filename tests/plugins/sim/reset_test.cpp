// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tests/plugins/sim/lab.h"

namespace nvmigrate::test {
namespace {

using command::Sequence;

class SimReset : public testing::Test {
 protected:
  struct Made : Lab {
    Made() { create("a", {.vfs_total = 3, .others = 1}); }
  };
  SimReset() { bench_.provision(2); }

  std::string vf(unsigned n) { return *bench_.pci().virtual_function("0000:01:00.0", n); }
  std::string state(const std::string& id) {
    return sim::guest_report(lab_.folders(), "sim:a", id).state;
  }

  Made lab_;
  Bench bench_{lab_, "sim:a"};
};

TEST_F(SimReset, OfATargetEndsItsSuspensionAndItsQueues) {
  sim::start_guest(lab_.folders(), "sim:a", "vf1");
  ASSERT_EQ(bench_.suspend(1), 0);
  bench_.pci().reset(vf(1));
  EXPECT_EQ(bench_.resume(1), sc::controller_not_suspended);
  EXPECT_EQ(state("vf1"), "none");
  EXPECT_TRUE(bench_.secondary(1).online) << "still online";
  EXPECT_EQ(bench_.secondary(1).queues, 4);
}

TEST_F(SimReset, OfATargetMakesItsSequenceVoid) {
  sim::start_guest(lab_.folders(), "sim:a", "vf1", 0);
  ASSERT_EQ(bench_.suspend(1), 0);
  const auto image = bench_.image(1);
  ASSERT_EQ(bench_.set_part(1, Sequence::first, image, 0, 100), 0);
  bench_.pci().reset(vf(1));
  ASSERT_EQ(bench_.suspend(1), 0);
  EXPECT_EQ(bench_.set_part(1, Sequence::middle, image, 100, 8), sc::command_sequence_error);
}

TEST_F(SimReset, OfATargetDropsWhatWasLoaded) {
  sim::start_guest(lab_.folders(), "sim:a", "vf1");
  sim::start_guest(lab_.folders(), "sim:a", "vf2", 0);
  bench_.suspend(1);
  bench_.suspend(2);
  ASSERT_EQ(bench_.set(2, bench_.image(1)), 0);
  bench_.pci().reset(vf(2));
  ASSERT_EQ(bench_.suspend(2), 0);
  ASSERT_EQ(bench_.resume(2), 0);
  EXPECT_EQ(state("vf2"), "none");
}

TEST_F(SimReset, OfTheControllingFunctionTakesItsSecondariesOffline) {
  sim::start_guest(lab_.folders(), "sim:a", "vf1");
  ASSERT_EQ(bench_.suspend(1), 0);
  bench_.pci().reset("0000:01:00.0");
  const auto entry = bench_.secondary(1);
  EXPECT_FALSE(entry.online);
  EXPECT_EQ(entry.queues, 0);
  EXPECT_EQ(state("vf1"), "none");
  EXPECT_EQ(bench_.resume(1), sc::controller_not_suspended);
  EXPECT_EQ(bench_.pci().sriov("0000:01:00.0").enabled, 2U) << "the VFs stay";
}

TEST_F(SimReset, OfTheControllerAloneTakesItsSecondariesOfflineToo) {
  bench_.pci().reset_controller("0000:01:00.0");
  for (const auto id : std::initializer_list<std::uint16_t>{1, 2}) {
    EXPECT_FALSE(bench_.secondary(id).online);
    EXPECT_EQ(bench_.secondary(id).queues, 0);
  }
}

TEST_F(SimReset, OfAControllerNeedsTheDriverOfTheHost) {
  bench_.pci().unbind(vf(1));
  error_of([&] { bench_.pci().reset_controller(vf(1)); }, ExitStatus::not_found);
}

TEST_F(SimReset, OfTheControllingFunctionReleasesWhatIsNoSecondary) {
  sim::start_guest(lab_.folders(), "sim:a", "4");
  ASSERT_EQ(bench_.suspend(4), 0);
  bench_.pci().reset("0000:01:00.0");
  EXPECT_EQ(state("4"), "running");
  EXPECT_EQ(bench_.resume(4), sc::controller_not_suspended);
}

TEST_F(SimReset, GoingOfflineEndsEverything) {
  sim::start_guest(lab_.folders(), "sim:a", "vf1");
  ASSERT_EQ(bench_.suspend(1), 0);
  ASSERT_EQ(bench_.offline(1), 0);
  EXPECT_EQ(state("vf1"), "none");
  EXPECT_EQ(bench_.resume(1), sc::controller_not_suspended);
}

TEST_F(SimReset, DisablingVfsTakesThemOffline) {
  sim::start_guest(lab_.folders(), "sim:a", "vf1");
  bench_.pci().set_enabled_vfs("0000:01:00.0", 0);
  EXPECT_FALSE(bench_.secondary(1).online);
  EXPECT_EQ(state("vf1"), "none");
}

TEST_F(SimReset, UnbindingTheControllingFunctionEndsItsService) {
  bench_.pci().unbind("0000:01:00.0");
  const auto message = error_of([&] { (void)bench_.suspend(1); }, ExitStatus::io);
  EXPECT_THAT(message, testing::HasSubstr("sim:a"));
  bench_.pci().probe("0000:01:00.0");
  EXPECT_FALSE(bench_.secondary(1).online);
}

TEST(SimResetOther, ReleasesOnlyItsOwnSuspensions) {
  Lab lab;
  lab.create("a", {.controlling = 2, .vfs_total = 1, .others = 2});
  Bench one(lab, "sim:a"), two(lab, "sim:a/1");
  ASSERT_EQ(one.suspend(4), 0);
  ASSERT_EQ(two.suspend(5), 0);
  two.pci().reset(two.device().address());
  EXPECT_EQ(one.resume(4), 0);
  EXPECT_EQ(one.resume(5), sc::controller_not_suspended);
}

}  // namespace
}  // namespace nvmigrate::test
