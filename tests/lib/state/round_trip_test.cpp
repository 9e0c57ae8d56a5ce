// SPDX-License-Identifier: LGPL-2.1-or-later
#include <gtest/gtest.h>
#include <unistd.h>

#include <thread>

#include "nvmigrate/base/parallel.h"
#include "nvmigrate/state/state_file.h"
#include "state_support.h"
#include "tests/support/error_of.h"
#include "tests/support/faulty_io.h"
#include "tests/support/temporary_folder.h"

namespace nvmigrate::test {
namespace {

constexpr std::size_t one_chunk = state_file::max_chunk;

class RoundTrip : public testing::TestWithParam<std::size_t> {
 protected:
  TemporaryFolder folder;
  SystemIo io;
};

TEST_P(RoundTrip, ThroughAFile) {
  const auto state = state_of_size(GetParam());
  const auto end = write_state_file(io, folder / "a.state", state);
  const auto stored = StoredState::open(io, folder / "a.state");
  auto identity = sample_identity();
  identity.size = state.size();
  EXPECT_EQ(*stored.identity(), identity);
  EXPECT_EQ(stored.end(), end);
  EXPECT_EQ(stored.end().blackout_ns, 2500U);
  EXPECT_EQ(stored.end().size, state.size());
  EXPECT_EQ(drain(*stored.source(), std::size_t{256} << 10), state);
}

TEST_P(RoundTrip, WithTheStateOfAnExportedSubsystem) {
  const auto state = state_of_size(GetParam());
  const auto subsystem = sample_subsystem_state();
  {
    const auto file = OpenFile::open(io, folder / "a.state", O_WRONLY | O_CREAT, 0600);
    const auto sink = make_state_file_writer(io, file.fd(), "a.state", sample_identity());
    sink->carry_subsystem_state(subsystem);
    feed(*sink, state, 100'000);
    sink->finish({});
  }
  const auto stored = StoredState::open(io, folder / "a.state");
  EXPECT_TRUE(stored.identity()->subsystem_state);
  EXPECT_EQ(stored.subsystem_state(), subsystem);
  EXPECT_EQ(drain(*stored.source(), std::size_t{256} << 10), state);
}

TEST_P(RoundTrip, InPiecesThatFitNothing) {
  const auto state = state_of_size(GetParam());
  write_state_file(io, folder / "a.state", state, sample_identity(), 300'004);
  const auto stored = StoredState::open(io, folder / "a.state");
  const auto source = stored.source();
  EXPECT_EQ(drain(*source, 700'012), state);
  ASSERT_TRUE(source->rewind());
  EXPECT_EQ(drain(*source, 3 * one_chunk), state);
}

TEST_P(RoundTrip, ThroughAPipe) {
  const auto state = state_of_size(GetParam());
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  std::thread writer{[&] {
    const OpenFile out{io, ends[1]};
    const auto sink = make_state_file_writer(io, out.fd(), "pipe", sample_identity());
    feed(*sink, state, 100'000);
    sink->finish({});
  }};
  const OpenFile in{io, ends[0]};
  const auto stored = StoredState::read(io, in.fd(), "pipe", {.spool_folder = folder.path()});
  writer.join();
  EXPECT_EQ(drain(*stored.source(), 65536), state);
}

TEST_P(RoundTrip, Raw) {
  const auto state = state_of_size(GetParam());
  {
    const auto file = OpenFile::open(io, folder / "a.raw", O_WRONLY | O_CREAT);
    const auto writer = make_raw_state_writer(io, file.fd(), "a.raw");
    feed(*writer, state, 262'144);
    writer->finish({});
    EXPECT_EQ(writer->written(), state.size());
  }
  EXPECT_EQ(contents(folder / "a.raw").size(), state.size());
  const auto stored = StoredState::open(io, folder / "a.raw", {.kind = StateKind::raw});
  EXPECT_TRUE(stored.raw());
  EXPECT_EQ(stored.end().size, state.size());
  EXPECT_EQ(drain(*stored.source(), 100'000), state);
}

INSTANTIATE_TEST_SUITE_P(Sizes, RoundTrip,
                         testing::Values(48, 52, 104, 4096, one_chunk - 4, one_chunk, one_chunk + 4,
                                         5 * one_chunk, 9 * one_chunk + 1028));

class Writer : public testing::Test {
 protected:
  TemporaryFolder folder;
  SystemIo real;
  FaultyIo io{real};
};

TEST_F(Writer, KeepsAnOpaqueStateOfAnySize) {
  auto identity = sample_identity();
  identity.layout = StateLayout::opaque;
  const Bytes state(one_chunk + 7, std::byte{9});
  write_state_file(io, folder / "a.state", state, identity);
  const auto stored = StoredState::open(io, folder / "a.state");
  EXPECT_FALSE(stored.decoded());
  EXPECT_EQ(drain(*stored.source(), one_chunk), state);
}

TEST_F(Writer, KeepsAnEmptyState) {
  auto identity = sample_identity();
  identity.layout = StateLayout::opaque;
  write_state_file(io, folder / "a.state", {}, identity);
  const auto stored = StoredState::open(io, folder / "a.state");
  EXPECT_EQ(stored.end().chunks, 0U);
  EXPECT_EQ(stored.source()->size(), 0U);
}

TEST_F(Writer, DecodesWhatItWrites) {
  const auto file = OpenFile::open(io, folder / "a.state", O_WRONLY | O_CREAT);
  const auto writer = make_state_file_writer(io, file.fd(), "a", sample_identity());
  feed(*writer, sample_state(), 4096);
  writer->finish({});
  ASSERT_TRUE(writer->decoded());
  EXPECT_EQ(writer->decoded()->submission_queues.size(), 1U);
  EXPECT_EQ(writer->written(), contents(folder / "a.state").size());
}

TEST_F(Writer, OffersPageAlignedRoom) {
  const auto file = OpenFile::open(io, folder / "a.state", O_WRONLY | O_CREAT);
  const auto writer = make_state_file_writer(io, file.fd(), "a", sample_identity());
  writer->begin(3 * one_chunk);
  for (int i = 0; i < 6; ++i) {
    const auto room = writer->room(393'216);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(room.data()) % 4096, 0U);
    ASSERT_EQ(room.size(), 393'216U);
    writer->commit(room.size());
  }
}

TEST_F(Writer, WritesAChunkAtOnce) {
  write_state_file(io, folder / "a.state", state_of_size(4 * one_chunk));
  EXPECT_EQ(io.calls_of("write"), 6U) << "preamble and identity, four chunks, the end";
}

TEST_F(Writer, SurvivesShortWritesAndInterruptions) {
  const auto state = state_of_size(2 * one_chunk);
  io.shorten_writes(70'000);
  io.fail_kind("write", EINTR, 3, 4);
  write_state_file(io, folder / "a.state", state);
  io.heal();
  EXPECT_EQ(drain(*StoredState::open(io, folder / "a.state").source(), one_chunk), state);
}

TEST_F(Writer, ReportsAThreadThatCannotBeStarted) {
  for (const int nth : {1, 2}) {
    int asked = 0;
    const StartThread start = [&](std::function<void()> work) {
      return ++asked == nth ? no_thread(work) : start_thread(std::move(work));
    };
    const auto file = OpenFile::open(io, folder / "a.state", O_WRONLY | O_CREAT | O_TRUNC);
    const auto writer = make_state_file_writer(io, file.fd(), "a", sample_identity(), start);
    EXPECT_EQ(failure_of([&] { writer->begin(3 * one_chunk); }).status(), ExitStatus::io) << nth;
    EXPECT_EQ(contents(folder / "a.state"), "") << nth;
  }
}

TEST_F(Writer, NeedsNoThreadForASmallState) {
  const auto file = OpenFile::open(io, folder / "a.state", O_WRONLY | O_CREAT);
  const auto writer = make_state_file_writer(io, file.fd(), "a", sample_identity(), no_thread);
  feed(*writer, sample_state(), 4096);
  EXPECT_EQ(writer->finish({}).size, sample_state().size());
}

TEST_F(Writer, ReportsEveryWriteThatFails) {
  for (const std::size_t size : {std::size_t{104}, 6 * one_chunk}) {
    const auto state = state_of_size(size);
    const auto before = io.calls_of("write");
    write_state_file(io, folder / "a.state", state);
    const auto writes = io.calls_of("write") - before;
    for (std::size_t nth = 1; nth <= writes; ++nth) {
      io.fail_kind("write", ENOSPC, nth, 1);
      try {
        write_state_file(io, folder / "a.state", state);
        ADD_FAILURE() << "write " << nth << " of " << writes << " failed unnoticed";
      } catch (const OsError& error) {
        EXPECT_EQ(error.error_number(), ENOSPC);
      }
      io.heal();
    }
  }
}

TEST_F(Writer, RefusesToFinishEarly) {
  const auto file = OpenFile::open(io, folder / "a.state", O_WRONLY | O_CREAT);
  const auto writer = make_state_file_writer(io, file.fd(), "a", sample_identity());
  writer->begin(104);
  std::copy_n(sample_state().begin(), 100, writer->room(100).begin());
  writer->commit(100);
  EXPECT_THROW(writer->finish({}), Error);
  writer->room(4);
  EXPECT_THROW(writer->commit(8), Error);
}

TEST_F(Writer, RefusesWhatNoFileTakes) {
  const auto file = OpenFile::open(io, folder / "a.state", O_WRONLY | O_CREAT);
  const auto writer = make_state_file_writer(io, file.fd(), "a", sample_identity());
  EXPECT_THROW(writer->begin(state_file::max_payload + 1), Error);
}

// --- what a reader sees, and when ---

TEST_F(Writer, SaysWhetherTheSourceWentOn) {
  for (const bool resumed : {false, true}) {
    const auto file = OpenFile::open(io, folder / "a.state", O_WRONLY | O_CREAT | O_TRUNC);
    const auto writer = make_state_file_writer(io, file.fd(), "a", sample_identity());
    feed(*writer, sample_state(), 4096);
    EXPECT_EQ(writer->finish({}, resumed).source_resumed, resumed);
    EXPECT_EQ(StoredState::open(io, folder / "a.state").end().source_resumed, resumed);
  }
}

TEST_F(Writer, ShowsItsFirstRecordBeforeTheState) {
  const auto file = OpenFile::open(io, folder / "a.state", O_WRONLY | O_CREAT);
  const auto writer = make_state_file_writer(io, file.fd(), "a", sample_identity());
  const auto written = [&] { return contents(folder / "a.state").size(); };
  writer->announce();
  const auto announced = written();
  EXPECT_EQ(announced, sizeof(state_file::Preamble));
  writer->show_identity_first();
  writer->begin(104);
  EXPECT_GT(written(), announced);
  const auto shown = written();
  std::copy_n(sample_state().begin(), 104, writer->room(104).begin());
  writer->commit(104);
  EXPECT_EQ(written(), shown) << "the state comes last";
  writer->finish({});
  EXPECT_EQ(drain(*StoredState::open(io, folder / "a.state").source(), one_chunk), sample_state());
}

TEST_F(Writer, AnAnnouncedFileIsTheSameFile) {
  for (const std::size_t size : {std::size_t{104}, 3 * one_chunk}) {
    const auto state = state_of_size(size);
    const auto file = OpenFile::open(io, folder / "a.state", O_WRONLY | O_CREAT | O_TRUNC);
    const auto writer = make_state_file_writer(io, file.fd(), "a", sample_identity());
    writer->announce();
    writer->show_identity_first();
    feed(*writer, state, 300'004);
    writer->finish({});
    EXPECT_EQ(drain(*StoredState::open(io, folder / "a.state").source(), one_chunk), state) << size;
  }
}

/// Of a state file and of a raw one, of one chunk and of several.
class BeforeEndTest : public Writer, public testing::WithParamInterface<std::size_t> {
 protected:
  std::size_t finish(bool raw, const BeforeEnd& before_end) {
    const auto file = OpenFile::open(io, path, O_WRONLY | O_CREAT | O_TRUNC);
    const auto writer = raw ? make_raw_state_writer(io, file.fd(), path)
                            : make_state_file_writer(io, file.fd(), path, sample_identity());
    feed(*writer, state_of_size(GetParam()), 300'004);
    writer->finish({}, false, before_end);
    return writer->written();
  }
  /// Whether what is there by now is a whole state.
  bool is_whole(bool raw) {
    try {
      const auto stored =
          StoredState::open(real, path, {.kind = raw ? StateKind::raw : StateKind::detect});
      return stored.source()->size() == GetParam();
    } catch (const Error&) {
      return false;
    }
  }

  std::string path = folder / "a";
};

TEST_P(BeforeEndTest, IsTheLastMomentAtWhichNobodyHasTheState) {
  for (const bool raw : {false, true}) {
    int calls = 0;
    finish(raw, [&](const StateEnd& end, const std::optional<DecodedState>& decoded) {
      ++calls;
      EXPECT_EQ(end.size, GetParam());
      EXPECT_TRUE(decoded.has_value());
      EXPECT_FALSE(is_whole(raw));
    });
    EXPECT_EQ(calls, 1);
    EXPECT_TRUE(is_whole(raw));
  }
}

TEST_P(BeforeEndTest, MayLeaveItAtThat) {
  for (const bool raw : {false, true}) {
    const auto refuse = [](const StateEnd&, const std::optional<DecodedState>&) {
      throw refused("no");
    };
    EXPECT_THROW(finish(raw, refuse), Error);
    EXPECT_FALSE(is_whole(raw));
  }
}

INSTANTIATE_TEST_SUITE_P(Sizes, BeforeEndTest,
                         testing::Values(104, one_chunk + 1028, 3 * one_chunk));

TEST_F(Writer, KeepsNamespacesAndThatThereAreNone) {
  auto identity = sample_identity();
  for (const std::vector<NamespaceShape>& namespaces :
       {std::vector<NamespaceShape>{},
        {{1, 8, 512, 0}, {0xFFFFFFFD, ~std::uint64_t{0}, 4096, 8}}}) {
    identity.namespaces = namespaces;
    write_state_file(io, folder / "a.state", sample_state(), identity);
    EXPECT_EQ(StoredState::open(io, folder / "a.state").identity()->namespaces, namespaces);
  }
}

TEST_F(Writer, WritesTextThatAnyReaderTakes) {
  auto identity = sample_identity();
  identity.layout = StateLayout::opaque;
  identity.serial = "a\x1b[31m\x07\xFF";
  identity.model = std::string(5000, '\xFE');
  identity.firmware =
      "\xC2\x9B"
      "1";
  write_state_file(io, folder / "a.state", sample_state(), identity);
  const auto stored = StoredState::open(io, folder / "a.state");
  EXPECT_EQ(stored.identity()->serial, "a?[31m?\xEF\xBF\xBD");
  EXPECT_EQ(stored.identity()->firmware.find('\x9B'), std::string::npos);
  EXPECT_EQ(stored.identity()->subsystem_nqn, identity.subsystem_nqn);
}

}  // namespace
}  // namespace nvmigrate::test
