// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>
#include <vector>

#include "nvmigrate/base/io.h"

namespace nvmigrate::test {

/// An Io whose every file has the same contents, in memory, and which can change nothing.
class MemoryIo final : public Io {
 public:
  MemoryIo(const std::uint8_t* data, std::size_t size)
      : bytes_(std::as_bytes(std::span{data, size})) {}

  int open(const std::string&, int flags, mode_t) override {
    constexpr int writing = 3;
    return (flags & writing) == 0 ? descriptor : refuse();
  }
  int close(int) override { return 0; }
  ssize_t read(int, std::span<std::byte> into) override {
    const auto count = copy(into, position_);
    position_ += static_cast<std::size_t>(count);
    return count;
  }
  ssize_t pread(int, std::span<std::byte> into, off_t offset) override {
    return copy(into, static_cast<std::size_t>(offset));
  }
  /// Swallows it: only standard output and standard error are ever open for writing.
  ssize_t write(int, std::span<const std::byte> from) override {
    return static_cast<ssize_t>(from.size());
  }
  int fsync(int) override { return 0; }
  int ftruncate(int, off_t) override { return refuse(); }
  int fstat(int, struct stat& about) override {
    about = {};
    about.st_mode = S_IFREG;
    about.st_size = static_cast<off_t>(bytes_.size());
    return 0;
  }
  int lstat(const std::string&, struct stat&) override { return refuse(ENOENT); }
  int stat(const std::string&, struct stat&) override { return refuse(ENOENT); }
  int link(int, const std::string&) override { return refuse(); }
  int rename(const std::string&, const std::string&) override { return refuse(); }
  int unlink(const std::string&) override { return refuse(); }
  int mkdir(const std::string&, mode_t) override { return refuse(); }
  int rmdir(const std::string&) override { return refuse(); }
  int chown(const std::string&, uid_t, gid_t) override { return refuse(); }
  int flock(int, int) override { return 0; }
  int unread(int, int&) override { return refuse(EINVAL); }
  int readlink(const std::string&, std::string&) override { return refuse(ENOENT); }
  int list(const std::string&, std::vector<std::string>&) override { return refuse(ENOENT); }

 private:
  static constexpr int descriptor = 1 << 20;

  static int refuse(int code = EROFS) {
    errno = code;
    return -1;
  }
  [[nodiscard]] ssize_t copy(std::span<std::byte> into, std::size_t offset) const {
    const auto rest = bytes_.subspan(std::min(offset, bytes_.size()));
    const auto count = std::min(into.size(), rest.size());
    std::copy_n(rest.begin(), count, into.begin());
    return static_cast<ssize_t>(count);
  }

  std::span<const std::byte> bytes_;
  std::size_t position_ = 0;
};

}  // namespace nvmigrate::test
