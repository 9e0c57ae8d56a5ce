// SPDX-License-Identifier: LGPL-2.1-or-later
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/journey/world.h"

namespace nvmigrate::test {
namespace {

constexpr int processes = 32;
constexpr int rounds = 6;

std::string line_of(int process, int round) {
  const auto function = "vf" + std::to_string(process % 4 + 1);
  const auto file = "$W/" + std::to_string(process) + "-" + std::to_string(round) + ".nvmstate";
  switch ((process + round) % 6) {
    case 0:
      return "list sim:c -o json";
    case 1:
      return "export sim:c " + function + " -f " + file + " --then resume --wait 60";
    case 2:
      return "provision sim:c --vfs 4 --wait 60";
    case 3:
      return "bind sim:c " + function + " --wait 60";
    case 4:
      return "export sim:c " + function + " -f " + file + " --then resume";
    default:
      return "mark sim:c " + function + " --wait 60";
  }
}

// 0 done, 7 somebody else holds the lock and the command did not want to wait.
bool is_expected(int process, int round, int status) {
  const bool waits = line_of(process, round).find("--wait") != std::string::npos;
  const bool reads = line_of(process, round).starts_with("list");
  return status == 0 || (status == 7 && !waits && !reads);
}

pid_t start(World& world, int process) {
  const pid_t child = ::fork();
  if (child != 0) return child;
  for (int round = 0; round < rounds; ++round) {
    const auto answer = world.run(line_of(process, round));
    if (is_expected(process, round, static_cast<int>(answer.status))) continue;
    const auto talk = line_of(process, round) + ": " + answer.err;
    static_cast<void>(!::write(STDERR_FILENO, talk.data(), talk.size()));
    ::_exit(static_cast<int>(answer.status));
  }
  ::_exit(0);
}

TEST(ConcurrencyJourney, ThirtyTwoProcessesLoseNoUpdate) {
  World world;
  world.must("sim create c --vfs-total 4 --vendor --state-size 60000");
  world.must("provision sim:c --vfs 4");
  world.must("mark sim:c all");
  world.must("bind sim:c all");
  for (int vf = 1; vf <= 4; ++vf)
    world.must("sim guest start sim:c vf" + std::to_string(vf));

  std::vector<pid_t> children;
  for (int process = 0; process < processes; ++process)
    children.push_back(start(world, process));
  for (const auto child : children) {
    int status = 0;
    ::waitpid(child, &status, 0);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
  }

  const auto listed = world.read("list sim:c");
  for (const auto& function : listed["devices"][0]["functions"]) {
    EXPECT_EQ(function["marked"], true) << function;
    EXPECT_EQ(function["driver"], "vfio-pci") << function;
    EXPECT_TRUE(function["intents"].empty()) << function;
  }
}

TEST(ConcurrencyJourney, TheHolderOfTheLockIsNamed) {
  World world;
  world.must("sim create c --vfs-total 4");
  SystemIo io;
  const Folders folders{world.path("state"), world.path("run"), world.path("sim")};
  const auto nqn = world.read("list sim:c")["devices"][0]["subsystem_nqn"].get<std::string>();
  const SubsystemLock holder(io, folders, nqn, "provision", std::chrono::milliseconds(0));

  const auto refused = world.run("provision sim:c --vfs 2");
  EXPECT_EQ(refused.status, ExitStatus::busy);
  EXPECT_NE(refused.err.find(std::to_string(::getpid())), std::string::npos) << refused.err;
  EXPECT_NE(refused.err.find("provision"), std::string::npos) << refused.err;
  world.must("list sim:c");
}

}  // namespace
}  // namespace nvmigrate::test
