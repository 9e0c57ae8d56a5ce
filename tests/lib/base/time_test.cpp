// SPDX-License-Identifier: LGPL-2.1-or-later
#include <gtest/gtest.h>

#include "nvmigrate/base/time.h"

namespace nvmigrate {
namespace {

TEST(Time, IsWrittenInUtc) {
  EXPECT_EQ(to_utc(std::chrono::system_clock::from_time_t(0)), "1970-01-01T00:00:00Z");
  EXPECT_EQ(to_utc(std::chrono::system_clock::from_time_t(1738367999)), "2025-01-31T23:59:59Z");
  EXPECT_EQ(utc_now().size(), 20U);
}

TEST(WaitUntil, AsksUntilItHolds) {
  unsigned asked = 0;
  EXPECT_TRUE(wait_until(std::chrono::minutes{1}, [&] { return ++asked == 3; }));
  EXPECT_EQ(asked, 3U);
}

TEST(WaitUntil, AsksAtLeastOnceWhenThereIsNoTime) {
  unsigned asked = 0;
  EXPECT_FALSE(wait_until(std::chrono::milliseconds{0}, [&] { return ++asked > 1; }));
  EXPECT_EQ(asked, 1U);
}

}  // namespace
}  // namespace nvmigrate
