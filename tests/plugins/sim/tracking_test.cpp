// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/nvme/tracking.h"

#include <set>

#include "plugins/sim/answers.h"
#include "tests/plugins/sim/lab.h"

namespace nvmigrate::test {
namespace {

constexpr std::uint64_t page = 4096;
const std::vector<MemoryRange> memory{{0x100000, 1U << 20U}, {0x40000000, 1U << 20U}};

// Two VFs online; a guest runs on the first.
class SimTracking : public testing::Test {
 protected:
  struct Made : Lab {
    Made() { create("a", {.vfs_total = 4, .track_memory = true, .track_user_data = true}); }
  };

  SimTracking() {
    bench_.provision(2);
    sim::start_guest(lab_.folders(), "sim:a", "vf1", std::nullopt);
  }

  std::uint16_t start(std::uint16_t id, std::uint64_t granule = page,
                      const std::vector<MemoryRange>& ranges = memory) {
    return bench_.code(command::start_tracking(id, encode_ranges(granule, ranges)));
  }
  std::uint16_t stop(std::uint16_t id) { return bench_.code(command::stop_tracking(id)); }
  TrackedMemory read(std::uint16_t id, std::size_t bytes = 65536) {
    Bytes data(bytes, std::byte{0xEE});
    EXPECT_EQ(bench_.code(command::read_tracked(id, data)), 0);
    return decode_changes(id, data);
  }
  std::uint16_t status_of_read(std::uint16_t id) {
    Bytes data(4096);
    return bench_.code(command::read_tracked(id, data));
  }

  Made lab_;
  Bench bench_{lab_, "sim:a"};
};

bool within(const TrackedMemory& changed, const std::vector<MemoryRange>& ranges) {
  return std::all_of(changed.ranges.begin(), changed.ranges.end(), [&](const auto& one) {
    return std::any_of(ranges.begin(), ranges.end(), [&](const auto& range) {
      return one.address >= range.address && one.address + one.bytes <= range.address + range.bytes;
    });
  });
}

TEST_F(SimTracking, IdentifyAnnouncesIt) {
  const auto ability = decode_identity(bench_.identify(command::Cns::controller)).tracking;
  EXPECT_TRUE(ability.memory && ability.user_data);
  EXPECT_EQ(ability.ranges, sim::most_tracked_ranges);
  EXPECT_EQ(ability.finest, page);
  EXPECT_EQ(ability.coarsest, 2U << 20U);
}

TEST_F(SimTracking, AGuestThatRunsChangesMemoryInTheRanges) {
  ASSERT_EQ(start(1), 0);
  const auto changed = read(1);
  EXPECT_FALSE(changed.ranges.empty());
  EXPECT_TRUE(within(changed, memory));
  EXPECT_EQ(changed.granule, page);
  EXPECT_FALSE(changed.suspended);
}

TEST_F(SimTracking, AGuestWithoutQueuesChangesNothing) {
  sim::start_guest(lab_.folders(), "sim:a", "vf2", 0);
  ASSERT_EQ(start(2), 0);
  EXPECT_TRUE(read(2).ranges.empty());
}

TEST_F(SimTracking, TheLastChangesAreReadWhileItIsSuspended) {
  ASSERT_EQ(start(1), 0);
  read(1);
  ASSERT_EQ(bench_.suspend(1), 0);
  const auto last = read(1);
  EXPECT_TRUE(last.suspended);
  EXPECT_FALSE(last.more);
  EXPECT_TRUE(read(1).ranges.empty()) << "what was read is not told again";
}

TEST_F(SimTracking, WhatDoesNotFitIsToldNextTime) {
  ASSERT_EQ(start(1), 0);
  ASSERT_EQ(bench_.suspend(1), 0);
  std::set<MemoryRange> all;
  bool more = true;
  for (int turn = 0; more; ++turn) {
    const auto some = read(1, 16 + 16);
    ASSERT_EQ(some.ranges.size(), 1U);
    EXPECT_TRUE(all.insert(some.ranges[0]).second) << "told twice";
    more = some.more;
  }
  EXPECT_GT(all.size(), 1U);
  EXPECT_TRUE(read(1).ranges.empty());
}

TEST_F(SimTracking, TheWrongOrderIsRefused) {
  EXPECT_EQ(status_of_read(1), sc::invalid_controller_identifier) << "not tracked";
  ASSERT_EQ(start(1), 0);
  EXPECT_EQ(start(1), sc::invalid_controller_identifier) << "tracked already";
  ASSERT_EQ(bench_.suspend(1), 0);
  EXPECT_EQ(stop(1), sc::controller_suspended);
  ASSERT_EQ(bench_.suspend(2), 0);
  EXPECT_EQ(start(2), sc::controller_suspended);
  ASSERT_EQ(bench_.resume(1), 0);
  EXPECT_EQ(stop(1), 0);
  EXPECT_EQ(stop(1), 0) << "again";
}

TEST_F(SimTracking, NeitherItselfNorWhatIsNotThereIsTracked) {
  for (const auto id : {std::uint16_t{0}, std::uint16_t{99}}) {
    EXPECT_EQ(start(id), sc::invalid_controller_identifier);
    EXPECT_EQ(stop(id), sc::invalid_controller_identifier);
    EXPECT_EQ(status_of_read(id), sc::invalid_controller_identifier);
  }
}

TEST_F(SimTracking, WhatTheFieldsForbidIsRefused) {
  EXPECT_EQ(start(1, 4U << 20U, {{0, 4U << 20U}}), sc::invalid_field) << "too coarse";
  EXPECT_EQ(start(1, 2 * page, {{page, 2 * page}}), sc::invalid_field) << "not aligned";
  EXPECT_EQ(start(1, page, {{0, 0}}), sc::invalid_field) << "empty";
  EXPECT_EQ(start(1, page, {}), sc::invalid_field) << "no range";
  EXPECT_EQ(start(1, page, std::vector<MemoryRange>(17, {0, page})), sc::invalid_field);
  auto data = encode_ranges(page, memory);
  data[0] = std::byte{1};
  EXPECT_EQ(bench_.code(command::start_tracking(1, data)), sc::invalid_field) << "a version";
  data = encode_ranges(page, memory);
  data.resize(data.size() - 4);
  EXPECT_EQ(bench_.code(command::start_tracking(1, data)), sc::invalid_field) << "a length";
  auto command = command::stop_tracking(1);
  command.cdw10 |= 1U << 20U;
  EXPECT_EQ(bench_.code(command), sc::invalid_field) << "a reserved bit";
}

TEST_F(SimTracking, TooMuchIsRefusedWithWhatIsPossible) {
  const auto huge = std::vector<MemoryRange>{{0, std::uint64_t{64} << 30U}};
  const auto completion = bench_.submit(command::start_tracking(1, encode_ranges(page, huge)));
  EXPECT_EQ(completion.status.code(), sc::not_enough_resources);
  EXPECT_EQ(completion.dw0, 2U);
  EXPECT_EQ(completion.dw1, sim::most_tracked_ranges);
  EXPECT_EQ(start(1, page << completion.dw0, huge), 0);
}

TEST_F(SimTracking, ThereIsNoQueueToLogUserDataInto) {
  auto log = command::stop_tracking(1);
  log.cdw10 = 1U << 16U;
  EXPECT_EQ(bench_.code(log), sc::invalid_controller_data_queue);
}

TEST_F(SimTracking, AResetOfTheControllingFunctionEndsIt) {
  ASSERT_EQ(start(1), 0);
  bench_.pci().reset(bench_.device().address());
  EXPECT_EQ(status_of_read(1), sc::invalid_controller_identifier);
}

TEST(SimWithoutTracking, DoesNotKnowTheCommands) {
  Lab lab;
  lab.create("plain");
  Bench bench(lab, "sim:plain");
  Bytes data(4096);
  EXPECT_EQ(bench.code(command::stop_tracking(1)), sc::invalid_opcode);
  EXPECT_EQ(bench.code(command::read_tracked(1, data)), sc::invalid_opcode);
}

}  // namespace
}  // namespace nvmigrate::test
