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
using testing::IsEmpty;
using testing::SizeIs;

constexpr std::size_t save_chunk = 8192;

class NvmeSaveTest : public testing::Test {
 protected:
  void save() {
    NvmeBackend(target.port, target.identity(), BackendOptions{.chunk_limit = save_chunk})
        .save(5, {}, sink);
  }
  void expect_failure() {
    error_of([&] { save(); }, ExitStatus::device);
  }
  /// The device says at the `number`th command that the function is not suspended.
  void run_on_at(std::size_t number) {
    target.fault = [this, number](std::size_t at,
                                  const AdminCommand& command) -> std::optional<AdminCompletion> {
      if (at != number) return std::nullopt;
      const auto offset = command.cdw12;
      test::ScriptedPort::copy({target.state.begin() + offset, target.state.end()},
                               command.from_device);
      if (offset == 0) command.from_device[2] = std::byte{0};
      return AdminCompletion{{0}, 0, 0};
    };
  }
  void expect_impossible(const std::function<void(wire::StateHeader&)>& change) {
    target.state = state_of(104);
    test::change_header(target.state, change);
    sink = test::MemorySink();
    expect_failure();
    EXPECT_EQ(sink.announced, std::nullopt);
  }

  test::Target target;
  test::MemorySink sink;
};

TEST_F(NvmeSaveTest, AsksForLessWhereTheKernelDoesNotTakeSoMuch) {
  target.state = state_of(2 * save_chunk + 4);
  for (const int code : {EINVAL, ENOMEM}) {
    target.fault = test::kernel_that_takes(4096, code);
    sink = test::MemorySink();
    save();
    EXPECT_EQ(sink.bytes, target.state);
  }
  EXPECT_THAT(target.sent(), SizeIs(2 * (1 + 1 + 5))) << "the header, in vain, and five chunks";
}

TEST_F(NvmeSaveTest, OtherFailuresOfTheKernelAreNotItsLimit) {
  target.state = state_of(2 * save_chunk);
  target.fault = test::kernel_that_takes(4096, EIO);
  error_of([&] { save(); }, ExitStatus::io);
  EXPECT_THAT(target.sent(), SizeIs(2));
  target.fault = test::kernel_that_takes(512);
  error_of([&] { save(); }, ExitStatus::io);
  EXPECT_THAT(target.sent(), SizeIs(2 + 3));
}

TEST_F(NvmeSaveTest, ReadsTheHeaderThenTheWholeUnchanged) {
  save();
  EXPECT_EQ(sink.announced, 104U);
  EXPECT_EQ(sink.bytes, target.state);
  const auto sent = target.sent();
  ASSERT_THAT(sent, SizeIs(2));
  EXPECT_EQ(sent[0].command.opcode, 0x42);
  EXPECT_EQ(sent[0].command.cdw10, 0x00010000U);
  EXPECT_EQ(sent[0].command.cdw11, 0x00000005U);
  EXPECT_EQ(sent[0].command.cdw15, 0x0BU);
  EXPECT_EQ(sent[1].command.cdw12, 0U);
  EXPECT_EQ(sent[1].command.cdw15, 0x19U);
}

TEST_F(NvmeSaveTest, EverySizeComesWholeAndNoCommandReadsAtItsEnd) {
  for (const std::size_t size : {std::size_t{48}, std::size_t{52}, save_chunk - 4, save_chunk,
                                 save_chunk + 4, 3 * save_chunk, 10 * save_chunk + 52}) {
    target.state = state_of(size);
    for (const bool tells : {true, false}) {
      target.tells_in_dw0 = tells;
      sink = test::MemorySink();
      save();
      EXPECT_EQ(sink.bytes, target.state) << size;
    }
  }
  for (const auto& sent : target.sent()) {
    EXPECT_LE(sent.command.cdw15 + 1, save_chunk / 4);
    EXPECT_LT(sent.command.cdw12, 10 * save_chunk + 52);
  }
}

TEST_F(NvmeSaveTest, ASinkMayGiveLessRoomThanWanted) {
  target.state = state_of(3 * save_chunk);
  sink = test::MemorySink(4098);
  save();
  EXPECT_EQ(sink.bytes, target.state);
}

TEST_F(NvmeSaveTest, ASinkWithoutRoomIsAnInternalError) {
  sink = test::MemorySink(3);
  error_of([&] { save(); }, ExitStatus::internal);
}

TEST_F(NvmeSaveTest, TheHeaderIsReadAgainWhereTheDeviceTellsInItAlone) {
  target.state = state_of(3 * save_chunk);
  target.tells_in_dw0 = false;
  save();
  ASSERT_THAT(target.sent(), SizeIs(5));
  EXPECT_EQ(target.sent().back().command.cdw15, 0x0BU);
}

TEST_F(NvmeSaveTest, TheHeaderIsNotReadAgainWithoutNeed) {
  target.state = state_of(3 * save_chunk);
  save();
  EXPECT_THAT(target.sent(), SizeIs(4));
  target.state = state_of(save_chunk);
  target.tells_in_dw0 = false;
  save();
  EXPECT_THAT(target.sent(), SizeIs(4 + 2));
}

TEST_F(NvmeSaveTest, AFunctionThatRunsAtAnyCommandIsRefused) {
  target.state = state_of(3 * save_chunk);
  for (std::size_t number = 0; number < 4; ++number) {
    run_on_at(target.sent().size() + number);
    sink = test::MemorySink();
    expect_failure();
  }
}

TEST_F(NvmeSaveTest, AFunctionThatRunsAtTheEndIsRefusedWhereOnlyTheHeaderTells) {
  target.state = state_of(3 * save_chunk);
  target.tells_in_dw0 = false;
  for (const std::size_t number : {0U, 1U, 4U}) {
    run_on_at(target.sent().size() + number);
    expect_failure();
  }
}

TEST_F(NvmeSaveTest, NothingIsAnnouncedForAFunctionThatRuns) {
  run_on_at(0);
  expect_failure();
  EXPECT_EQ(sink.announced, std::nullopt);
  EXPECT_THAT(sink.bytes, IsEmpty());
}

TEST_F(NvmeSaveTest, ASizeThatChangesIsRefused) {
  target.fault = [&](std::size_t number, const AdminCommand&) -> std::optional<AdminCompletion> {
    if (number == 1) target.state = state_of(152);
    return std::nullopt;
  };
  expect_failure();
  EXPECT_THAT(sink.bytes, IsEmpty());
}

TEST_F(NvmeSaveTest, AHeaderThatIsNotTransferredIsNotTakenFromTheBuffer) {
  target.fault = [](std::size_t number, const AdminCommand&) -> std::optional<AdminCompletion> {
    if (number == 1) return AdminCompletion{{0}, 1, 0};
    return std::nullopt;
  };
  expect_failure();
}

TEST_F(NvmeSaveTest, ImpossibleHeadersAreRefusedBeforeAnythingIsAnnounced) {
  using Header = wire::StateHeader;
  constexpr std::uint64_t high = std::uint64_t{1} << 63U;
  expect_impossible([](Header& header) { header.nvmecss_high = 1; });
  expect_impossible([](Header& header) { header.vss_high = high; });
  expect_impossible([](Header& header) { header.nvmecss = high; });
  expect_impossible([](Header& header) { header.vss = ~std::uint64_t{0}; });
  expect_impossible([](Header& header) { header.nvmecss = header.vss = high / 4; });
  expect_impossible([](Header& header) { header.nvmecss = 1; });
  expect_impossible([](Header& header) { header.ver = 1; });
}

}  // namespace
}  // namespace nvmigrate::nvme
