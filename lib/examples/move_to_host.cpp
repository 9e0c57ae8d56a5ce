// SPDX-License-Identifier: LGPL-2.1-or-later
//
// move_to_host DEVICE ID COMMAND DEVICE ID
// move_to_host take
//
// Moves a guest to another host. COMMAND connects to it, as `ssh b move_to_host take` does: its
// standard input and output lead to the library there.
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <exception>
#include <iostream>
#include <string>
#include <vector>

#include "nvmigrate/base/error.h"
#include "nvmigrate/conditions/conditions.h"
#include "nvmigrate/plugins.h"
#include "nvmigrate/remote/peer.h"
#include "nvmigrate/session/session.h"

namespace {

using nvmigrate::Access;
using nvmigrate::Session;

/// A command with pipes to and from it.
class Connection {
 public:
  explicit Connection(const std::string& command) {
    std::array<int, 2> there{}, back{};
    if (::pipe2(there.data(), O_CLOEXEC) != 0 || ::pipe2(back.data(), O_CLOEXEC) != 0) {
      throw nvmigrate::OsError(errno, "make", "a pipe");
    }
    child_ = ::fork();
    if (child_ == 0) {
      ::dup2(there[0], STDIN_FILENO);
      ::dup2(back[1], STDOUT_FILENO);
      ::execl("/bin/sh", "sh", "-c", command.c_str(), nullptr);
      ::_exit(127);
    }
    ::close(there[0]);
    ::close(back[1]);
    in_ = back[0];
    out_ = there[1];
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection() {
    ::close(in_);
    ::close(out_);
    ::waitpid(child_, nullptr, 0);
  }

  [[nodiscard]] int in() const noexcept { return in_; }
  [[nodiscard]] int out() const noexcept { return out_; }

 private:
  pid_t child_ = -1;
  int in_ = -1, out_ = -1;
};

void move(const nvmigrate::Workspace& workspace, const std::vector<std::string>& given) {
  const auto session = Session::open(workspace, given[0], Access::change);
  const auto cntlid = select_one(session->topology(), given[1], "transfer").cntlid;
  const Connection other(given[2]);
  const auto result = transfer_to_peer(*session, cntlid,
                                       {.in = other.in(),
                                        .out = other.out(),
                                        .host = "the other host",
                                        .url = {},
                                        .device = given[3],
                                        .function = given[4]});
  const auto blackout =
      std::chrono::duration_cast<std::chrono::milliseconds>(result.figures.blackout);
  std::cout << "moved to controller " << result.cntlid << " on " << result.host
            << "; the guest was suspended for " << blackout.count() << " ms\n";
}

}  // namespace

int main(int count, char** words) try {
  const std::vector<std::string> given(words + 1, words + count);
  const nvmigrate::InterruptGuard guard;
  const auto workspace = nvmigrate::default_workspace("move_to_host");
  if (given.size() == 1 && given[0] == "take") {
    nvmigrate::serve_peer(workspace, STDIN_FILENO, STDOUT_FILENO);
  } else if (given.size() == 5) {
    move(workspace, given);
  } else {
    throw nvmigrate::usage_error("give DEVICE ID COMMAND DEVICE ID, or take");
  }
  return 0;
} catch (const nvmigrate::Error& error) {
  std::cerr << error.what() << " [" << error.code() << "]\n" << error.advice() << '\n';
  return static_cast<int>(error.status());
} catch (const std::exception& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
