// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/store/lock.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <optional>
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
constexpr std::size_t longest_lock_table = std::size_t{64} << 20U;

std::string lock_path(const Folders& folders, const std::string& nqn) {
  return folders.run + "/" + file_name_of(nqn) + ".lock";
}

bool take(Io& io, int fd, const std::string& path) {
  while (io.flock(fd, LOCK_EX | LOCK_NB) != 0) {
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

/// `pid 4711 (export)`, if the holder has written it already.
std::string holder_of(Io& io, const std::string& path) {
  std::istringstream text(read_private(io, path).value_or("").substr(0, longest_holder));
  std::string pid;
  std::string command;
  if (!(text >> pid >> std::ws) || !std::getline(text, command)) return "another process";
  return fmt::format("pid {} ({})", pid, command);
}

Error busy(const std::string& holder, const std::string& nqn) {
  return {ExitStatus::busy, fmt::format("subsystem {} is locked by {}", nqn, holder),
          "wait until that command has finished, and try again"};
}

void write_holder(Io& io, int fd, const std::string& path, const std::string& command) {
  if (io.ftruncate(fd, 0) != 0) throw OsError(errno, "write", path);
  const auto text = fmt::format("{} {}\n", ::getpid(), command);
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
  const auto until = Clock::now() + wait;
  while (true) {
    auto file = open_lock(io, folders, path);
    if (take(io, file.fd(), path)) {
      if (is_current(io, file.fd(), path)) return file;
      continue;
    }
    stop_if_interrupted("nothing was changed");
    if (Clock::now() >= until) throw busy(holder_of(io, path), nqn);
    std::this_thread::sleep_for(poll_interval);
  }
}

std::string lock_table(Io& io) { return read_text(io, "/proc/locks", longest_lock_table); }

/// One line of /proc/locks: `1: FLOCK  ADVISORY  WRITE 4711 fe:00:1234 0 EOF`. Some file systems
/// show another device number there than stat(2), so the inode and the process decide.
bool is_lock_of(const std::string& line, ino_t inode, pid_t pid) {
  std::istringstream words(line);
  std::string number, kind, mode, access, file;
  pid_t holder = 0;
  if (!(words >> number >> kind >> mode >> access >> holder >> file)) return false;
  const auto colon = file.rfind(':');
  return kind == "FLOCK" && holder == pid && colon != std::string::npos &&
         file.substr(colon + 1) == std::to_string(inode);
}

}  // namespace

SubsystemLock::SubsystemLock(Io& io, const Folders& folders, const std::string& subsystem_nqn,
                             const std::string& command, std::chrono::milliseconds wait)
    : file_(acquire(io, folders, subsystem_nqn, wait)) {
  write_holder(io, file_.fd(), lock_path(folders, subsystem_nqn), command);
}

bool holds_lock(Io& io, const Folders& folders, const std::string& subsystem_nqn, pid_t pid) {
  struct stat about {};
  if (pid <= 0 || io.stat(lock_path(folders, subsystem_nqn), about) != 0) return false;
  try {
    std::istringstream table(lock_table(io));
    for (std::string line; std::getline(table, line);) {
      if (is_lock_of(line, about.st_ino, pid)) return true;
    }
    return false;
  } catch (const OsError&) {
    return ::kill(pid, 0) == 0;
  }
}

}  // namespace nvmigrate
