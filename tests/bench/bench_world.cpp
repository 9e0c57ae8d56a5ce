// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tests/bench/bench_world.h"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <stdexcept>

#include "plugins/sim/sim.h"
#include "tests/support/run_binary.h"
#include "tests/support/run_tool.h"

namespace nvmigrate::bench {
namespace {

namespace fs = std::filesystem;

std::string make_folder(const std::string& parent) {
  std::string pattern = parent + "/nvmigrate-bench-XXXXXX";
  if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("cannot make " + pattern);
  return pattern;
}

std::string memory_or(const std::string& parent) {
  return ::access("/dev/shm", W_OK) == 0 ? "/dev/shm" : parent;
}

}  // namespace

BenchWorld::BenchWorld(const std::string& parent)
    : folder_(make_folder(parent)),
      memory_(make_folder(memory_or(parent))),
      folders_{folder_ + "/state", memory_ + "/run", memory_ + "/sim"} {}

BenchWorld::~BenchWorld() {
  std::error_code ignored;
  fs::remove_all(folder_, ignored);
  fs::remove_all(memory_, ignored);
}

void BenchWorld::forget() {
  for (const auto* folder : {&folders_.state, &folders_.run, &folders_.sim})
    fs::remove_all(*folder);
}

void BenchWorld::make_hosts(std::uint64_t state_size) {
  forget();
  const auto vendor = state_size > 4096 ? " --vendor" : "";
  for (const std::string name : {"a", "b"}) {
    run("sim create " + name + " --state-size " + std::to_string(state_size) + vendor);
    run("provision sim:" + name + " --vfs 1");
    run("mark sim:" + name + " vf1");
    run("bind sim:" + name + " vf1");
    run("sim guest start sim:" + name + " vf1" + (name == "a" ? " --queues 1" : " --empty"));
  }
}

std::unique_ptr<Device> BenchWorld::open(const std::string& name) {
  return open_sim(io_, folders_, name);
}

nlohmann::json BenchWorld::run(const std::string& line, int input, int output) {
  const auto answer =
      test::run_here(test::words_of(line + " -o json"),
                     {.io = io_, .folders = folders_, .input = input, .output = output});
  if (answer.status != ExitStatus::ok) {
    throw std::runtime_error("nvmigrate " + line + ": " + answer.err);
  }
  return nlohmann::json::parse(output < 0 ? answer.out : answer.err, nullptr, false);
}

}  // namespace nvmigrate::bench
