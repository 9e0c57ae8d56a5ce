// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/nvme/subsystem_state.h"

#include <gtest/gtest.h>

#include <array>
#include <cstring>

#include "nvmigrate/nvme/commands.h"
#include "nvmigrate/nvme/wire.h"

namespace nvmigrate {
namespace {

// As the fields of Get and Set Controller State, with SEL 1h and 3h, for controller 5.
std::array<std::byte, 320> exported_state{};
static_assert(command::get_subsystem_state(5, exported_state).opcode == 0x42);
static_assert(command::get_subsystem_state(5, exported_state).cdw10 == 1);
static_assert(command::get_subsystem_state(5, exported_state).cdw11 == 5);
static_assert(command::get_subsystem_state(5, exported_state).cdw15 == 79);
static_assert(command::set_subsystem_state(5, exported_state).opcode == 0x41);
static_assert(command::set_subsystem_state(5, exported_state).cdw10 == 0x00030003);
static_assert(command::set_subsystem_state(5, exported_state).cdw11 == 5);
static_assert(command::set_subsystem_state(5, exported_state).cdw15 == 80);

class SubsystemState : public testing::Test {
 protected:
  SubsystemState() {
    header.csattr = 1;
    header.nvmecss = 64;
  }
  std::optional<SubsystemStateFacts> decoded(std::uint8_t inner = 1) {
    std::array<std::byte, 68> data{};
    std::memcpy(data.data(), &header, sizeof header);
    data[64] = std::byte{inner};
    return decode_subsystem_state(data);
  }

  wire::SubsystemStateHeader header;
};

TEST_F(SubsystemState, ItsHeadIsDecoded) {
  const auto facts = decoded();
  ASSERT_TRUE(facts);
  EXPECT_EQ(facts->bytes, 64U + 4 * 64);
  EXPECT_EQ(facts->inner_version, 1);
  EXPECT_TRUE(facts->suspended);
  header.csattr = 0;
  EXPECT_FALSE(decoded()->suspended);
}

TEST_F(SubsystemState, WhatCannotBeOneIsNotTakenForOne) {
  EXPECT_FALSE(decoded(0)) << "a controller state has version 0 there";
  EXPECT_FALSE(decoded(2));
  header.nvmecss = 0;
  EXPECT_FALSE(decoded());
  header.nvmecss = (most_subsystem_state - 64) / 4;
  EXPECT_TRUE(decoded());
  header.nvmecss = header.nvmecss + 1;
  EXPECT_FALSE(decoded());
  header.nvmecss = 64;
  header.nvmecss_high = 1;
  EXPECT_FALSE(decoded());
  header.nvmecss_high = 0;
  header.ver = 1;
  EXPECT_FALSE(decoded());
  EXPECT_FALSE(decode_subsystem_state(std::array<std::byte, 67>{}));
}

}  // namespace
}  // namespace nvmigrate
