// SPDX-License-Identifier: LGPL-2.1-or-later
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <iostream>

#include "tests/journey/job.h"

namespace nvmigrate::test {
namespace {

struct Pipe {
  Pipe() {
    if (::pipe(ends.data()) != 0) throw std::runtime_error("pipe");
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  ~Pipe() {
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

[[noreturn]] void run_in_child(World& world, const std::string& line, int point, Pipe& there,
                               Pipe& go) {
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
  Pipe there;
  Pipe go;
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

class KillJourney : public testing::TestWithParam<std::tuple<Job, int>> {};

TEST_P(KillJourney, LosesNothingWhereverItIsKilled) {
  const auto& [job, signal] = GetParam();
  World world;
  for (const auto& line : job.before)
    world.must(line);
  world.remember();
  const auto known = provisioned_by(world, job);
  int tried = 0;
  for (int point = 0;; point += stride()) {
    SCOPED_TRACE(job.name + " killed at call " + std::to_string(point));
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
  std::cout << job.name << ": killed by signal " << signal << " at " << tried << " points\n";
  EXPECT_GT(tried, 0);
}

INSTANTIATE_TEST_SUITE_P(Jobs, KillJourney,
                         testing::Combine(testing::ValuesIn(jobs()),
                                          testing::Values(SIGKILL, SIGINT, SIGTERM, SIGPIPE)),
                         [](const auto& about) {
                           return std::get<0>(about.param).name + "_" +
                                  sigabbrev_np(std::get<1>(about.param));
                         });

}  // namespace
}  // namespace nvmigrate::test
