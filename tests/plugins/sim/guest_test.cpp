// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugins/sim/guest.h"

#include <set>

#include "tests/plugins/sim/lab.h"

namespace nvmigrate::sim {
namespace {

Guest moved(Guest guest, int times) {
  for (int i = 0; i < times; ++i)
    guest.advance();
  return guest;
}

TEST(SimGuest, IsAFunctionOfItsSeed) {
  EXPECT_EQ(moved(Guest(5, 3, 4), 10), moved(Guest(5, 3, 4), 10));
  EXPECT_NE(moved(Guest(5, 3, 4), 10).progress(), moved(Guest(6, 3, 4), 10).progress());
}

TEST(SimGuest, MovesEveryQueueAtAPaceOfItsOwn) {
  const Guest before(5, 3, 4), after = moved(before, 1);
  std::set<unsigned> paces;
  for (std::size_t i = 0; i < 3; ++i) {
    const auto from = before.queues().completion[i], to = after.queues().completion[i];
    EXPECT_NE(from, to);
    paces.insert((to.tail + from.size + 1U - from.tail) % (from.size + 1U));
  }
  EXPECT_EQ(paces.size(), 3U);
}

TEST(SimGuest, HasNoTwoEqualPointers) {
  for (const auto& queue : Guest(5, 8, 4).queues().submission)
    EXPECT_NE(queue.head, queue.tail);
  for (const auto& queue : Guest(5, 8, 4).queues().completion)
    EXPECT_NE(queue.head, queue.tail);
}

TEST(SimGuest, FlipsThePhaseWhenACompletionQueueWraps) {
  std::set<bool> phases;
  for (int times = 0; times < 20; ++times) {
    phases.insert(moved(Guest(5, 1, 1), times).queues().completion[0].phase());
  }
  EXPECT_EQ(phases.size(), 2U);
}

TEST(SimGuest, GoesOnFromAnotherPlaceAsTheFirstWouldHave) {
  const auto source = moved(Guest(5, 3, 4), 6);
  const Guest destination(source.seed(), source.progress(), source.queues());
  EXPECT_EQ(destination.queues(), source.queues());
  EXPECT_EQ(moved(destination, 4).queues(), moved(source, 4).queues());
}

TEST(SimGuest, TakesVectorsTheControllerHas) {
  for (const unsigned vectors : {1U, 2U, 3U}) {
    for (const auto& queue : Guest(5, 6, vectors).queues().completion) {
      EXPECT_LT(queue.attributes >> 16U, vectors);
    }
  }
}

}  // namespace
}  // namespace nvmigrate::sim
