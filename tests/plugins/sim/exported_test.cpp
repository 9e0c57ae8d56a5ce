// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/nvme/subsystem_state.h"
#include "tests/plugins/sim/lab.h"

namespace nvmigrate::test {
namespace {

class SimExported : public testing::Test {
 protected:
  struct Made : Lab {
    Made() { create("a", {.vfs_total = 2, .exported_subsystem = true}); }
  };
  SimExported() { bench_.provision(2); }

  Bytes get(std::uint16_t id) {
    Bytes data(320);
    EXPECT_EQ(bench_.code(command::get_subsystem_state(id, data)), 0);
    return data;
  }
  std::uint16_t set(std::uint16_t id, const Bytes& data) {
    return bench_.code(command::set_subsystem_state(id, data));
  }

  Made lab_;
  Bench bench_{lab_, "sim:a"};
};

TEST_F(SimExported, WhatIsSetIsThereUntilAReset) {
  ASSERT_EQ(bench_.suspend(1), 0);
  ASSERT_EQ(bench_.suspend(2), 0);
  const auto first = get(1), second = get(2);
  EXPECT_NE(first, second);
  const auto facts = decode_subsystem_state(first);
  ASSERT_TRUE(facts);
  EXPECT_TRUE(facts->suspended);
  EXPECT_EQ(facts->bytes, first.size());
  ASSERT_EQ(set(2, first), 0);
  EXPECT_EQ(get(2), first);
  bench_.pci().reset(*bench_.pci().virtual_function(bench_.device().address(), 2));
  ASSERT_EQ(bench_.suspend(2), 0);
  EXPECT_EQ(get(2), second);
}

TEST_F(SimExported, WrongOnesAreRefused) {
  auto state = get(1);
  EXPECT_FALSE(decode_subsystem_state(state)->suspended);
  EXPECT_EQ(set(1, state), sc::invalid_controller_identifier) << "it is not suspended";
  EXPECT_EQ(set(0, state), sc::invalid_controller_identifier) << "itself";
  ASSERT_EQ(bench_.suspend(1), 0);
  state.back() ^= std::byte{1};
  EXPECT_EQ(set(1, state), sc::exported_subsystem_state);
  EXPECT_EQ(set(1, Bytes(68)), sc::exported_subsystem_state);
  auto command = command::set_subsystem_state(1, state);
  command.cdw10 = 3;
  EXPECT_EQ(bench_.code(command), sc::invalid_field) << "a part";
}

TEST_F(SimExported, OthersDoNotKnowTheSelects) {
  lab_.create("plain");
  Bench plain(lab_, "sim:plain");
  Bytes data(320);
  EXPECT_EQ(plain.code(command::get_subsystem_state(1, data)), sc::invalid_field);
  EXPECT_EQ(plain.code(command::set_subsystem_state(1, data)), sc::invalid_field);
}

}  // namespace
}  // namespace nvmigrate::test
