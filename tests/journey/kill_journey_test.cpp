// SPDX-License-Identifier: LGPL-2.1-or-later
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <thread>

#include "tests/journey/job.h"

namespace nvmigrate::test {
namespace {

struct SelfPipe {
  SelfPipe() {
    if (::pipe(ends.data()) != 0) throw std::runtime_error("pipe");
  }
  SelfPipe(const SelfPipe&) = delete;
  SelfPipe& operator=(const SelfPipe&) = delete;
  ~SelfPipe() {
    close_reading();
    close_writing();
  }
  void close_reading() { close_once(ends[0]); }
  void close_writing() { close_once(ends[1]); }
  static void close_once(int& fd) {
    if (fd >= 0) ::close(std::exchange(fd, -1));
  }
  std::array<int, 2> ends{-1, -1};
};

void wait_for_end(int fd) {
  char byte = 0;
  while (::read(fd, &byte, 1) < 0 && errno == EINTR) {
  }
}

[[noreturn]] void run_in_child(World& world, const std::string& line, int point, SelfPipe& there,
                               SelfPipe& go) {
  there.close_reading();
  go.close_writing();
  // Whoever runs the tests may ignore them, and what is ignored stays so.
  for (const int signal : {SIGINT, SIGTERM})
    std::signal(signal, SIG_DFL);
  int count = 0;
  world.watcher().set([&](const SeamCall&) {
    if (count++ == point) {
      there.close_writing();
      wait_for_end(go.ends[0]);
    }
    return Verdict{};
  });
  const auto status = world.run(line).status;
  ::_exit(count > point ? static_cast<int>(status) : 99);
}

/// Runs the line in a process of its own and sends it a signal at its call number `point`.
/// \return its wait status, or nothing when it made fewer calls
std::optional<int> kill_at(World& world, const std::string& line, int point, int signal) {
  SelfPipe there;
  SelfPipe go;
  const pid_t child = ::fork();
  if (child == 0) run_in_child(world, line, point, there, go);
  there.close_writing();
  go.close_reading();
  wait_for_end(there.ends[0]);
  ::kill(child, signal);
  go.close_writing();
  int status = 0;
  ::waitpid(child, &status, 0);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 99) return std::nullopt;
  return status;
}

class KillJourney : public testing::TestWithParam<Job> {};

TEST_P(KillJourney, LosesNothingWhereverItIsKilled) {
  const auto& job = GetParam();
  World world;
  for (const auto& line : job.before)
    world.must(line);
  world.remember();
  const auto known = provisioned_by(world, job);
  int tried = 0;
  // A signal for each turn, four turns for each call.
  for (int turn = 0;; turn += stride()) {
    const auto [point, which] = std::div(turn, 4);
    const int signal =
        std::array{SIGKILL, SIGINT, SIGTERM, SIGPIPE}.at(static_cast<std::size_t>(which));
    SCOPED_TRACE(job.name + ", signal " + std::to_string(signal) + " at call " +
                 std::to_string(point));
    const auto status = kill_at(world, job.line, point, signal);
    const bool was_late = status && signal == SIGKILL && WIFEXITED(*status);
    if (!status || was_late) break;
    ++tried;
    EXPECT_EQ(signal == SIGKILL, WIFSIGNALED(*status) != 0);
    EXPECT_NE(WIFEXITED(*status) ? WEXITSTATUS(*status) : 0, 1);
    expect_nothing_lost(world, job, known);
    expect_repaired(world, job);
    if (HasFailure()) FAIL();
    world.restore();
  }
  std::cout << job.name << ": killed " << tried << " times\n";
  EXPECT_GT(tried, 0);
}

INSTANTIATE_TEST_SUITE_P(Jobs, KillJourney, testing::ValuesIn(jobs()),
                         [](const auto& about) { return about.param.name; });

/// An export into a pipe that this process does not read to the end.
class KillJourneyOfPipes : public testing::Test {
 protected:
  KillJourneyOfPipes() {
    for (const auto* line :
         {"sim create a --vfs-total 1 --vendor --state-size 8M", "provision sim:a --vfs 1",
          "mark sim:a vf1", "bind sim:a vf1", "sim guest start sim:a vf1"})
      world.must(line);
  }

  pid_t start_export() {
    const pid_t child = ::fork();
    if (child == 0) {
      pipe.close_reading();
      ::_exit(static_cast<int>(world.run_with("export sim:a vf1 -f -", -1, pipe.ends[1]).status));
    }
    pipe.close_writing();
    return child;
  }

  /// Reads what precedes the state, for which the export waits, until the pipe holds half of what
  /// it can: the export is past its Suspend, and will stall.
  void wait_until_filled() {
    std::array<char, 4096> bytes{};
    int held = 0;
    while (::ioctl(pipe.ends[0], FIONREAD, &held) == 0 &&
           held < ::fcntl(pipe.ends[0], F_GETPIPE_SZ) / 2) {
      const auto end = static_cast<int>(bytes.size());
      if (held > 0 && held < end) static_cast<void>(!::read(pipe.ends[0], bytes.data(), 1));
      std::this_thread::yield();
    }
  }

  void expect_ended(pid_t child, ExitStatus with) {
    int status = 0;
    ::waitpid(child, &status, 0);
    ASSERT_TRUE(WIFEXITED(status)) << "killed by signal " << WTERMSIG(status);
    EXPECT_EQ(WEXITSTATUS(status), static_cast<int>(with));
    EXPECT_FALSE(source_is_suspended(world));
    const auto functions = world.read("list sim:a")["devices"][0]["functions"];
    EXPECT_EQ(functions[0]["status"], "running") << functions;
    EXPECT_TRUE(functions[0]["intents"].empty()) << functions;
  }

  World world;
  SelfPipe pipe;
};

TEST_F(KillJourneyOfPipes, AReaderThatGoesAwayLeavesNothingSuspended) {
  const auto child = start_export();
  wait_until_filled();
  pipe.close_reading();
  expect_ended(child, ExitStatus::io);
}

TEST_F(KillJourneyOfPipes, AReaderThatIsNotThereLeavesNothingSuspended) {
  pipe.close_reading();
  expect_ended(start_export(), ExitStatus::io);
}

TEST_F(KillJourneyOfPipes, AnExportThatIsStalledEndsWithASignal) {
  const auto child = start_export();
  wait_until_filled();
  ::kill(child, SIGTERM);
  expect_ended(child, ExitStatus::interrupted);
}

}  // namespace
}  // namespace nvmigrate::test
