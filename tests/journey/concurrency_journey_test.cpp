// SPDX-License-Identifier: LGPL-2.1-or-later
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "nvmigrate/store/lock.h"
#include "nvmigrate/store/records.h"
#include "tests/journey/world.h"

namespace nvmigrate::test {
namespace {

constexpr int processes = 32;

std::string function_of(int process) { return " sim:c vf" + std::to_string(process + 1); }
std::string state_file_of(int process) { return "$W/" + std::to_string(process) + ".nvmstate"; }

// What one process does to a function of its own, and all do to the subsystem.
std::vector<std::string> lines_of(int process) {
  const auto patient = " -o json --wait 120";
  std::vector<std::string> lines{"mark" + function_of(process) + patient,
                                 "bind" + function_of(process) + patient};
  if (process % 2 == 0) std::swap(lines[0], lines[1]);
  const auto take = "export" + function_of(process) + " --then resume -f " + state_file_of(process);
  lines.insert(lines.begin(), "provision sim:c --vfs 32" + std::string(patient));
  lines.insert(lines.begin() + 1 + process % 3, "list sim:c -o json");
  lines.push_back(take + patient);
  lines.push_back(take + " --overwrite");
  return lines;
}

// 0 done, 7 somebody else holds the lock and the command did not want to wait for it.
bool is_expected(const std::string& line, const Answer& answer) {
  if (answer.status == ExitStatus::ok) return true;
  const bool waits = line.find("--wait") != std::string::npos || line.starts_with("list");
  return !waits && answer.status == ExitStatus::busy;
}

void note_work(World& world, const std::string& line, const Answer& answer) {
  if (!line.starts_with("provision") || answer.json()["changed"] != true) return;
  std::ofstream(world.path("provisioned-by-" + std::to_string(::getpid())));
}

pid_t start(World& world, int process) {
  const pid_t child = ::fork();
  if (child != 0) return child;
  for (const auto& line : lines_of(process)) {
    const auto answer = world.run(line);
    if (!is_expected(line, answer)) {
      const auto talk = line + ": " + answer.err;
      static_cast<void>(!::write(STDERR_FILENO, talk.data(), talk.size()));
      ::_exit(1);
    }
    note_work(world, line, answer);
  }
  ::_exit(0);
}

int files_named(World& world, const std::string& beginning) {
  int count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(world.path("")))
    count += entry.path().filename().string().starts_with(beginning) ? 1 : 0;
  return count;
}

TEST(ConcurrencyJourney, ThirtyTwoProcessesLoseNoUpdate) {
  World world;
  world.must("sim create c --vfs-total 32 --vq 96 --vi 64 --vendor --state-size 60000");

  std::vector<pid_t> children;
  for (int process = 0; process < processes; ++process)
    children.push_back(start(world, process));
  for (const auto child : children) {
    int status = 0;
    ::waitpid(child, &status, 0);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
  }

  EXPECT_EQ(files_named(world, "provisioned-by-"), 1) << "provisioned more than once";
  const auto functions = world.read("list sim:c")["devices"][0]["functions"];
  ASSERT_EQ(functions.size(), static_cast<std::size_t>(processes));
  for (const auto& function : functions) {
    EXPECT_EQ(function["marked"], true) << function;
    EXPECT_EQ(function["driver"], "vfio-pci") << function;
    EXPECT_FALSE(function["binding"].is_null()) << function;
    EXPECT_EQ(function["status"], "running") << function;
    EXPECT_TRUE(function["intents"].empty()) << function;
  }
  for (int process = 0; process < processes; ++process)
    world.must("verify " + state_file_of(process));
}

TEST(ConcurrencyJourney, TheHolderOfTheLockIsNamed) {
  World world;
  world.must("sim create c --vfs-total 4");
  SystemIo io;
  const Folders folders{world.path("state"), world.path("run"), world.path("sim")};
  const auto device = world.read("list sim:c")["devices"][0];
  const SubsystemKey key{device["subsystem_nqn"], device["serial"]};
  const SubsystemLock holder(io, folders, key.text(), "provision", std::chrono::milliseconds(0));

  const auto refused = world.run("provision sim:c --vfs 2");
  EXPECT_EQ(refused.status, ExitStatus::busy);
  EXPECT_NE(refused.err.find(std::to_string(::getpid())), std::string::npos) << refused.err;
  EXPECT_NE(refused.err.find("provision"), std::string::npos) << refused.err;
  world.must("list sim:c");
}

}  // namespace
}  // namespace nvmigrate::test
