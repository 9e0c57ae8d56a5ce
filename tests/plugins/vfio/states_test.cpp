// SPDX-License-Identifier: LGPL-2.1-or-later
#include <gmock/gmock.h>

#include "tests/plugins/vfio/vfio_fixture.h"

namespace nvmigrate::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using vfio::State;

constexpr auto with_p2p = vfio::uapi::stop_copy | vfio::uapi::p2p;
constexpr auto with_all = with_p2p | vfio::uapi::pre_copy;

class VfioStatesTest : public VfioBackendTest {
 protected:
  [[nodiscard]] std::string failing(SimVfioDriver::Arc arc, SimVfioDriver::Failure failure,
                                    const std::function<void()>& act, ExitStatus status) {
    driver.failures[arc] = failure;
    return error_of(act, status);
  }
};

TEST_F(VfioStatesTest, SuspendAndResumeWalkSingleArcs) {
  suspended();
  EXPECT_EQ(driver.state, S::stop);
  backend().suspend(id);
  EXPECT_TRUE(driver.arcs.empty()) << "it is suspended";
  EXPECT_TRUE(backend().resume(id));
  EXPECT_THAT(driver.arcs, ElementsAre(S::Arc{S::stop, S::running}));
  EXPECT_FALSE(backend().resume(id));
}

TEST_F(VfioStatesTest, WithPeerToPeerTheyWalkThroughIt) {
  driver.flags = with_p2p;
  hold();
  backend().suspend(id);
  EXPECT_THAT(driver.arcs,
              ElementsAre(S::Arc{S::running, S::running_p2p}, S::Arc{S::running_p2p, S::stop}));
  driver.arcs.clear();
  EXPECT_TRUE(backend().resume(id));
  EXPECT_THAT(driver.arcs,
              ElementsAre(S::Arc{S::stop, S::running_p2p}, S::Arc{S::running_p2p, S::running}));
}

TEST_F(VfioStatesTest, EveryStateHasAWayToWhereAVerbNeedsIt) {
  for (const auto flags : {std::uint64_t{1}, with_p2p, with_all}) {
    for (unsigned from = S::stop; from <= S::pre_copy_p2p; ++from) {
      driver = {};
      driver.flags = flags;
      const bool known = from < S::running_p2p || flags == with_all ||
                         (from == S::running_p2p && flags == with_p2p);
      if (!known) continue;
      end();
      hold(static_cast<S::State>(from));
      const bool ran = vfio::runs(State{from});
      backend().suspend(id);
      EXPECT_EQ(driver.state, ran ? unsigned{S::stop} : from);
      if (from == S::resuming) continue;
      EXPECT_TRUE(backend().resume(id));
      EXPECT_EQ(driver.state, S::running);
      EXPECT_TRUE(driver.sessions.empty());
      EXPECT_EQ(driver.resets, 0U) << "its guest lives in it";
    }
  }
}

TEST_F(VfioStatesTest, FromErrorNoArcLeads) {
  EXPECT_EQ(
      error_of([] { vfio::next_on_way(State::error, State::stop, false); }, ExitStatus::internal),
      "there is no way from ERROR to STOP -- ");
  EXPECT_EQ(vfio::to_string(State{12}), "state 12");
}

TEST_F(VfioStatesTest, AnArcThatFailsLeavesTheStateAndIsNamed) {
  driver.flags = with_p2p;
  hold();
  const auto act = [&] { backend().suspend(id); };
  EXPECT_THAT(failing({S::running, S::running_p2p}, {EBUSY}, act, ExitStatus::io),
              HasSubstr("cannot take controlled function 3 (vf 3) from RUNNING to RUNNING_P2P: "
                        "Device or resource busy"));
  EXPECT_EQ(driver.state, S::running);
  EXPECT_THAT(failing({S::running_p2p, S::stop}, {EINVAL}, act, ExitStatus::io),
              HasSubstr("from RUNNING_P2P to STOP: Invalid argument"));
  EXPECT_EQ(driver.state, S::running_p2p);
  EXPECT_FALSE(backend().resume(id)) << "it was never stopped";
  EXPECT_EQ(driver.state, S::running);
  EXPECT_EQ(driver.resets, 0U);
}

TEST_F(VfioStatesTest, AnArcIntoErrorIsAGuestLost) {
  driver.guest = pattern(50);
  hold();
  const auto why = failing(
      {S::running, S::stop}, {EIO, true}, [&] { backend().suspend(id); }, ExitStatus::device);
  EXPECT_THAT(why, HasSubstr("went into the state ERROR between RUNNING and STOP (Input/output "
                             "error): it was reset, and what it held is lost"));
  EXPECT_EQ(driver.resets, 1U);
  EXPECT_EQ(driver.state, S::running);
}

TEST_F(VfioStatesTest, WhatCannotBeResetStaysInError) {
  hold();
  driver.refusals["reset"] = ENOTTY;
  const auto why = failing(
      {S::running, S::stop}, {EIO, true}, [&] { backend().suspend(id); }, ExitStatus::device);
  EXPECT_THAT(why, HasSubstr("is lost, and it cannot be reset: Inappropriate ioctl"));
  EXPECT_EQ(driver.state, S::error);
  EXPECT_THAT(error_of([&] { backend().look(id, {}); }, ExitStatus::device),
              HasSubstr("is in the state ERROR: what it held is lost"));
  driver.refusals.clear();
  EXPECT_THAT(error_of([&] { backend().resume(id); }, ExitStatus::device),
              HasSubstr("is in the state ERROR: it was reset"));
  EXPECT_EQ(backend().look(id, {}).suspended, false);
}

TEST_F(VfioStatesTest, LookingChangesNothing) {
  hold();
  EXPECT_EQ(backend().look(id, {}).suspended, false);
  backend().suspend(id);
  driver.arcs.clear();
  auto found = backend().look(id, {});
  EXPECT_EQ(found.suspended, true);
  EXPECT_EQ(found.bytes, 100U);
  EXPECT_EQ(found.queues, std::nullopt);
  driver.says_size = false;
  EXPECT_EQ(backend().look(id, {}).bytes, 0U) << "a kernel before 6.2";
  backend().quiesce(id);
  EXPECT_TRUE(driver.arcs.empty());
  EXPECT_EQ(driver.resets, 0U);
}

TEST_F(VfioStatesTest, AStateThatTheKernelDoesNotTellIsAnError) {
  hold();
  driver.refusals["get state"] = EIO;
  EXPECT_THAT(error_of([&] { backend().suspend(id); }, ExitStatus::io),
              HasSubstr("cannot ask for the migration state of controlled function 3 (vf 3)"));
}

}  // namespace
}  // namespace nvmigrate::test
