// SPDX-License-Identifier: LGPL-2.1-or-later
#include <fcntl.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <csignal>
#include <thread>

#include "nvmigrate/migrate/migrate.h"
#include "nvmigrate/state/state.h"
#include "nvmigrate/state/state_file.h"
#include "tests/lib/migrate/migrate_fixture.h"

namespace nvmigrate {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

/// When an exported state is handed over, and what follows from it.
class HandOverTest : public test::MigrateTest {
 protected:
  HandOverTest() { a->backend[1].state = test::make_state(20'000); }

  void to_file(const ExportOptions& options = {}) { export_to_file(*a->session, 1, file, options); }
  void to_descriptor(int fd, const ExportOptions& options = {}) {
    export_to_descriptor(*a->session, 1, fd, "standard output", options);
  }
  [[nodiscard]] std::optional<IntentKind> now() { return custody("a", 1); }
  void expect_goes_on() {
    EXPECT_FALSE(a->backend[1].suspended);
    EXPECT_FALSE(now());
  }
  /// It stays suspended, and only the operator says what becomes of it.
  void expect_handed_over(const Error& failure) {
    EXPECT_TRUE(a->backend[1].suspended);
    EXPECT_EQ(a->backend.count("resume"), 0U);
    EXPECT_EQ(now(), IntentKind::exported);
    ASSERT_THAT(failure.remedies(),
                ElementsAre(test::remedy_is(Remedy::Action::release, "sim:a", 1),
                            test::remedy_is(Remedy::Action::resume, "sim:a", 1)));
    EXPECT_EQ(failure.remedies()[1].allow, "exported");
  }
  /// Fails the first call of a kind after such a call.
  void fail_after(const std::string& call, const std::string& object, const std::string& kind) {
    io.hook([this, call, object, kind](std::size_t, const test::FaultyIo::Call& made) {
      if (made.kind != call || made.object != object) return;
      io.fail_kind(kind, EIO, 1, 1);
    });
  }

  std::unique_ptr<test::Host> a = host("a");
  std::string file = folder / "guest";
};

// --- a file ---

TEST_F(HandOverTest, TheJournalSaysExportedBeforeTheFileHasItsName) {
  unsigned names = 0;
  const auto expect_exported = [&](const test::FaultyIo::Call& call) {
    const bool links = call.kind == "link" && call.object == file;
    const bool renames = call.kind == "rename" && call.object.starts_with(folder / ".nvmigrate-");
    if (!links && !renames) return;
    ++names;
    EXPECT_EQ(now(), IntentKind::exported);
  };
  io.hook([&](std::size_t, const test::FaultyIo::Call& call) { expect_exported(call); });
  to_file();
  EXPECT_EQ(names, 1U);
  to_file({.overwrite = true, .allowed = {"exported"}});
  EXPECT_EQ(names, 2U);
}

TEST_F(HandOverTest, WhileItIsReadTheJournalSaysExporting) {
  a->backend.hook([&](const std::string& call, std::uint16_t) {
    if (call == "look") return;
    EXPECT_EQ(now(), IntentKind::exporting) << call;
    EXPECT_EQ(recorded("a", 1)->details.at("file"), file);
  });
  to_file();
}

TEST_F(HandOverTest, AFileThatGotItsNameIsHandedOverWhateverFollows) {
  fail_after("link", file, "fsync");
  expect_handed_over(test::failure_of([&] { to_file(); }));
  EXPECT_TRUE(exists(system, file));
}

TEST_F(HandOverTest, AFileThatGotNoNameIsTakenBack) {
  io.hook([&](std::size_t, const test::FaultyIo::Call& call) {
    if (call.kind == "link" && call.object == file) io.fail_kind("link", EIO, 1, 1);
  });
  EXPECT_THROW(to_file(), OsError);
  EXPECT_FALSE(exists(system, file));
  expect_goes_on();
}

TEST_F(HandOverTest, WhatWasExportedBeforeStaysSoWhenItIsExportedAgainInVain) {
  to_file();
  const auto before = *recorded("a", 1);
  a->backend.hook([](const std::string& call, std::uint16_t) {
    if (call == "save") throw OsError(EIO, "read", "it");
  });
  EXPECT_THROW(to_file({.overwrite = true, .allowed = {"exported"}}), OsError);
  EXPECT_EQ(now(), IntentKind::exported);
  EXPECT_EQ(recorded("a", 1)->details, before.details);
}

// --- a snapshot ---

TEST_F(HandOverTest, ASnapshotSaysThatItsSourceWentOn) {
  to_file({.resume = true});
  const auto end = StoredState::open(system, file).end();
  EXPECT_EQ(end.source_resumed, true);
  ASSERT_THAT(ledger(), SizeIs(1));
  EXPECT_EQ(ledger()[0].kind, LedgerLine::Kind::resumed);
  EXPECT_EQ(ledger()[0].sha256, to_string(end.sha256));
  EXPECT_EQ(ledger()[0].source, test::Lab::key_of("a"));
  EXPECT_EQ(ledger()[0].source_cntlid, 1);
  expect_goes_on();
}

TEST_F(HandOverTest, AGuestThatIsHandedOverIsNoSnapshot) {
  to_file();
  EXPECT_EQ(StoredState::open(system, file).end().source_resumed, false);
  EXPECT_THAT(ledger(), IsEmpty());
}

TEST_F(HandOverTest, ASnapshotIsNotedBeforeItCanBeTaken) {
  io.hook([&](std::size_t, const test::FaultyIo::Call& call) {
    const bool appears = call.kind == "link" && call.object == file;
    EXPECT_TRUE(!appears || ledger().size() == 1);
  });
  to_file({.resume = true});
}

// --- a descriptor ---

class DescriptorTest : public HandOverTest {
 protected:
  /// What the journal said before each write.
  std::vector<std::optional<IntentKind>> custody_at_writes(const ExportOptions& options) {
    std::vector<std::optional<IntentKind>> seen;
    io.hook([&](std::size_t, const test::FaultyIo::Call& call) {
      if (call.kind == "write") seen.push_back(now());
    });
    const auto out = OpenFile::open(system, file, O_WRONLY | O_CREAT | O_TRUNC);
    to_descriptor(out.fd(), options);
    io.hook({});
    return seen;
  }
};

TEST_F(DescriptorTest, TheJournalSaysExportedBeforeTheLastWrite) {
  for (const bool raw : {false, true}) {
    for (const std::size_t size : {std::size_t{20'000}, std::size_t{5} << 20U}) {
      a->backend[1].state = test::make_state(size);
      a->backend[1].suspended = false;
      a->journal().strike_custody(1);
      const auto seen = custody_at_writes({.raw = raw});
      EXPECT_NE(seen.front(), IntentKind::exported);
      EXPECT_EQ(seen.back(), IntentKind::exported);
      if (raw && size > state_file::max_chunk) continue;  // others may be written beside it
      EXPECT_EQ(std::count(seen.begin(), seen.end(), IntentKind::exported), 1) << raw << size;
    }
  }
}

TEST_F(DescriptorTest, AFileIsSyncedAndOnlyThenIsAllWell) {
  const auto out = OpenFile::open(system, file, O_WRONLY | O_CREAT);
  io.hook([&](std::size_t, const test::FaultyIo::Call& call) {
    if (call.kind == "write" && now() == IntentKind::exported) io.fail_kind("fsync", EIO, 1, 1);
  });
  expect_handed_over(test::failure_of([&] { to_descriptor(out.fd()); }));
}

TEST_F(DescriptorTest, WhenTheLastWriteFailsNobodyHasTheState) {
  for (const bool raw : {false, true}) {
    const auto out = OpenFile::open(system, file, O_WRONLY | O_CREAT | O_TRUNC);
    io.hook([&](std::size_t, const test::FaultyIo::Call& call) {
      if (call.kind == "write" && now() == IntentKind::exported) io.fail_kind("write", EIO, 1, 1);
    });
    EXPECT_THROW(to_descriptor(out.fd(), {.raw = raw}), OsError);
    io.hook({});
    io.heal();
    expect_goes_on();
  }
}

// --- a pipe ---

/// The reader is a thread that takes what comes until it is told to stop.
class PipeTest : public HandOverTest {
 protected:
  using Until = std::function<bool(int waiting)>;

  PipeTest() { EXPECT_EQ(::pipe(ends.data()), 0); }
  ~PipeTest() override { close_writer(); }

  void close_writer() {
    if (ends[1] >= 0) ::close(std::exchange(ends[1], -1));
  }
  void read_until(const Until& until) {
    std::array<char, 4096> some{};
    for (int waiting = 0; ::ioctl(ends[0], FIONREAD, &waiting) == 0 && !until(waiting);) {
      EXPECT_TRUE(waiting == 0 || ::read(ends[0], some.data(), some.size()) > 0);
    }
  }
  /// What is thrown when the reader goes away as soon as that holds.
  Error failure_when_reader_leaves(const Until& until) {
    std::thread reader([&] {
      read_until(until);
      ::close(ends[0]);
    });
    const auto failure = test::failure_of([&] { to_descriptor(ends[1]); });
    reader.join();
    return failure;
  }
  static bool in_the_state(int waiting) { return waiting > 5000; }
  bool before_the_end(int waiting) { return waiting > 0 && now() == IntentKind::exported; }

  InterruptGuard guard;
  std::array<int, 2> ends{};
};

TEST_F(PipeTest, TakesTheStateWhole) {
  std::string all;
  std::thread reader([&] {
    std::array<char, 4096> some{};
    for (ssize_t count = 1; count > 0;) {
      count = ::read(ends[0], some.data(), some.size());
      all.append(some.data(), static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
    }
    ::close(ends[0]);
  });
  to_descriptor(ends[1]);
  close_writer();
  reader.join();
  test::put(file, all);
  EXPECT_EQ(StoredState::open(system, file).end().size, 20'000U);
  EXPECT_EQ(now(), IntentKind::exported);
}

TEST_F(PipeTest, NothingIsSuspendedForAReaderThatIsGone) {
  ::close(ends[0]);
  EXPECT_THROW(to_descriptor(ends[1]), OsError);
  EXPECT_EQ(a->backend.count("suspend"), 0U);
  expect_goes_on();
}

TEST_F(PipeTest, NothingIsSuspendedBeforeTheReaderIsThere) {
  a->backend.hook([&](const std::string& call, std::uint16_t) {
    int waiting = 0;
    EXPECT_EQ(::ioctl(ends[1], FIONREAD, &waiting), 0);
    EXPECT_TRUE(waiting == 0 || (call != "suspend" && call != "save chunk")) << call;
  });
  failure_when_reader_leaves(in_the_state);
  EXPECT_EQ(a->backend.count("suspend"), 1U);
}

TEST_F(PipeTest, AReaderThatLeavesInTheMiddleHasNotGotTheState) {
  EXPECT_EQ(failure_when_reader_leaves(in_the_state).status(), ExitStatus::io);
  expect_goes_on();
}

TEST_F(PipeTest, AReaderThatLeavesTheEndUnreadHasNotGotTheState) {
  failure_when_reader_leaves([this](int waiting) { return before_the_end(waiting); });
  expect_goes_on();
}

TEST_F(PipeTest, TheEndOfAPipeWithANameMayHaveBeenTakenByAnother) {
  close_writer();
  ::close(ends[0]);
  ASSERT_EQ(::mkfifo(file.c_str(), 0600), 0);
  ends[0] = ::open(file.c_str(), O_RDONLY | O_NONBLOCK);
  ends[1] = ::open(file.c_str(), O_WRONLY);
  expect_handed_over(
      failure_when_reader_leaves([this](int waiting) { return before_the_end(waiting); }));
}

TEST_F(PipeTest, AReaderThatStallsCanBeEndedBySignal) {
  for (const std::size_t size : {std::size_t{300'000}, std::size_t{3} << 20U}) {
    set_interrupted(false);
    a->backend[1].state = test::make_state(size);
    const auto exporter = ::pthread_self();
    std::atomic<bool> ended{false};
    std::thread reader([&] {
      read_until([](int waiting) { return waiting > 30'000; });
      while (!ended) {
        ::pthread_kill(exporter, SIGTERM);
        ::usleep(1000);
      }
    });
    EXPECT_THROW(to_descriptor(ends[1]), Interrupted);
    ended = true;
    reader.join();
    expect_goes_on();
    ::close(ends[0]);
    close_writer();
    ASSERT_EQ(::pipe(ends.data()), 0);
  }
  ::close(ends[0]);
}

}  // namespace
}  // namespace nvmigrate
