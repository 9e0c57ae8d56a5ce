// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tests/bench/bench_world.h"

#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <stdexcept>
#include <vector>

#include "cli/command.h"
#include "plugins/registry.h"

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

/// A file in memory that takes what is printed.
class Captured {
 public:
  Captured() : fd_(::memfd_create("captured", MFD_CLOEXEC)) {}
  Captured(const Captured&) = delete;
  Captured& operator=(const Captured&) = delete;
  ~Captured() { ::close(fd_); }

  [[nodiscard]] int fd() const noexcept { return fd_; }
  [[nodiscard]] std::string text() const {
    std::string all;
    std::array<char, 4096> piece{};
    for (ssize_t count = 0;
         (count = ::pread(fd_, piece.data(), piece.size(), static_cast<off_t>(all.size()))) > 0;) {
      all.append(piece.data(), static_cast<std::size_t>(count));
    }
    return all;
  }

 private:
  int fd_;
};

const char* no_variable(const char*) { return nullptr; }

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
  return open_device(io_, folders_, name);
}

nlohmann::json BenchWorld::run(const std::string& line, int input, int output) {
  const Captured out;
  const Captured err;
  cli::Environment environment{.io = io_,
                               .folders = folders_,
                               .input = input,
                               .output = output < 0 ? out.fd() : output,
                               .error = err.fd(),
                               .variable = no_variable};
  std::istringstream words(line + " -o json");
  const std::vector<std::string> arguments{std::istream_iterator<std::string>(words), {}};
  if (cli::run(arguments, environment) != ExitStatus::ok) {
    throw std::runtime_error("nvmigrate " + line + ": " + err.text());
  }
  const auto said = output < 0 ? out.text() : err.text();
  return nlohmann::json::parse(said, nullptr, false);
}

}  // namespace nvmigrate::bench
