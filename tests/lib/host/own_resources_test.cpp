// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tests/lib/host/provision_fixture.h"

namespace nvmigrate::test {
namespace {

using testing::Each;
using testing::IsEmpty;

/// Numbers of resources for single functions, and what belongs to a provisioning.
class OwnResourcesTest : public ProvisionFailureTest {
 protected:
  const ProvisionRequest request{
      .vfs = 3, .queues = 3, .interrupts = 2, .own = {{.vfn = 2, .queues = 5, .interrupts = 2}}};

  std::vector<unsigned> queues() {
    std::vector<unsigned> all;
    for (const auto& function : topology().functions) {
      if (function.secondary) all.push_back(function.queues);
    }
    all.resize(3);
    return all;
  }
};

TEST_F(OwnResourcesTest, GoBeforeThoseOfAll) {
  make(request);
  EXPECT_EQ(queues(), (std::vector<unsigned>{3, 5, 3}));
  EXPECT_FALSE(make(request).changed());
}

TEST_F(OwnResourcesTest, LeaveTheRestToTheOthers) {
  auto shared = request;
  shared.queues.reset();
  make(shared);
  const auto now = queues();
  EXPECT_EQ(now[1], 5U);
  EXPECT_EQ(now[0], now[2]);
}

TEST_F(OwnResourcesTest, OfAFunctionThatIsOnlineAreNotChangedByTheWay) {
  make(request);
  device.commands.clear();
  device.bus.changes.clear();
  auto other = request;
  other.own.front().queues = 6;
  EXPECT_EQ(refused(other), (Codes{"resources_assigned"}));
}

TEST_F(OwnResourcesTest, AreInTheJournalForWhoeverFinishesIt) {
  fail(4, true);
  EXPECT_THROW(make(request), Error);
  heal();
  ASSERT_TRUE(is_unfinished());
  finish();
  EXPECT_FALSE(is_unfinished());
  EXPECT_EQ(queues(), (std::vector<unsigned>{3, 5, 3}));
}

TEST_F(OwnResourcesTest, WhatBelongsToItPutsEverythingBackWhenItFails) {
  const auto stop = [] { throw Error(ExitStatus::io, "stopped"); };
  session().refresh();
  EXPECT_EQ(thrown_by([&] { provision(session(), request, limits, stop); }).status(),
            ExitStatus::io);
  EXPECT_THAT(queues(), Each(0U));
  EXPECT_EQ(sriov().enabled, 0U);
  EXPECT_FALSE(is_unfinished());
  EXPECT_THAT(registry_again().wanted(), IsEmpty());
}

TEST_F(OwnResourcesTest, WhatBelongsToItRunsAlsoWhereNothingIsToBeDone) {
  make(request);
  unsigned runs = 0;
  session().refresh();
  EXPECT_FALSE(provision(session(), request, limits, [&] { ++runs; }).changed());
  EXPECT_EQ(runs, 1U);
}

}  // namespace
}  // namespace nvmigrate::test
