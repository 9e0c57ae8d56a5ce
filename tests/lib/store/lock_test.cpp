// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/store/lock.h"

#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <optional>

#include "nvmigrate/base/interrupt.h"
#include "tests/support/error_of.h"
#include "tests/support/faulty_io.h"
#include "tests/support/temporary_folder.h"

namespace nvmigrate {
namespace {

using namespace std::chrono_literals;
using test::error_of;
using test::failure_of;
using testing::AllOf;
using testing::HasSubstr;

const std::string locked_nqn = "nqn.2019-08.org.x:a";

/// Another process that holds the lock until it is let go.
class Holder {
 public:
  explicit Holder(const Folders& folders) {
    std::array<int, 2> ready{};
    std::array<int, 2> end{};
    if (::pipe(ready.data()) != 0 || ::pipe(end.data()) != 0) std::abort();
    pid_ = ::fork();
    if (pid_ == 0) hold(folders, ready[1], end);
    end_ = end[1];
    ::close(end[0]);
    ::close(ready[1]);
    char byte = 0;
    if (::read(ready[0], &byte, 1) != 1) std::abort();
    ::close(ready[0]);
  }
  Holder(const Holder&) = delete;
  Holder& operator=(const Holder&) = delete;
  ~Holder() { let_go(); }

  void let_go() {
    if (end_ < 0) return;
    ::close(end_);
    end_ = -1;
    ::waitpid(pid_, nullptr, 0);
  }
  [[nodiscard]] pid_t pid() const { return pid_; }

 private:
  [[noreturn]] static void hold(const Folders& folders, int ready, const std::array<int, 2>& end) {
    ::close(end[1]);
    SystemIo io;
    const SubsystemLock lock(io, folders, locked_nqn, "export", 0ms);
    char byte = 0;
    if (::write(ready, &byte, 1) != 1 || ::read(end[0], &byte, 1) < 0) ::_exit(1);
    ::_exit(0);
  }

  pid_t pid_ = 0;
  int end_ = -1;
};

class LockTest : public testing::Test {
 protected:
  [[nodiscard]] std::string path() const {
    return folders.run + "/" + file_name_of(locked_nqn) + ".lock";
  }

  test::TemporaryFolder folder;
  Folders folders = folder.folders();
  SystemIo system;
  test::FaultyIo io{system};
};

TEST_F(LockTest, IsHeldByOneAtATimeWhoIsNamed) {
  const Holder other(folders);
  const auto error = failure_of([&] { SubsystemLock(io, folders, locked_nqn, "bind", 0ms); });
  EXPECT_EQ(error.status(), ExitStatus::busy);
  EXPECT_EQ(error.code(), "busy");
  EXPECT_NE(error.advice(), "");
  EXPECT_THAT(error.what(), AllOf(HasSubstr("pid " + std::to_string(other.pid()) + " (export)"),
                                  HasSubstr(locked_nqn)));
}

TEST_F(LockTest, NamesACommandOfSeveralWords) {
  const SubsystemLock other(system, folders, locked_nqn, "sim guest start", 0ms);
  EXPECT_THAT(
      error_of([&] { SubsystemLock(io, folders, locked_nqn, "bind", 0ms); }, ExitStatus::busy),
      HasSubstr("(sim guest start)"));
}

TEST_F(LockTest, EndsWithItsProcess) {
  Holder other(folders);
  ::kill(other.pid(), SIGKILL);
  other.let_go();
  const SubsystemLock lock(io, folders, locked_nqn, "bind", 0ms);
  EXPECT_THAT(test::contents(path()), HasSubstr(std::to_string(::getpid()) + " bind"));
}

TEST_F(LockTest, EndsWithItsScope) {
  { const SubsystemLock lock(io, folders, locked_nqn, "bind", 0ms); }
  EXPECT_NO_THROW(SubsystemLock(io, folders, locked_nqn, "export", 0ms));
}

TEST_F(LockTest, OfAnotherSubsystemIsAnother) {
  const Holder other(folders);
  EXPECT_NO_THROW(SubsystemLock(io, folders, locked_nqn + "b", "bind", 0ms));
}

TEST_F(LockTest, WaitsForTheHolderToEnd) {
  Holder other(folders);
  io.hook([&](std::size_t, const test::FaultyIo::Call&) {
    if (io.calls_of("flock") == 2) other.let_go();
  });
  EXPECT_NO_THROW(SubsystemLock(io, folders, locked_nqn, "bind", 60s));
  EXPECT_GE(io.calls_of("flock"), 2U);
}

TEST_F(LockTest, WaitingEndsWithAnInterruption) {
  const Holder other(folders);
  io.hook([&](std::size_t, const test::FaultyIo::Call&) {
    if (io.calls_of("flock") == 2) set_interrupted(true);
  });
  error_of([&] { SubsystemLock(io, folders, locked_nqn, "bind", 60s); }, ExitStatus::interrupted);
  set_interrupted(false);
}

TEST_F(LockTest, ACallThatASignalEndedIsNoHolder) {
  io.fail_kind("flock", EINTR, 1, 2);
  EXPECT_NO_THROW(SubsystemLock(io, folders, locked_nqn, "bind", 0ms));
}

TEST_F(LockTest, IsTakenAgainWhenItsFileWasRemovedMeanwhile) {
  bool removed = false;
  io.hook([&](std::size_t, const test::FaultyIo::Call& call) {
    if (call.kind == "flock" && !removed) removed = ::unlink(path().c_str()) == 0;
  });
  const SubsystemLock lock(io, folders, locked_nqn, "bind", 0ms);
  EXPECT_TRUE(removed);
  EXPECT_TRUE(std::filesystem::exists(path()));
  error_of([&] { SubsystemLock(system, folders, locked_nqn, "x", 0ms); }, ExitStatus::busy);
}

TEST_F(LockTest, AHolderThatWroteNothingYetIsAnotherProcess) {
  const Holder other(folders);
  test::put(path(), "");
  error_of([&] { SubsystemLock(io, folders, locked_nqn, "bind", 0ms); }, ExitStatus::busy);
}

TEST_F(LockTest, ThroughASymbolicLinkIsRefused) {
  std::filesystem::create_directories(folder / "elsewhere");
  std::filesystem::create_directory_symlink(folder / "elsewhere", folders.run);
  error_of([&] { SubsystemLock(io, folders, locked_nqn, "bind", 0ms); }, ExitStatus::refused);
}

TEST_F(LockTest, AFailureAtAnyStepIsReportedAndLeavesItFree) {
  make_private_folder(system, folders.run);
  std::size_t steps = 0;
  {
    const SubsystemLock lock(io, folders, locked_nqn, "bind", 0ms);
    steps = io.calls();
  }
  EXPECT_GE(steps, 8U) << "look at folder and file, open, lock, look twice, truncate, write";
  for (std::size_t step = 1; step <= steps; ++step) {
    // Which PID namespace it is need not be known.
    if (io.log()[step - 1].object == "/proc/self/ns/pid") continue;
    test::FaultyIo faulty(system);
    faulty.fail_nth(step, EIO);
    EXPECT_THROW(SubsystemLock(faulty, folders, locked_nqn, "bind", 0ms), Error) << "step " << step;
    EXPECT_NO_THROW(SubsystemLock(system, folders, locked_nqn, "bind", 0ms)) << "step " << step;
  }
}

TEST_F(LockTest, HoldersAreKnownByTheirPid) {
  EXPECT_FALSE(holds_lock(io, folders, locked_nqn, ::getpid()));
  std::optional<Holder> other(folders);
  const auto pid = other->pid();
  EXPECT_TRUE(holds_lock(io, folders, locked_nqn, pid));
  EXPECT_FALSE(holds_lock(io, folders, locked_nqn, ::getpid()));
  EXPECT_FALSE(holds_lock(io, folders, locked_nqn + "b", pid));
  EXPECT_FALSE(holds_lock(io, folders, locked_nqn, 0));
  other.reset();
  EXPECT_FALSE(holds_lock(io, folders, locked_nqn, pid));
}

TEST_F(LockTest, HoldersAreKnownByTheLockItself) {
  const auto other = std::make_optional<Holder>(folders);
  test::put(path(), "7 export\npid:[1]\n");
  EXPECT_TRUE(holds_lock(io, folders, locked_nqn, 7)) << "as it is called in its own PID namespace";
  EXPECT_FALSE(holds_lock(io, folders, locked_nqn, other->pid()));
  EXPECT_THAT(
      error_of([&] { SubsystemLock(io, folders, locked_nqn, "bind", 0ms); }, ExitStatus::busy),
      HasSubstr("pid 7 of another PID namespace (export)"));
  test::put(path(), "7 export\n");
  EXPECT_TRUE(holds_lock(io, folders, locked_nqn, 7)) << "an earlier version wrote no namespace";
  for (const std::size_t nth : {1U, 2U}) {
    io.heal();
    io.fail_kind("open", EMFILE, nth);
    EXPECT_TRUE(holds_lock(io, folders, locked_nqn, 7)) << "what cannot be tried may be held";
  }
}

TEST_F(LockTest, WhoLooksKeepsNobodyFromTakingIt) {
  { const SubsystemLock lock(io, folders, locked_nqn, "bind", 0ms); }
  io.fail_kind("flock", EWOULDBLOCK, 1, 1);
  EXPECT_NO_THROW(SubsystemLock(io, folders, locked_nqn, "bind", 0ms));
}

}  // namespace
}  // namespace nvmigrate
