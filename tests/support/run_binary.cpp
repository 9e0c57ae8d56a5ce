// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tests/support/run_binary.h"

#include <fcntl.h>
#include <grp.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <sstream>
#include <string_view>

namespace nvmigrate::test {
namespace {

constexpr int cannot_run = 127;
constexpr uid_t nobody = 65534;

/// Where a child's output goes.
struct Outputs {
  TemporaryFolder folder;
  std::string output = folder / "output", error = folder / "error";
};

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (auto& text : texts)
    pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

/// This process's environment, overridden by `ours`.
std::vector<std::string> environment_with(const std::map<std::string, std::string>& ours) {
  std::vector<std::string> all;
  for (const auto& [name, value] : ours)
    all.push_back(name + "=" + value);
  for (char** each = environ; *each != nullptr; ++each) {
    const std::string_view line = *each;
    if (!ours.contains(std::string{line.substr(0, line.find('='))})) all.emplace_back(line);
  }
  return all;
}

/// Does not copy this process, which is slow under sanitizers.
pid_t spawn(std::vector<std::string> words, std::vector<std::string> environment,
            const Outputs& outputs) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  constexpr int flags = O_WRONLY | O_CREAT;
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, outputs.output.c_str(), flags, 0666);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, outputs.error.c_str(), flags, 0666);
  pid_t child = -1;
  const auto failed = ::posix_spawn(&child, words.front().c_str(), &actions, nullptr,
                                    pointers_to(words).data(), pointers_to(environment).data());
  posix_spawn_file_actions_destroy(&actions);
  return failed == 0 ? child : -1;
}

[[noreturn]] void start(std::vector<std::string> words,
                        const std::map<std::string, std::string>& environment,
                        const std::function<void()>& in_child, const Outputs& outputs) {
  const auto redirect = [&](const std::string& name, int descriptor) {
    ::dup2(::open(name.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0666), descriptor);
  };
  ::dup2(::open("/dev/null", O_RDONLY | O_CLOEXEC), STDIN_FILENO);
  redirect(outputs.output, STDOUT_FILENO);
  redirect(outputs.error, STDERR_FILENO);
  for (const auto& [name, value] : environment)
    ::setenv(name.c_str(), value.c_str(), 1);
  in_child();
  ::execv(words.front().c_str(), pointers_to(words).data());
  ::_exit(cannot_run);
}

}  // namespace

Ran run_program(const std::vector<std::string>& words,
                const std::map<std::string, std::string>& environment,
                const std::function<void()>& in_child) {
  const Outputs outputs;
  const pid_t child = in_child ? ::fork() : spawn(words, environment_with(environment), outputs);
  if (child == 0) start(words, environment, in_child, outputs);
  int how = 0;
  if (child < 0 || ::waitpid(child, &how, 0) != child) return {};
  const int status = WIFEXITED(how) ? WEXITSTATUS(how) : 128 + WTERMSIG(how);
  return {status, contents(outputs.output), contents(outputs.error)};
}

Tool::Tool(std::string binary)
    : binary_(std::move(binary)),
      // The leak check doubles the run time of a sanitized program. Code that the tests run in
      // their own process is still checked.
      environment_{{"LSAN_OPTIONS", "detect_leaks=0"},
                   {"LC_ALL", "C"},
                   {"NVMIGRATE_STATE_DIR", folder_ / "state"},
                   {"NVMIGRATE_RUN_DIR", folder_ / "run"},
                   {"NVMIGRATE_SIM_DIR", folder_ / "sim"},
                   {"NVMIGRATE_CONFIG_DIR", folder_ / "config"}} {}

Ran Tool::run(const std::vector<std::string>& words, const std::function<void()>& in_child) const {
  std::vector<std::string> whole{binary_};
  whole.insert(whole.end(), words.begin(), words.end());
  return run_program(whole, environment_, in_child);
}

std::vector<std::string> words_of(const std::string& line) {
  std::istringstream stream(line);
  return {std::istream_iterator<std::string>(stream), {}};
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);)
    lines.push_back(line);
  return lines;
}

void become_nobody() {
  if (::geteuid() != 0) return;
  if (::setgroups(0, nullptr) != 0 || ::setgid(nobody) != 0 || ::setuid(nobody) != 0) {
    ::_exit(cannot_run);
  }
}

}  // namespace nvmigrate::test
