// SPDX-License-Identifier: LGPL-2.1-or-later
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nvmigrate/base/interrupt.h"
#include "nvmigrate/base/parallel.h"
#include "nvmigrate/state/state_file.h"
#include "state_support.h"
#include "tests/support/error_of.h"
#include "tests/support/faulty_io.h"
#include "tests/support/temporary_folder.h"

namespace nvmigrate::test {
namespace {

constexpr std::size_t chunk = state_file::max_chunk;

std::string text_of(const Bytes& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

class Stored : public testing::Test {
 protected:
  /// A descriptor of a stream with these bytes in it.
  OpenFile stream(const std::string& bytes) {
    put(folder / "stream", bytes);
    return OpenFile::open(io, folder / "stream", O_RDONLY);
  }
  StoredState open_raw(const Bytes& state) {
    put(folder / "a.raw", text_of(state));
    return StoredState::open(io, folder / "a.raw", {.kind = StateKind::raw});
  }
  /// The code of what is wrong; empty when nothing is.
  static std::string fault_of(const std::function<void()>& act) {
    try {
      act();
      return {};
    } catch (const Error& error) {
      EXPECT_EQ(error.status(), ExitStatus::bad_state);
      return error.code();
    }
  }

  TemporaryFolder folder;
  SystemIo real;
  FaultyIo io{real};
};

TEST_F(Stored, TakesARawStateOnlyWhenToldTo) {
  put(folder / "a.raw", text_of(sample_state()));
  EXPECT_EQ(fault_of([&] { StoredState::open(io, folder / "a.raw"); }), "not_a_state_file");
  EXPECT_TRUE(open_raw(sample_state()).raw());
}

TEST_F(Stored, ARawStateShowsWhetherItIsAControllerState) {
  const auto layout_of = [this](const Bytes& bytes) {
    put(folder / "a.raw", text_of(bytes));
    const ReadStateOptions options{.kind = StateKind::raw, .raw_layout = StateLayout::opaque};
    return StoredState::open(io, folder / "a.raw", options).layout();
  };
  EXPECT_EQ(layout_of(sample_state()), StateLayout::nvme);
  EXPECT_EQ(layout_of(state_of_size(3 * chunk)), StateLayout::nvme);
  auto other = sample_state();
  other.push_back({});
  EXPECT_EQ(layout_of(other), StateLayout::opaque) << "the header says another size";
  other = sample_state();
  other[0] = std::byte{1};
  EXPECT_EQ(layout_of(other), StateLayout::opaque) << "another version";
  EXPECT_EQ(layout_of({std::byte{1}}), StateLayout::opaque);
  EXPECT_EQ(fault_of([&] { layout_of({}); }), "invalid_state");
}

TEST_F(Stored, IsAcceptedByItsFirstRecordBeforeItsStateIsRead) {
  write_state_file(io, folder / "a.state", state_of_size(3 * chunk));
  std::uint64_t done = 0;
  std::vector<std::uint16_t> seen;
  const ReadStateOptions options{.accept =
                                     [&](const StateIdentity& identity) {
                                       seen.push_back(identity.controller);
                                       EXPECT_EQ(done, 0U);
                                     },
                                 .progress = [&](std::uint64_t now, std::uint64_t) { done = now; }};
  StoredState::open(io, folder / "a.state", options);
  EXPECT_EQ(seen, std::vector<std::uint16_t>{sample_identity().controller});
  EXPECT_GT(done, 0U);
}

TEST_F(Stored, ThatIsNotAcceptedIsReadNoFurther) {
  write_state_file(io, folder / "a.state", state_of_size(9 * chunk));
  const ReadStateOptions options{.accept = [](const StateIdentity&) { throw refused("no"); }};
  EXPECT_EQ(failure_of([&] { StoredState::open(io, folder / "a.state", options); }).status(),
            ExitStatus::refused);
}

TEST_F(Stored, ARawStateHasNoRecordToBeAcceptedBy) {
  put(folder / "a.raw", text_of(sample_state()));
  const ReadStateOptions options{.kind = StateKind::raw,
                                 .accept = [](const StateIdentity&) { throw refused("no"); }};
  EXPECT_TRUE(StoredState::open(io, folder / "a.raw", options).raw());
}

TEST_F(Stored, OfAFormerVersionDoesNotSayWhetherItsSourceWentOn) {
  const std::string golden = NVMIGRATE_SOURCE_DIR "/tests/lib/state/golden/queues.state";
  EXPECT_EQ(StoredState::open(io, golden).end().source_resumed, std::nullopt);
}

TEST_F(Stored, CompletesARawDumpThatIsOneDwordShort) {
  auto cut = sample_state();
  cut.resize(100);
  const auto stored = open_raw(cut);
  ASSERT_EQ(stored.decoded()->findings.size(), 1U);
  EXPECT_EQ(stored.decoded()->findings[0].code, "one_dword_short");
  EXPECT_FALSE(any_stands(stored.decoded()->findings));
  EXPECT_EQ(stored.end().size, 104U);
  EXPECT_EQ(stored.end().sha256, open_raw(sample_state()).end().sha256);
  const auto again = open_raw(cut);
  EXPECT_EQ(drain(*again.source(), 10), sample_state());
}

TEST_F(Stored, CompletesALargeDumpToo) {
  const std::vector<CompletionQueue> all = [] {
    std::vector<CompletionQueue> queues;
    for (std::uint16_t id = 1; id != 0; ++id)
      queues.push_back({.entries = 16, .id = id});
    return queues;
  }();
  const auto queues = encode_nvme_state({}, all);
  const auto header = encode_state_header(
      {.version = 0, .suspended = true, .nvme_bytes = queues.size(), .vendor_bytes = 0});
  Bytes state(sizeof(header));
  std::memcpy(state.data(), &header, sizeof(header));
  state.insert(state.end(), queues.begin(), queues.end());
  auto cut = state;
  cut.resize(state.size() - 4);
  const auto stored = open_raw(cut);
  EXPECT_EQ(stored.decoded()->completion_queues.size(), 65535U);
  EXPECT_EQ(drain(*stored.source(), 262'144), state);
}

TEST_F(Stored, KeepsARawStateThatIsNotWholeFromADevice) {
  auto cut = state_of_size(204);
  cut.resize(200);
  const auto stored = open_raw(cut);
  EXPECT_TRUE(any_stands(stored.decoded()->findings));
  EXPECT_EQ(fault_of([&] { drain(*stored.source(), 4096); }), "bad_state");
}

TEST_F(Stored, LeavesOutWhatFollowsARawState) {
  auto more = sample_state();
  more.resize(4000, std::byte{7});
  const auto stored = open_raw(more);
  ASSERT_EQ(stored.decoded()->findings.size(), 1U);
  EXPECT_EQ(stored.decoded()->findings[0].code, "too_long");
  EXPECT_FALSE(any_stands(stored.decoded()->findings));
  EXPECT_EQ(drain(*stored.source(), 4096), sample_state());
}

TEST_F(Stored, DoesNotReadOnForEver) {
  const OpenFile zeros = OpenFile::open(io, "/dev/zero", O_RDONLY);
  EXPECT_EQ(fault_of([&] { StoredState::read(io, zeros.fd(), "zeros", {.kind = StateKind::raw}); }),
            "invalid_state");
}

TEST_F(Stored, RefusesARawStateThatHasNoHeader) {
  EXPECT_EQ(fault_of([&] { open_raw(Bytes(47)); }), "invalid_state");
  EXPECT_EQ(fault_of([&] { open_raw({}); }), "invalid_state");
}

TEST_F(Stored, NamesAStateFileThatHoldsMoreThanAState) {
  auto state = sample_state();
  state.resize(108);
  write_state_file(io, folder / "a.state", state);
  EXPECT_TRUE(any_stands(StoredState::open(io, folder / "a.state").decoded()->findings));
  state.resize(100);
  write_state_file(io, folder / "a.state", state);
  EXPECT_TRUE(any_stands(StoredState::open(io, folder / "a.state").decoded()->findings));
}

TEST_F(Stored, AThreadThatCannotBeStartedIsAnIoError) {
  write_state_file(io, folder / "large.state", state_of_size(3 * chunk));
  write_state_file(io, folder / "small.state", sample_state());
  const auto opens = io.calls_of("open");
  const auto failure = failure_of(
      [&] { StoredState::open(io, folder / "large.state", {.start_thread = no_thread}); });
  EXPECT_EQ(failure.status(), ExitStatus::io);
  EXPECT_NE(failure.advice(), "");
  EXPECT_EQ(io.calls_of("open"), opens + 1);
  EXPECT_EQ(io.calls_of("close"), io.calls_of("open"));
  const auto small = StoredState::open(io, folder / "small.state", {.start_thread = no_thread});
  EXPECT_EQ(drain(*small.source(), chunk), sample_state()) << "a small state needs no thread";
}

TEST_F(Stored, AThreadThatCannotBeStartedForTheSecondReadingIsAnIoErrorToo) {
  write_state_file(io, folder / "a.state", state_of_size(3 * chunk));
  bool more = true;
  const StartThread start = [&](std::function<void()> work) {
    return more ? start_thread(std::move(work)) : no_thread(work);
  };
  const auto stored = StoredState::open(io, folder / "a.state", {.start_thread = start});
  more = false;
  EXPECT_EQ(failure_of([&] { static_cast<void>(stored.source()); }).status(), ExitStatus::io);
  more = true;
  EXPECT_EQ(drain(*stored.source(), chunk), state_of_size(3 * chunk));
}

TEST_F(Stored, CannotReadAPipeTwice) {
  write_state_file(io, folder / "a.state", sample_state());
  const auto in = stream(contents(folder / "a.state"));
  const auto stored = StoredState::read(io, in.fd(), "standard input");
  EXPECT_THROW(drain(*stored.source(), 4096), Error);
}

TEST_F(Stored, SpoolsALittleInMemory) {
  write_state_file(io, folder / "a.state", sample_state());
  const auto in = stream(contents(folder / "a.state"));
  const auto opens = io.calls_of("open");
  const auto stored = StoredState::read(io, in.fd(), "in", {.spool_folder = folder / "absent"});
  EXPECT_EQ(drain(*stored.source(), 4096), sample_state());
  EXPECT_EQ(io.calls_of("open"), opens);
}

TEST_F(Stored, SpoolsMuchInAFileWithoutName) {
  const auto state = state_of_size(6 * chunk);
  write_state_file(io, folder / "a.state", state);
  const auto in = stream(contents(folder / "a.state"));
  std::filesystem::create_directory(folder / "spool");
  const auto stored = StoredState::read(io, in.fd(), "in", {.spool_folder = folder / "spool"});
  EXPECT_TRUE(std::filesystem::is_empty(folder / "spool"));
  EXPECT_EQ(drain(*stored.source(), 4096), state);
}

TEST_F(Stored, SpoolsWhereFilesNeedAName) {
  const auto state = state_of_size(6 * chunk);
  write_state_file(io, folder / "a.state", state);
  const auto in = stream(contents(folder / "a.state"));
  std::filesystem::create_directory(folder / "spool");
  io.fail_kind("open", EOPNOTSUPP, 1, 1);
  const auto stored = StoredState::read(io, in.fd(), "in", {.spool_folder = folder / "spool"});
  EXPECT_TRUE(std::filesystem::is_empty(folder / "spool"));
  EXPECT_EQ(drain(*stored.source(), 65536), state);
}

TEST_F(Stored, ReportsASpoolThatIsFull) {
  write_state_file(io, folder / "a.state", state_of_size(6 * chunk));
  const auto in = stream(contents(folder / "a.state"));
  io.fail_kind("write", ENOSPC, 1, 1);
  EXPECT_THROW(StoredState::read(io, in.fd(), "in", {.spool_folder = folder.path()}), OsError);
}

TEST_F(Stored, ReportsEveryReadThatFails) {
  write_state_file(io, folder / "a.state", state_of_size(3 * chunk));
  for (std::size_t nth = 1; nth <= 6; ++nth) {
    io.fail_kind("pread", EIO, nth, 1);
    EXPECT_THROW(StoredState::open(io, folder / "a.state"), OsError) << nth;
    io.heal();
  }
}

TEST_F(Stored, ReportsAReadThatFailsOnTheSecondReading) {
  write_state_file(io, folder / "a.state", state_of_size(3 * chunk));
  const auto stored = StoredState::open(io, folder / "a.state");
  for (std::size_t nth = 1; nth <= 6; ++nth) {
    io.fail_kind("pread", EIO, nth, 1);
    EXPECT_THROW(drain(*stored.source(), chunk), OsError) << nth;
    io.heal();
  }
}

TEST_F(Stored, ReadsOnAfterASignalThatMeansNothing) {
  write_state_file(io, folder / "a.state", sample_state());
  io.fail_kind("pread", EINTR, 2, 3);
  EXPECT_EQ(StoredState::open(io, folder / "a.state").end().size, 104U);
}

TEST_F(Stored, StopsAfterASignalToStop) {
  write_state_file(io, folder / "a.state", sample_state());
  set_interrupted(true);
  EXPECT_THROW(StoredState::open(io, folder / "a.state"), Interrupted);
  set_interrupted(false);
}

TEST_F(Stored, HandsOutNoLastByteOfAFileThatChanged) {
  for (const std::size_t size : {std::size_t{104}, 3 * chunk}) {
    write_state_file(io, folder / "a.state", state_of_size(size));
    const auto stored = StoredState::open(io, folder / "a.state");
    const auto before = contents(folder / "a.state");
    auto other = sample_identity();
    other.host = "gamma";
    write_state_file(io, folder / "a.state", state_of_size(size), other);
    ASSERT_EQ(contents(folder / "a.state").size(), before.size());
    EXPECT_EQ(fault_of([&] { drain(*stored.source(), chunk); }), "changed");
    put(folder / "a.state", before + "x");
    EXPECT_NE(fault_of([&] { drain(*stored.source(), chunk); }), "");
    put(folder / "a.state", before.substr(0, before.size() - 1));
    EXPECT_NE(fault_of([&] { drain(*stored.source(), chunk); }), "");
    put(folder / "a.state", before);
    EXPECT_EQ(drain(*stored.source(), chunk), state_of_size(size));
  }
}

TEST_F(Stored, HandsOutNoLastByteOfARawStateThatChanged) {
  const auto state = state_of_size(2 * chunk);
  const auto stored = open_raw(state);
  auto other = state;
  other.back() ^= std::byte{1};
  put(folder / "a.raw", text_of(other));
  EXPECT_EQ(fault_of([&] { drain(*stored.source(), chunk); }), "changed");
}

TEST_F(Stored, ASourceMayBeGivenUpAnywhere) {
  write_state_file(io, folder / "a.state", state_of_size(20 * chunk));
  const auto stored = StoredState::open(io, folder / "a.state");
  for (int i = 0; i < 5; ++i) {
    const auto source = stored.source();
    source->view(4096);
    source->take(100);
  }
  const auto source = stored.source();
  EXPECT_THROW(source->take(1), Error);
}

TEST_F(Stored, TellsProgress) {
  write_state_file(io, folder / "a.state", state_of_size(3 * chunk));
  std::vector<std::uint64_t> told;
  ReadStateOptions options;
  options.progress = [&](std::uint64_t done, std::uint64_t whole) {
    EXPECT_EQ(whole, 3 * chunk);
    told.push_back(done);
  };
  StoredState::open(io, folder / "a.state", options);
  EXPECT_EQ(told, (std::vector<std::uint64_t>{chunk, 2 * chunk, 3 * chunk}));
}

TEST_F(Stored, NamesWhatCannotBeOpened) {
  EXPECT_THROW(StoredState::open(io, folder / "absent"), OsError);
  EXPECT_THROW(StoredState::open(io, folder.path()), OsError);
  EXPECT_THAT([&] { StoredState::open(io, "/dev/null"); },
              testing::ThrowsMessage<StateFileError>(testing::HasSubstr("/dev/null")));
}

}  // namespace
}  // namespace nvmigrate::test
