// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cerrno>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "nvmigrate/base/io.h"
#include "tests/support/watched_seams.h"

namespace nvmigrate::test {

/// Files by their paths. Every folder that a path needs is there, and is private.
using MemoryFiles = std::map<std::string, std::string>;

/// Files in memory. What lies under /files is in `shared`, as on a disk of two hosts. Calls that
/// change something are shown to a watcher first. Descriptors that it did not give are those of
/// this process.
class MemoryIo final : public Io {
 public:
  MemoryIo(MemoryFiles& own, MemoryFiles& shared, Watcher& watcher)
      : own_(&own), shared_(&shared), watcher_(&watcher) {}

  /// A pipe whose reader takes everything at once; its bytes end up in the file of this name.
  int open_pipe(const std::string& name);
  /// Closes and unlocks everything, as when the process dies.
  void forget_descriptors() { open_.clear(); }

  int open(const std::string& path, int flags, mode_t mode) override;
  int close(int fd) override;
  ssize_t read(int fd, std::span<std::byte> into) override;
  ssize_t pread(int fd, std::span<std::byte> into, off_t offset) override;
  ssize_t write(int fd, std::span<const std::byte> from) override;
  int fsync(int fd) override;
  int ftruncate(int fd, off_t size) override;
  int fstat(int fd, struct stat& about) override;
  int lstat(const std::string& path, struct stat& about) override;
  int stat(const std::string& path, struct stat& about) override;
  int link(int fd, const std::string& path) override;
  int rename(const std::string& from, const std::string& to) override;
  int unlink(const std::string& path) override;
  int mkdir(const std::string& path, mode_t mode) override;
  int rmdir(const std::string& path) override;
  int chown(const std::string& path, uid_t owner, gid_t group) override;
  int flock(int fd, int operation) override;
  int unread(int fd, int& count) override;
  int loop_backing(int /*fd*/, dev_t& /*device*/) override {
    errno = ENOTTY;
    return -1;
  }
  int readlink(const std::string& path, std::string& target) override;
  int list(const std::string& path, std::vector<std::string>& names) override;

 private:
  struct Open {
    std::string path;  ///< empty: it has no name
    std::shared_ptr<std::string> content;
    std::size_t position = 0;
    bool folder = false, pipe = false, locked = false;
  };

  MemoryFiles& files_of(const std::string& path);
  bool fails(const char* name, const std::string& object) { return watcher_->fails(name, object); }
  Open* find(int fd);
  void keep(const Open& open);
  static void describe(struct stat& about, bool folder, const std::string& path,
                       const std::string& content);

  std::mutex mutex_;
  MemoryFiles *own_, *shared_;
  Watcher* watcher_;
  std::map<int, Open> open_;
  int next_ = first_descriptor;
  SystemIo system_;

  static constexpr int first_descriptor = 1 << 20;
};

}  // namespace nvmigrate::test
