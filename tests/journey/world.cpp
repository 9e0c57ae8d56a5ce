// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tests/journey/world.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <sstream>

namespace nvmigrate::test {
namespace {

namespace fs = std::filesystem;

// Memory where there is some: the journeys sync thousands of small files.
fs::path scratch() {
  return ::access("/dev/shm", W_OK) == 0 ? fs::path("/dev/shm") : fs::temp_directory_path();
}

std::string contents(int fd) {
  std::string text;
  std::array<char, 4096> piece{};
  off_t offset = 0;
  for (ssize_t count = 0; (count = ::pread(fd, piece.data(), piece.size(), offset)) > 0;) {
    text.append(piece.data(), static_cast<std::size_t>(count));
    offset += count;
  }
  return text;
}

std::vector<std::string> words(const std::string& line, const std::string& root) {
  std::vector<std::string> result;
  std::istringstream in(line);
  for (std::string word; in >> word;) {
    if (const auto place = word.find("$W"); place != std::string::npos)
      word.replace(place, 2, root);
    result.push_back(word);
  }
  return result;
}

const char* no_variable(const char*) { return nullptr; }

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

Answer World::run(const std::string& line) {
  const int out = ::memfd_create("out", MFD_CLOEXEC);
  auto answer = run_with(line, -1, out);
  answer.out = contents(out);
  ::close(out);
  return answer;
}

Answer World::run_with(const std::string& line, int input, int output) {
  const int err = ::memfd_create("err", MFD_CLOEXEC);
  cli::Environment environment{
      .io = io_,
      .folders = {.state = path("state"), .run = path("run"), .sim = path("sim")},
      .input = input,
      .output = output,
      .error = err,
      .variable = no_variable,
      .wrap = [this](auto device) { return watch(std::move(device), watcher_); }};
  Answer answer;
  answer.status = cli::run(words(line, path("")), environment);
  answer.err = contents(err);
  ::close(err);
  return answer;
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
