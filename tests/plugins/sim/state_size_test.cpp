// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tests/plugins/sim/lab.h"

namespace nvmigrate::test {
namespace {

using command::Sequence;

struct Size {
  std::optional<std::uint64_t> asked;
  bool vendor;
  std::uint64_t expected;
};

class SimStateSize : public testing::TestWithParam<Size> {
 protected:
  static sim::Parameters parameters() {
    return {.vfs_total = 1, .state_size = GetParam().asked, .vendor = GetParam().vendor};
  }
  static command::FormatIndexes formats() {
    return {.version = 1, .vendor = static_cast<std::uint8_t>(GetParam().vendor ? 1 : 0)};
  }
};

TEST_P(SimStateSize, MigratesToAnotherSubsystem) {
  Lab lab;
  lab.create("a", parameters());
  lab.create("b", parameters());
  Bench source(lab, "sim:a"), destination(lab, "sim:b");
  source.provision(1);
  destination.provision(1);
  sim::start_guest(lab.folders(), "sim:a", "vf1", 1);
  sim::start_guest(lab.folders(), "sim:b", "vf1", 0);
  ASSERT_EQ(source.suspend(1), 0);
  ASSERT_EQ(destination.suspend(1), 0);
  const std::uint64_t size = source.size(1, formats());
  ASSERT_EQ(size, GetParam().expected);
  Bytes chunk(Bench::plenty);
  for (std::uint64_t at = 0; at < size; at += chunk.size()) {
    const auto count = std::min<std::uint64_t>(chunk.size(), size - at);
    const auto part = std::span{chunk}.first(static_cast<std::size_t>(count));
    ASSERT_EQ(source.get(1, at, part, formats()).dw0, 1U);
    const bool first = at == 0, last = at + count == size;
    const auto place = first && last ? Sequence::only
                       : first       ? Sequence::first
                       : last        ? Sequence::last
                                     : Sequence::middle;
    ASSERT_EQ(destination.code(command::set_state(1, formats(), place, at, part)), 0);
  }
  ASSERT_EQ(destination.resume(1), 0);
  const auto differences = sim::discontinuities(sim::guest_report(lab.folders(), "sim:a", "vf1"),
                                                sim::guest_report(lab.folders(), "sim:b", "vf1"));
  // A bare header carries nothing.
  EXPECT_EQ(differences.empty(), size != 48);
}

INSTANTIATE_TEST_SUITE_P(Sizes, SimStateSize,
                         testing::Values(Size{std::nullopt, true, 104 + 65536 + 20},
                                         Size{std::nullopt, false, 104}, Size{48, true, 48},
                                         Size{48, false, 48}, Size{104, true, 104},
                                         Size{104, false, 104}, Size{108, true, 104 + 64},
                                         Size{108, false, 108},
                                         Size{(256U << 10U) - 4, true, (256U << 10U) - 4},
                                         Size{256U << 10U, true, 256U << 10U},
                                         Size{(256U << 10U) + 4, true, (256U << 10U) + 4},
                                         Size{(256U << 10U) + 4, false, (256U << 10U) + 4},
                                         Size{8U << 20U, true, 8U << 20U}));

TEST(SimStateSizeHuge, IsMadeWhereItIsRead) {
  Lab lab;
  constexpr std::uint64_t size = std::uint64_t{4} << 40U;
  lab.create("a", {.vfs_total = 1, .state_size = size});
  Bench bench(lab, "sim:a");
  bench.provision(1);
  EXPECT_EQ(bench.size(1), size);
  Bytes one(4096), same(4096), other(4096);
  ASSERT_TRUE(bench.get(1, size - 4096, one).status.ok());
  ASSERT_TRUE(bench.get(1, size - 4096, same).status.ok());
  ASSERT_TRUE(bench.get(1, size - 8192, other).status.ok());
  EXPECT_EQ(one, same);
  EXPECT_NE(one, other);
}

}  // namespace
}  // namespace nvmigrate::test
