// SPDX-License-Identifier: LGPL-2.1-or-later
#include <gmock/gmock.h>

#include "plugins/nvme/nvme_backend.h"
#include "tests/plugins/nvme/target.h"
#include "tests/support/error_of.h"
#include "tests/support/memory_streams.h"

namespace nvmigrate::nvme {
namespace {

using test::error_of;
using test::state_of;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr std::size_t chunk = 8192;
constexpr unsigned middle = 0, first = 1, last = 2, only = 3;

class NvmeLoadTest : public testing::Test {
 protected:
  void load(std::size_t size, bool can_rewind = true) {
    test::MemorySource source(state_of(size), can_rewind);
    NvmeBackend(target.port, target.identity(), BackendOptions{.chunk_limit = chunk})
        .load(5, {}, source);
    EXPECT_EQ(target.loaded, state_of(size));
  }
  std::vector<unsigned> sequence() const {
    std::vector<unsigned> all;
    for (const auto& sent : target.sent())
      all.push_back(sent.command.cdw10 >> 16U);
    return all;
  }
  void fail_at(std::size_t number, std::uint16_t status) {
    target.fault = [=](std::size_t at, const AdminCommand&) -> std::optional<AdminCompletion> {
      if (at != number) return std::nullopt;
      return AdminCompletion{{status}, 0, 0};
    };
  }
  /// As the known emulator does.
  void take_no_sequences() {
    target.fault = [](std::size_t, const AdminCommand& command) -> std::optional<AdminCompletion> {
      if (command.cdw10 >> 16U == only) return std::nullopt;
      return AdminCompletion{{0x4006}, 0, 0};
    };
  }

  test::Target target;
};

TEST_F(NvmeLoadTest, SendsWhatFitsInOneCommand) {
  load(104);
  ASSERT_THAT(target.sent(), SizeIs(1));
  const auto sent = target.sent().front().command;
  EXPECT_EQ(sent.opcode, 0x41);
  EXPECT_EQ(sent.cdw10, 0x00030002U);
  EXPECT_EQ(sent.cdw11, 0x00010005U);
  EXPECT_EQ(sent.cdw15, 0x1AU);
}

TEST_F(NvmeLoadTest, SendsMoreInASequenceWhoseLastCarriesData) {
  load(3 * chunk + 4);
  EXPECT_THAT(sequence(), ElementsAre(first, middle, middle, last));
  const auto sent = target.sent();
  for (std::size_t i = 0; i < sent.size(); ++i)
    EXPECT_EQ(sent[i].command.cdw12, i * chunk);
  EXPECT_EQ(sent.back().command.cdw15, 1U);
}

TEST_F(NvmeLoadTest, TakesEverySize) {
  for (const std::size_t size : {std::size_t{48}, std::size_t{52}, chunk - 4, chunk, chunk + 4,
                                 2 * chunk, 2 * chunk + 4, 9 * chunk}) {
    load(size);
  }
}

TEST_F(NvmeLoadTest, BeginsAgainOnceFromTheFirstChunk) {
  fail_at(2, 0x4006);
  load(3 * chunk);
  EXPECT_THAT(sequence(), ElementsAre(first, middle, last, first, middle, last));
}

TEST_F(NvmeLoadTest, BeginsAgainWhenTheFirstCommandMayBeRepeated) {
  fail_at(0, sc::not_enough_resources);
  load(104);
  EXPECT_THAT(sequence(), ElementsAre(only, only));
}

TEST_F(NvmeLoadTest, DoesNotRepeatAFirstCommandThatIsNotToBeRepeated) {
  fail_at(0, 0x4138);
  error_of([&] { load(104); }, ExitStatus::device);
  EXPECT_THAT(sequence(), ElementsAre(only));
}

TEST_F(NvmeLoadTest, GivesUpAtTheSecondFailure) {
  target.fault = [](std::size_t at, const AdminCommand&) -> std::optional<AdminCompletion> {
    if (at % 2 == 0) return std::nullopt;
    return AdminCompletion{{sc::command_sequence_error}, 0, 0};
  };
  error_of([&] { load(3 * chunk); }, ExitStatus::device);
  EXPECT_THAT(sequence(), ElementsAre(first, middle, first, middle));
}

TEST_F(NvmeLoadTest, GivesUpWhenTheSourceCannotRewind) {
  fail_at(1, sc::internal_error);
  error_of([&] { load(3 * chunk, false); }, ExitStatus::device);
  EXPECT_THAT(sequence(), ElementsAre(first, middle));
}

TEST_F(NvmeLoadTest, SendsLessWhereTheKernelDoesNotTakeSoMuch) {
  for (const int code : {EINVAL, ENOMEM}) {
    target.fault = test::kernel_that_takes(4096, code);
    load(2 * chunk + 4);
  }
  EXPECT_THAT(sequence(), ElementsAre(first, first, middle, middle, middle, last, first, first,
                                      middle, middle, middle, last));
}

TEST_F(NvmeLoadTest, AWholeStateThatTheKernelDoesNotTakeBecomesASequence) {
  target.fault = test::kernel_that_takes(4096);
  load(chunk);
  EXPECT_THAT(sequence(), ElementsAre(only, first, last));
}

TEST_F(NvmeLoadTest, OtherFailuresOfTheKernelAreNotItsLimit) {
  target.fault = test::kernel_that_takes(4096, EIO);
  error_of([&] { load(2 * chunk); }, ExitStatus::io);
  target.fault = test::kernel_that_takes(512);
  error_of([&] { load(2 * chunk); }, ExitStatus::io);
  EXPECT_THAT(sequence(), ElementsAre(first, first, first));
}

TEST_F(NvmeLoadTest, WhatADeviceTakesOnlyWholeIsNotSplitByTheKernel) {
  target.fault = [](std::size_t, const AdminCommand& command) -> std::optional<AdminCompletion> {
    if (command.cdw10 >> 16U != only) return AdminCompletion{{0x4006}, 0, 0};
    throw OsError(EINVAL, "send admin command to", "/dev/nvme0");
  };
  error_of([&] { load(3 * chunk); }, ExitStatus::io);
  EXPECT_THAT(sequence(), ElementsAre(first, only));
}

TEST_F(NvmeLoadTest, TriesADeviceThatTakesNoSequencesWithTheWhole) {
  take_no_sequences();
  load(std::size_t{1} << 20U);
  EXPECT_THAT(sequence(), ElementsAre(first, only));
}

TEST_F(NvmeLoadTest, SaysWhenTheWholeIsTooLong) {
  take_no_sequences();
  EXPECT_THAT(error_of([&] { load((std::size_t{1} << 20U) + 4); }, ExitStatus::device),
              HasSubstr("1 MiB"));
  EXPECT_THAT(sequence(), ElementsAre(first));
}

TEST_F(NvmeLoadTest, TheWholeIsNotLongerThanTheDeviceTakes) {
  take_no_sequences();
  target.mdts = 4;
  load(std::size_t{64} << 10U);
  EXPECT_THAT(error_of([&] { load((std::size_t{64} << 10U) + 4); }, ExitStatus::device),
              HasSubstr("64 KiB"));
}

TEST_F(NvmeLoadTest, ASizeThatAStateCannotHaveIsNotSent) {
  for (const std::size_t size : {0U, 44U, 50U, 106U}) {
    test::MemorySource source{test::Bytes(size)};
    NvmeBackend backend(target.port, target.identity(), {});
    error_of([&] { backend.load(5, {}, source); }, ExitStatus::bad_state);
  }
  EXPECT_THAT(target.sent(), IsEmpty());
}

/// Has fewer bytes than it says.
class ShortSource : public test::MemorySource {
 public:
  using MemorySource::MemorySource;
  [[nodiscard]] std::uint64_t size() const override { return MemorySource::size() + 4; }
};

TEST_F(NvmeLoadTest, AStateThatEndsEarlyIsNotCommitted) {
  ShortSource source(state_of(2 * chunk));
  NvmeBackend backend(target.port, target.identity(), BackendOptions{.chunk_limit = chunk});
  error_of([&] { backend.load(5, {}, source); }, ExitStatus::bad_state);
  EXPECT_THAT(sequence(), ElementsAre(first, middle));
}

}  // namespace
}  // namespace nvmigrate::nvme
