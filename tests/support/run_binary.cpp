// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tests/support/run_binary.h"

#include <fcntl.h>
#include <grp.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <sstream>

namespace nvmigrate::test {
namespace {

constexpr int cannot_run = 127;
constexpr uid_t nobody = 65534;

[[noreturn]] void start(const std::vector<std::string>& words,
                        const std::map<std::string, std::string>& environment,
                        const std::function<void()>& in_child, const TemporaryFolder& folder) {
  const auto redirect = [&](const char* name, int descriptor) {
    const int fd = ::open((folder / name).c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    ::dup2(fd, descriptor);
  };
  ::dup2(::open("/dev/null", O_RDONLY | O_CLOEXEC), STDIN_FILENO);
  redirect("output", STDOUT_FILENO);
  redirect("error", STDERR_FILENO);
  for (const auto& [name, value] : environment)
    ::setenv(name.c_str(), value.c_str(), 1);
  if (in_child) in_child();
  std::vector<std::string> copies = words;
  std::vector<char*> arguments;
  for (auto& word : copies)
    arguments.push_back(word.data());
  arguments.push_back(nullptr);
  ::execv(arguments.front(), arguments.data());
  ::_exit(cannot_run);
}

}  // namespace

Ran run_program(const std::vector<std::string>& words,
                const std::map<std::string, std::string>& environment,
                const std::function<void()>& in_child) {
  const TemporaryFolder folder;
  const pid_t child = ::fork();
  if (child == 0) start(words, environment, in_child, folder);
  int how = 0;
  if (child < 0 || ::waitpid(child, &how, 0) != child) return {};
  const int status = WIFEXITED(how) ? WEXITSTATUS(how) : 128 + WTERMSIG(how);
  return {status, contents(folder / "output"), contents(folder / "error")};
}

Tool::Tool(std::string binary)
    : binary_(std::move(binary)),
      environment_{{"LC_ALL", "C"},
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
