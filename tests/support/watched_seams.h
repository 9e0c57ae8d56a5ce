// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "nvmigrate/base/io.h"
#include "nvmigrate/ports/device.h"

namespace nvmigrate::test {

/// A call through one of the seams, as it is about to be made.
struct SeamCall {
  enum class Seam { file, admin, pci };
  Seam seam{};
  std::string name;    ///< "rename", "open unnamed" (O_TMPFILE), "opcode 0x41", "set_override"
  std::string object;  ///< path, PCI address, command dwords
};

/// What is to become of a call.
struct Verdict {
  int error = 0;                  ///< errno it fails with instead of being made
  std::uint16_t nvme_status = 0;  ///< completion of an admin command that is not sent
  bool short_transfer = false;    ///< a write takes one byte only
};

/// Sees every call through every seam and decides on it, one call at a time.
class Watcher {
 public:
  using Hook = std::function<Verdict(const SeamCall&)>;
  void set(Hook hook) { hook_ = std::move(hook); }
  Verdict on(const SeamCall& call);
  /// Whether a call on files is to fail; errno says how.
  bool fails(const char* name, const std::string& object);

 private:
  std::mutex one_at_a_time_;
  Hook hook_;
};

/// The system calls, each shown to a watcher first. Closing is never failed nor counted.
class WatchedIo final : public Io {
 public:
  explicit WatchedIo(Watcher& watcher) : watcher_(&watcher) {}

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
  bool share_descriptors(pid_t one, pid_t other) override {
    return system_.share_descriptors(one, other);
  }
  int loop_backing(int fd, dev_t& device) override;
  int readlink(const std::string& path, std::string& target) override;
  int list(const std::string& path, std::vector<std::string>& names) override;

 private:
  bool fails(const char* name, const std::string& object) { return watcher_->fails(name, object); }

  Watcher* watcher_;
  SystemIo system_;
};

/// A device whose admin commands and PCI calls are shown to a watcher first.
std::unique_ptr<Device> watch(std::unique_ptr<Device> device, Watcher& watcher);

}  // namespace nvmigrate::test
