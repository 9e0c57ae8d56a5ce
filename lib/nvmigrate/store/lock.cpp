// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/store/lock.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <sstream>
#include <thread>
#include <utility>

#include "nvmigrate/base/error.h"
#include "nvmigrate/base/interrupt.h"

namespace nvmigrate {
namespace {

using Clock = std::chrono::steady_clock;

constexpr auto poll_interval = std::chrono::milliseconds{10};
constexpr std::size_t longest_holder = 256;

std::string lock_path(const Folders& folders, const std::string& nqn) {
  return folders.run + "/" + file_name_of(nqn) + ".lock";
}

bool take(Io& io, int fd, const std::string& path, int kind) {
  while (io.flock(fd, kind | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) return false;
    if (errno != EINTR) throw OsError(errno, "lock", path);
  }
  return true;
}

/// Whether the locked file still has that name; it may have been removed meanwhile.
bool is_current(Io& io, int fd, const std::string& path) {
  struct stat ours {};
  struct stat named {};
  if (io.fstat(fd, ours) != 0) throw OsError(errno, "look at", path);
  if (io.lstat(path, named) == 0) return same_file(named, ours);
  if (errno != ENOENT) throw OsError(errno, "look at", path);
  return false;
}

/// What the lock file says of its holder.
struct Holder {
  pid_t pid = 0;          ///< in its own PID namespace; 0: not written yet
  std::string command{};  ///< `export`
  std::string space{};    ///< its PID namespace, `pid:[4026531836]`; empty: not known
};

std::string own_space(Io& io) {
  std::string found;
  return io.readlink("/proc/self/ns/pid", found) == 0 ? found : std::string{};
}

Holder holder_of(Io& io, const std::string& path) {
  std::istringstream text(read_private(io, path).value_or("").substr(0, longest_holder));
  Holder holder;
  text >> holder.pid >> std::ws;
  std::getline(text, holder.command);
  std::getline(text, holder.space);
  return holder;
}

/// `pid 4711 (export)`
std::string described(Io& io, const Holder& holder) {
  if (holder.pid == 0 || holder.command.empty()) return "another process";
  const bool elsewhere = !holder.space.empty() && holder.space != own_space(io);
  return fmt::format("pid {}{} ({})", holder.pid, elsewhere ? " of another PID namespace" : "",
                     holder.command);
}

Error busy(const std::string& holder, const std::string& nqn) {
  return {ExitStatus::busy, fmt::format("subsystem {} is locked by {}", nqn, holder),
          "wait until that command has finished, and try again"};
}

void write_holder(Io& io, int fd, const std::string& path, const std::string& command) {
  if (io.ftruncate(fd, 0) != 0) throw OsError(errno, "write", path);
  const auto text = fmt::format("{} {}\n{}\n", ::getpid(), command, own_space(io));
  write_all(io, fd, std::as_bytes(std::span{text}), path);
}

OpenFile open_lock(Io& io, const Folders& folders, const std::string& path) {
  make_private_folder(io, folders.run);
  check_private(io, path);
  return OpenFile::open(io, path, O_RDWR | O_CREAT | O_NOFOLLOW);
}

OpenFile acquire(Io& io, const Folders& folders, const std::string& nqn,
                 std::chrono::milliseconds wait) {
  const auto path = lock_path(folders, nqn);
  // Who looks whether it is held has it for a moment.
  const auto until = Clock::now() + std::max<std::chrono::milliseconds>(wait, poll_interval);
  while (true) {
    auto file = open_lock(io, folders, path);
    if (take(io, file.fd(), path, LOCK_EX)) {
      if (is_current(io, file.fd(), path)) return file;
      continue;
    }
    stop_if_interrupted("nothing was changed");
    if (Clock::now() >= until) throw busy(described(io, holder_of(io, path)), nqn);
    std::this_thread::sleep_for(poll_interval);
  }
}

}  // namespace

SubsystemLock::SubsystemLock(Io& io, const Folders& folders, const std::string& subsystem_nqn,
                             const std::string& command, std::chrono::milliseconds wait)
    : file_(acquire(io, folders, subsystem_nqn, wait)) {
  write_holder(io, file_.fd(), lock_path(folders, subsystem_nqn), command);
}

bool holds_lock(Io& io, const Folders& folders, const std::string& subsystem_nqn, pid_t pid) {
  const auto path = lock_path(folders, subsystem_nqn);
  try {
    if (pid <= 0 || holder_of(io, path).pid != pid) return false;
    const auto file = OpenFile::open(io, path, O_RDONLY | O_NOFOLLOW);
    return !take(io, file.fd(), path, LOCK_SH);
  } catch (const Error&) {
    return true;
  }
}

}  // namespace nvmigrate
