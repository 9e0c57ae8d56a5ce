// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <functional>
#include <limits>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "nvmigrate/base/io.h"

namespace nvmigrate::test {

/// Wraps an Io: counts its calls, fails those it is told to with an errno (without making the call;
/// a close is made nevertheless), shortens writes, and calls a hook before each call.
class FaultyIo : public Io {
 public:
  struct Call {
    std::string kind;    ///< the method: `open`, `fsync`, …
    std::string object;  ///< its path, the source of a rename; empty for calls on a descriptor
  };
  using Hook = std::function<void(std::size_t number, const Call& call)>;

  explicit FaultyIo(Io& real) : real_(&real) {}

  /// Fails the `number`th call from now, counted from 1.
  void fail_nth(std::size_t number, int code) { faults_.push_back({"", number, 1, code}); }
  /// Fails the `first`th call of a kind from now, counted from 1, and those after it up to `count`.
  void fail_kind(std::string kind, int code, std::size_t first = 1,
                 std::size_t count = std::numeric_limits<std::size_t>::max()) {
    faults_.push_back({std::move(kind), first, count, code});
  }
  /// Writes take at most `most` bytes.
  void shorten_writes(std::size_t most) { most_ = most; }
  /// Called before each call with its number since the start; may throw or end the process.
  void hook(Hook hook) { hook_ = std::move(hook); }
  /// No faults any more; counting goes on.
  void heal() {
    faults_.clear();
    most_ = std::numeric_limits<std::size_t>::max();
  }

  [[nodiscard]] std::size_t calls() const noexcept { return log_.size(); }
  [[nodiscard]] const std::vector<Call>& log() const noexcept { return log_; }
  [[nodiscard]] std::size_t calls_of(const std::string& kind) const {
    return static_cast<std::size_t>(
        std::count_if(log_.begin(), log_.end(), [&](const Call& c) { return c.kind == kind; }));
  }

  int open(const std::string& path, int flags, mode_t mode) override {
    return fails("open", path) ? -1 : real_->open(path, flags, mode);
  }
  int close(int fd) override {
    const bool failed = fails("close");
    const int code = errno;
    const int result = real_->close(fd);
    errno = failed ? code : errno;
    return failed ? -1 : result;
  }
  ssize_t read(int fd, std::span<std::byte> into) override {
    return fails("read") ? -1 : real_->read(fd, into);
  }
  ssize_t pread(int fd, std::span<std::byte> into, off_t offset) override {
    return fails("pread") ? -1 : real_->pread(fd, into, offset);
  }
  ssize_t write(int fd, std::span<const std::byte> from) override {
    return fails("write") ? -1 : real_->write(fd, from.first(std::min(most_, from.size())));
  }
  int fsync(int fd) override { return fails("fsync") ? -1 : real_->fsync(fd); }
  int ftruncate(int fd, off_t size) override {
    return fails("ftruncate") ? -1 : real_->ftruncate(fd, size);
  }
  int fstat(int fd, struct stat& about) override {
    return fails("fstat") ? -1 : real_->fstat(fd, about);
  }
  int lstat(const std::string& path, struct stat& about) override {
    return fails("lstat", path) ? -1 : real_->lstat(path, about);
  }
  int stat(const std::string& path, struct stat& about) override {
    return fails("stat", path) ? -1 : real_->stat(path, about);
  }
  int loop_backing(int fd, dev_t& device) override {
    return fails("loop_backing") ? -1 : real_->loop_backing(fd, device);
  }
  int link(int fd, const std::string& path) override {
    return fails("link", path) ? -1 : real_->link(fd, path);
  }
  int rename(const std::string& from, const std::string& to) override {
    return fails("rename", from) ? -1 : real_->rename(from, to);
  }
  int unlink(const std::string& path) override {
    return fails("unlink", path) ? -1 : real_->unlink(path);
  }
  int mkdir(const std::string& path, mode_t mode) override {
    return fails("mkdir", path) ? -1 : real_->mkdir(path, mode);
  }
  int rmdir(const std::string& path) override {
    return fails("rmdir", path) ? -1 : real_->rmdir(path);
  }
  int chown(const std::string& path, uid_t owner, gid_t group) override {
    return fails("chown", path) ? -1 : real_->chown(path, owner, group);
  }
  int flock(int fd, int operation) override {
    return fails("flock") ? -1 : real_->flock(fd, operation);
  }
  int unread(int fd, int& count) override {
    return fails("unread") ? -1 : real_->unread(fd, count);
  }
  int readlink(const std::string& path, std::string& target) override {
    return fails("readlink", path) ? -1 : real_->readlink(path, target);
  }
  int list(const std::string& path, std::vector<std::string>& names) override {
    return fails("list", path) ? -1 : real_->list(path, names);
  }

 protected:
  Io& real() noexcept { return *real_; }

 private:
  struct Fault {
    std::string kind;         ///< empty: any
    std::size_t skip, count;  ///< fails when skip has come down to 1, `count` times
    int code;

    bool strikes(const std::string& call) {
      if (!kind.empty() && kind != call) return false;
      if (skip > 1) return --skip, false;
      if (count == 0) return false;
      return --count, true;
    }
  };

  bool fails(const char* kind, const std::string& object = {}) {
    const std::scoped_lock lock(mutex_);
    log_.push_back({kind, object});
    if (hook_) hook_(log_.size(), log_.back());
    int code = 0;
    for (auto& fault : faults_) {
      if (fault.strikes(kind)) code = fault.code;
    }
    if (code != 0) errno = code;
    return code != 0;
  }

  Io* real_;
  std::mutex mutex_;
  std::vector<Call> log_;
  std::vector<Fault> faults_;
  std::size_t most_ = std::numeric_limits<std::size_t>::max();
  Hook hook_;
};

}  // namespace nvmigrate::test
