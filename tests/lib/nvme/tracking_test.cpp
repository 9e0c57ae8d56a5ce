// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/nvme/tracking.h"

#include <gtest/gtest.h>

#include <array>

#include "nvmigrate/nvme/commands.h"
#include "nvmigrate/nvme/wire.h"
#include "tests/support/error_of.h"

namespace nvmigrate {
namespace {

using test::error_of;

std::vector<std::byte> bytes_of(std::initializer_list<unsigned> values) {
  std::vector<std::byte> bytes;
  for (const auto value : values)
    bytes.push_back(static_cast<std::byte>(value));
  return bytes;
}

constexpr std::uint64_t page = 4096;

// Base 2.1 §5.1.26 and §5.1.27, for controller 5.
constexpr std::array<std::byte, 20> sent{};
std::array<std::byte, 4096> received{};
static_assert(command::start_tracking(5, sent).opcode == 0x3D);
static_assert(command::start_tracking(5, sent).cdw10 == 0x00010001);
static_assert(command::start_tracking(5, sent).cdw11 == 5);
static_assert(command::start_tracking(5, sent).to_device.size() == 20);
static_assert(command::stop_tracking(5).opcode == 0x3D);
static_assert(command::stop_tracking(5).cdw10 == 0x00000001);
static_assert(command::stop_tracking(5).to_device.empty());
static_assert(command::read_tracked(5, received).opcode == 0x3E);
static_assert(command::read_tracked(5, received).cdw10 == 0);
static_assert(command::read_tracked(5, received).cdw11 == 5);
static_assert(command::read_tracked(5, received).cdw12 == 0x3FF);
static_assert(command::read_tracked(5, received).from_device.size() == 4096);

TEST(Tracking, ARangeIsEncodedInGranules) {
  const auto data = encode_ranges(16 * page, {{0x123450000, 0x30000}, {0, 0x10000}});
  EXPECT_EQ(data, bytes_of({0,    0,    0,    4,    2,    0, 0, 0,              //
                            0x00, 0x00, 0x45, 0x23, 0x01, 0, 0, 0, 3, 0, 0, 0,  //
                            0,    0,    0,    0,    0,    0, 0, 0, 1, 0, 0, 0}));
}

// Granules of 8 KiB, more to report, suspended.
const auto answer = bytes_of({0,    3,    5,    0,    2, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0,  //
                              0x00, 0x20, 0x45, 0x23, 1, 0, 0, 0, 3, 0, 0, 0, 9, 9, 9, 9,  //
                              0,    0,    0,    0,    0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0});

TEST(Tracking, ChangesAreDecodedToBytes) {
  const auto memory = decode_changes(5, answer);
  EXPECT_EQ(memory.granule, 2 * page);
  EXPECT_TRUE(memory.more);
  EXPECT_TRUE(memory.suspended);
  const std::vector<MemoryRange> wanted{{0x123452000, 6 * page}, {0, 2 * page}};
  EXPECT_EQ(memory.ranges, wanted);
}

TEST(Tracking, AnAnswerThatCannotBeIsRefusedAndItsChangesAreLost) {
  const auto refused = [](std::size_t place, unsigned value) {
    auto data = answer;
    data.at(place) = static_cast<std::byte>(value);
    error_of([&] { decode_changes(5, data); }, ExitStatus::device);
  };
  refused(0, 1);     // another version
  refused(2, 6);     // another controller
  refused(4, 3);     // more descriptors than bytes
  refused(8, 0xFF);  // granules beyond memory
  auto beyond = answer;
  for (std::size_t place = 16; place < 24; ++place)
    beyond.at(place) = std::byte{0xFF};
  error_of([&] { decode_changes(5, beyond); }, ExitStatus::device);
  error_of([] { decode_changes(5, std::span{answer}.first(15)); }, ExitStatus::device);
}

TEST(Tracking, TheAbilityIsDecodedFromItsPlace) {
  std::vector<std::byte> identity(wire::identify_size);
  EXPECT_FALSE(decode_tracking(identity).memory);
  const auto fields = bytes_of({0x10, 0, 0x40, 1, 1, 9, 0x07});
  std::copy(fields.begin(), fields.end(), identity.begin() + 570);
  const auto ability = decode_tracking(identity);
  EXPECT_TRUE(ability.memory && ability.user_data && ability.powers_of_two);
  EXPECT_EQ(ability.ranges, 16);
  EXPECT_EQ(ability.ranges_of_all, 0x140);
  EXPECT_EQ(ability.finest, 2 * page);
  EXPECT_EQ(ability.coarsest, 512 * page);
  identity[576] = std::byte{2};
  EXPECT_TRUE(decode_tracking(identity).user_data);
  EXPECT_EQ(decode_tracking(identity).ranges, 0) << "without THMCS they say nothing";
}

}  // namespace
}  // namespace nvmigrate
