// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/base/io.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/core.h>
#include <linux/kcmp.h>
#include <linux/loop.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <utility>

#include "nvmigrate/base/error.h"
#include "nvmigrate/base/interrupt.h"
#include "nvmigrate/base/numbers.h"

namespace nvmigrate {
namespace {

/// Calls `read_some` with what is left and the bytes read so far, until `into` is full or it
/// answers 0.
template <typename ReadSome>
std::size_t fill(std::span<std::byte> into, const std::string& object, ReadSome read_some) {
  std::size_t total = 0;
  while (total < into.size()) {
    const ssize_t count = read_some(into.subspan(total), total);
    if (count < 0 && errno == EINTR) {
      stop_if_interrupted(("reading " + object + " was stopped").c_str());
      continue;
    }
    if (count < 0) throw OsError(errno, "read", object);
    if (count == 0) break;
    total += static_cast<std::size_t>(count);
  }
  return total;
}

}  // namespace

int SystemIo::open(const std::string& path, int flags, mode_t mode) {
  return ::open(path.c_str(), flags | O_CLOEXEC, mode);
}
int SystemIo::close(int fd) { return ::close(fd); }
ssize_t SystemIo::read(int fd, std::span<std::byte> into) {
  return ::read(fd, into.data(), into.size());
}
ssize_t SystemIo::pread(int fd, std::span<std::byte> into, off_t offset) {
  return ::pread(fd, into.data(), into.size(), offset);
}
ssize_t SystemIo::write(int fd, std::span<const std::byte> from) {
  return ::write(fd, from.data(), from.size());
}
int SystemIo::fsync(int fd) { return ::fsync(fd); }
int SystemIo::ftruncate(int fd, off_t size) { return ::ftruncate(fd, size); }
int SystemIo::fstat(int fd, struct stat& about) { return ::fstat(fd, &about); }
int SystemIo::lstat(const std::string& path, struct stat& about) {
  return ::lstat(path.c_str(), &about);
}
int SystemIo::stat(const std::string& path, struct stat& about) {
  return ::stat(path.c_str(), &about);
}
int SystemIo::stat_opened(const std::string& path, struct stat& about) {
  struct statx found {};
  if (::statx(AT_FDCWD, path.c_str(), AT_STATX_DONT_SYNC, STATX_TYPE, &found) != 0) return -1;
  about = {};
  about.st_mode = found.stx_mode;
  about.st_rdev = ::makedev(found.stx_rdev_major, found.stx_rdev_minor);
  return 0;
}
int Io::loop_backing(int /*fd*/, dev_t& /*device*/) {
  errno = ENOTTY;
  return -1;
}

bool SystemIo::share_descriptors(pid_t one, pid_t other) {
  return ::syscall(SYS_kcmp, one, other, KCMP_FILES, 0, 0) == 0;
}
int SystemIo::loop_backing(int fd, dev_t& device) {
  loop_info64 about{};
  if (::ioctl(fd, LOOP_GET_STATUS64, &about) != 0) return -1;
  device = static_cast<dev_t>(about.lo_rdevice);
  return 0;
}
int SystemIo::rename(const std::string& from, const std::string& to) {
  return std::rename(from.c_str(), to.c_str());
}
int SystemIo::link(int fd, const std::string& path) {
  const auto unnamed = "/proc/self/fd/" + std::to_string(fd);
  return ::linkat(AT_FDCWD, unnamed.c_str(), AT_FDCWD, path.c_str(), AT_SYMLINK_FOLLOW);
}

int SystemIo::unlink(const std::string& path) { return ::unlink(path.c_str()); }
int SystemIo::mkdir(const std::string& path, mode_t mode) { return ::mkdir(path.c_str(), mode); }
int SystemIo::rmdir(const std::string& path) { return ::rmdir(path.c_str()); }
int SystemIo::chown(const std::string& path, uid_t owner, gid_t group) {
  return ::chown(path.c_str(), owner, group);
}
int SystemIo::flock(int fd, int operation) { return ::flock(fd, operation); }

void SystemIo::widen_pipe(int fd) {
  constexpr int wide = 1 << 20;
  static_cast<void>(::fcntl(fd, F_SETPIPE_SZ, wide));
}

int SystemIo::unread(int fd, int& count) {
  pollfd about{.fd = fd, .events = 0, .revents = 0};
  if (::poll(&about, 1, 0) < 0) return -1;
  if ((about.revents & POLLERR) != 0) {
    if (::ioctl(fd, FIONREAD, &count) != 0) count = 0;
    errno = EPIPE;
    return -1;
  }
  return ::ioctl(fd, FIONREAD, &count);
}

int SystemIo::readlink(const std::string& path, std::string& target) {
  std::array<char, PATH_MAX> buffer{};
  const ssize_t length = ::readlink(path.c_str(), buffer.data(), buffer.size());
  if (length < 0) return -1;
  target.assign(buffer.data(), static_cast<std::size_t>(length));
  return 0;
}

int SystemIo::list(const std::string& path, std::vector<std::string>& names) {
  DIR* directory = ::opendir(path.c_str());
  if (directory == nullptr) return -1;
  names.clear();
  errno = 0;
  while (const dirent* entry = ::readdir(directory)) {
    const std::string name = static_cast<const char*>(entry->d_name);
    if (name != "." && name != "..") names.push_back(name);
  }
  const int failure = errno;
  ::closedir(directory);
  std::sort(names.begin(), names.end());
  errno = failure;
  return failure == 0 ? 0 : -1;
}

OpenFile::OpenFile(OpenFile&& other) noexcept : io_(other.io_), fd_(std::exchange(other.fd_, -1)) {}

OpenFile& OpenFile::operator=(OpenFile&& other) noexcept {
  std::swap(io_, other.io_);
  std::swap(fd_, other.fd_);
  return *this;
}

OpenFile::~OpenFile() {
  if (fd_ >= 0) io_->close(fd_);
}

OpenFile OpenFile::open(Io& io, const std::string& path, int flags, mode_t mode) {
  int fd = io.open(path, flags, mode);
  while (fd < 0 && errno == EINTR) {
    stop_if_interrupted(("opening " + path + " was stopped").c_str());
    fd = io.open(path, flags, mode);
  }
  if (fd < 0) throw OsError(errno, "open", path);
  return {io, fd};
}

std::string read_text(Io& io, const std::string& path, std::size_t limit, int flags) {
  const auto file = OpenFile::open(io, path, O_RDONLY | flags);
  std::string text;
  std::array<std::byte, 4096> piece{};
  while (const auto count = read_up_to(io, file.fd(), piece, path)) {
    text.append(reinterpret_cast<const char*>(piece.data()), count);
    if (text.size() > limit) {
      throw Error(ExitStatus::io,
                  fmt::format("cannot read {}: it is longer than {}", path, format_size(limit)));
    }
  }
  return text;
}

void write_all(Io& io, int fd, std::span<const std::byte> bytes, const std::string& object) {
  while (!bytes.empty()) {
    const ssize_t written = io.write(fd, bytes);
    if (written < 0 && errno == EINTR) {
      stop_if_interrupted(("writing " + object + " was stopped").c_str());
      continue;
    }
    if (written < 0) throw OsError(errno, "write", object);
    if (written == 0) throw OsError(EIO, "write", object);
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
}

std::size_t read_up_to(Io& io, int fd, std::span<std::byte> into, const std::string& object) {
  return fill(into, object,
              [&](std::span<std::byte> rest, std::size_t) { return io.read(fd, rest); });
}

std::size_t pread_up_to(Io& io, int fd, std::span<std::byte> into, off_t offset,
                        const std::string& object) {
  return fill(into, object, [&](std::span<std::byte> rest, std::size_t done) {
    return io.pread(fd, rest, offset + static_cast<off_t>(done));
  });
}

bool same_file(const struct stat& one, const struct stat& other) noexcept {
  return one.st_ino == other.st_ino && one.st_dev == other.st_dev;
}

bool exists(Io& io, const std::string& path) {
  struct stat about {};
  return io.stat(path, about) == 0;
}

}  // namespace nvmigrate
