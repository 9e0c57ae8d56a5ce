// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/ssh.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <utility>
#include <vector>

#include "nvmigrate/base/error.h"
#include "nvmigrate/base/interrupt.h"

namespace nvmigrate::cli {
namespace {

constexpr std::string_view scheme = "ssh://";
constexpr int cannot_execute = 127;

/// The two ends of a pipe, closed on exec.
struct Pipe {
  int read = -1, write = -1;

  Pipe() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw OsError(errno, "make", "a pipe to ssh");
    read = ends[0];
    write = ends[1];
  }
};

std::vector<std::string> arguments_of(const SshTarget& target, const SshOptions& options) {
  // The shell splits the command, as with git's GIT_SSH_COMMAND.
  std::vector<std::string> arguments{"/bin/sh", "-c", options.command + " \"$@\"", "ssh"};
  if (!target.port.empty()) arguments.insert(arguments.end(), {"-p", target.port});
  arguments.insert(arguments.end(),
                   {"--", target.login, options.program + options.options + " __receive"});
  return arguments;
}

/// In the child: becomes ssh. A Ctrl-C is for the tool, which then ends the connection in order.
[[noreturn]] void become(std::vector<std::string>& arguments, int input, int output) {
  std::signal(SIGINT, SIG_IGN);
  for (const int error : {SIGPIPE, SIGXFSZ})
    std::signal(error, SIG_DFL);
  std::vector<char*> words;
  words.reserve(arguments.size() + 1);
  for (auto& argument : arguments)
    words.push_back(argument.data());
  words.push_back(nullptr);
  if (::dup2(input, STDIN_FILENO) >= 0 && ::dup2(output, STDOUT_FILENO) >= 0) {
    ::execv(words.front(), words.data());
  }
  ::_exit(cannot_execute);
}

Error malformed(const std::string& device, const std::string& why) {
  return usage_error("'" + device + "' " + why, "name it as ssh://[USER@]HOST[:PORT]/DEVICE");
}

}  // namespace

std::string SshTarget::url() const {
  return std::string{scheme} + login + (port.empty() ? "" : ":" + port) + "/";
}

bool is_ssh(std::string_view device) noexcept { return device.starts_with(scheme); }

SshTarget parse_ssh(const std::string& device) {
  const auto rest = device.substr(scheme.size());
  const auto slash = rest.find('/');
  if (slash == std::string::npos) throw malformed(device, "names no device");
  SshTarget target;
  target.login = rest.substr(0, slash);
  target.device = rest.substr(slash + 1);
  const auto at = target.login.rfind('@');
  const auto host_begin = at == std::string::npos ? 0 : at + 1;
  if (target.login.substr(0, host_begin).find(':') != std::string::npos) {
    throw malformed(device, "has a password, which ssh does not take");
  }
  const auto bracket = target.login.find(']', host_begin);
  const auto colon = target.login.find(':', bracket == std::string::npos ? host_begin : bracket);
  if (colon != std::string::npos) {
    target.port = target.login.substr(colon + 1);
    target.login.resize(colon);
  }
  target.host = target.login.substr(host_begin);
  if (target.host.starts_with('[') && target.host.ends_with(']')) {
    target.host = target.host.substr(1, target.host.size() - 2);
    target.login = target.login.substr(0, host_begin) + target.host;
  }
  if (target.host.empty() || target.host.starts_with('-')) {
    throw malformed(device, "names no host");
  }
  return target;
}

SshConnection::SshConnection(const SshTarget& target, const SshOptions& options) {
  auto arguments = arguments_of(target, options);
  const Pipe there, back;
  pid_ = ::fork();
  if (pid_ == 0) become(arguments, there.read, back.write);
  const int code = errno;
  ::close(there.read);
  ::close(back.write);
  in_ = back.read;
  out_ = there.write;
  if (pid_ < 0) {
    end();
    throw OsError(code, "start", "ssh");
  }
}

SshConnection::~SshConnection() { end(); }

int SshConnection::end() noexcept {
  for (int* const end : {&in_, &out_}) {
    if (*end >= 0) ::close(std::exchange(*end, -1));
  }
  const auto pid = std::exchange(pid_, -1);
  if (pid <= 0) return status_;
  int status = 0;
  // On a dead connection ssh waits for a long time, and Ctrl-C does not reach it.
  if (interrupted()) ::kill(pid, SIGTERM);
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    if (interrupted()) ::kill(pid, SIGTERM);
  }
  status_ = WIFEXITED(status) ? WEXITSTATUS(status) : cannot_execute;
  return status_;
}

}  // namespace nvmigrate::cli
