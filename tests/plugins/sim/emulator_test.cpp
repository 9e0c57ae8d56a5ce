// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tests/plugins/sim/lab.h"

namespace nvmigrate::test {
namespace {

using command::Sequence;
constexpr command::FormatIndexes standard{1, 0};

class SimEmulator : public testing::Test {
 protected:
  struct Made : Lab {
    Made() { create("a", {.personality = sim::Personality::emulator, .vfs_total = 3}); }
  };
  SimEmulator() {
    bench_.provision(2);
    sim::start_guest(lab_.folders(), "sim:a", "vf1");
    sim::start_guest(lab_.folders(), "sim:a", "vf2", 0);
  }

  Made lab_;
  Bench bench_{lab_, "sim:a"};
};

TEST_F(SimEmulator, MigratesAWholeImage) {
  ASSERT_EQ(bench_.suspend(1), 0);
  ASSERT_EQ(bench_.suspend(2), 0);
  ASSERT_EQ(bench_.set(2, bench_.image(1, standard), standard), 0);
  ASSERT_EQ(bench_.resume(2), 0);
  EXPECT_THAT(sim::discontinuities(sim::guest_report(lab_.folders(), "sim:a", "1"),
                                   sim::guest_report(lab_.folders(), "sim:a", "2")),
              testing::IsEmpty());
}

TEST_F(SimEmulator, SaysOnlyInTheHeaderThatItIsSuspended) {
  ASSERT_EQ(bench_.suspend(1), 0);
  wire::StateHeader header{};
  const auto into = std::as_writable_bytes(std::span{&header, 1});
  EXPECT_EQ(bench_.get(1, 0, into, standard).dw0, 0U);
  EXPECT_EQ(header.csattr, wire::csattr_suspended);
}

TEST_F(SimEmulator, KnowsNoSequences) {
  ASSERT_EQ(bench_.suspend(1), 0);
  ASSERT_EQ(bench_.suspend(2), 0);
  const auto image = bench_.image(1, standard);
  for (const auto place : {Sequence::first, Sequence::middle, Sequence::last}) {
    EXPECT_EQ(bench_.set_part(2, place, image, 0, 48, standard), sc::internal_error);
  }
}

TEST_F(SimEmulator, WantsIndexOneAndNoVendor) {
  ASSERT_EQ(bench_.suspend(2), 0);
  const auto image = bench_.image(1, standard);
  Bytes data(48);
  for (const command::FormatIndexes formats : {command::FormatIndexes{0, 0}, {2, 0}, {1, 1}}) {
    EXPECT_EQ(bench_.get(1, 0, data, formats).status.code(), sc::invalid_field);
    EXPECT_EQ(bench_.set(2, image, formats), sc::invalid_field);
  }
}

TEST_F(SimEmulator, WantsAnNvmePart) {
  ASSERT_EQ(bench_.suspend(2), 0);
  EXPECT_EQ(bench_.set(2, Bytes(48), standard), sc::invalid_field);
}

TEST_F(SimEmulator, CallsAnUnknownControllerByOtherNames) {
  Bytes data(48);
  EXPECT_EQ(bench_.get(99, 0, data, standard).status.code(), sc::invalid_controller_data_queue);
  EXPECT_EQ(bench_.set(99, data, standard), sc::invalid_field);
  EXPECT_EQ(bench_.suspend(99), sc::invalid_field);
  EXPECT_EQ(bench_.resume(99), sc::invalid_field);
  EXPECT_EQ(bench_.suspend(0), sc::invalid_controller_identifier);
  EXPECT_EQ(bench_.code(command::suspend(99, command::SuspendType::notification)), 0);
}

TEST_F(SimEmulator, CannotReadAtItsEnd) {
  Bytes data(4);
  const auto size = bench_.size(1, standard);
  EXPECT_TRUE(bench_.get(1, size - 4, data, standard).status.ok());
  EXPECT_EQ(bench_.get(1, size, data, standard).status.code(), sc::invalid_field);
}

TEST_F(SimEmulator, TakesASecondStateOnlyAfterAReset) {
  const auto empty = bench_.image(2, standard);
  ASSERT_EQ(bench_.suspend(2), 0);
  ASSERT_EQ(bench_.set(2, empty, standard), 0);
  EXPECT_EQ(bench_.set(2, empty, standard), sc::invalid_field);
  ASSERT_EQ(bench_.resume(2), 0);
  EXPECT_EQ(bench_.set(2, empty, standard), sc::invalid_field);
  bench_.pci().reset(*bench_.pci().virtual_function(bench_.device().address(), 2));
  EXPECT_EQ(bench_.set(2, empty, standard), 0);
}

TEST_F(SimEmulator, ChecksNoStateBeforeItLoads) {
  const auto image = bench_.image(1, standard);
  sim::stop_guest(lab_.folders(), "sim:a", "vf2");
  EXPECT_EQ(bench_.set(2, image, standard), 0);
}

}  // namespace
}  // namespace nvmigrate::test
