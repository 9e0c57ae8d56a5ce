// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tests/journey/world.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "nvmigrate/plugins.h"
#include "tests/support/run_binary.h"

namespace nvmigrate::test {
namespace {

namespace fs = std::filesystem;

// Memory where there is some: the journeys sync thousands of small files.
fs::path scratch() {
  return ::access("/dev/shm", W_OK) == 0 ? fs::path("/dev/shm") : fs::temp_directory_path();
}

std::vector<std::string> words(const std::string& line, const std::string& root) {
  auto result = words_of(line);
  for (auto& word : result) {
    if (const auto place = word.find("$W"); place != std::string::npos)
      word.replace(place, 2, root);
  }
  return result;
}

}  // namespace

World::World() {
  auto pattern = (scratch() / "nvmigrate-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp " + pattern);
  root_ = pattern;
  fs::create_directory(root_ / "now");
}

World::~World() {
  std::error_code ignored;
  fs::remove_all(root_, ignored);
}

std::string World::path(const std::string& name) const { return root_ / "now" / name; }

Folders World::folders() const {
  return {.state = path("state"), .run = path("run"), .sim = path("sim")};
}

Workspace World::workspace(const std::string& command) {
  return {.io = &io_,
          .folders = folders(),
          .catalog = &built_in(),
          .command = command,
          .wrap = [this](auto device) { return watch(std::move(device), watcher_); }};
}

Answer World::run(const std::string& line) { return run_with(line, -1, -1); }

Answer World::run_with(const std::string& line, int input, int output) {
  return run_here(words(line, path("")),
                  {.io = io_,
                   .folders = folders(),
                   .input = input,
                   .output = output,
                   .wrap = [this](auto device) { return watch(std::move(device), watcher_); }});
}

Answer World::must(const std::string& line) {
  auto answer = run(line);
  EXPECT_EQ(answer.status, ExitStatus::ok) << "nvmigrate " << line << "\n" << answer.err;
  return answer;
}

nlohmann::json World::read(const std::string& line) {
  const auto answer = must(line + " -o json");
  return answer.status == ExitStatus::ok ? answer.json() : nlohmann::json::object();
}

void World::remember() {
  fs::remove_all(root_ / "before");
  fs::copy(root_ / "now", root_ / "before", fs::copy_options::recursive);
}

void World::restore() {
  fs::remove_all(root_ / "now");
  fs::copy(root_ / "before", root_ / "now", fs::copy_options::recursive);
}

}  // namespace nvmigrate::test
