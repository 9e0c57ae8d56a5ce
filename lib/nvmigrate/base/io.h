// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace nvmigrate {

/// The seam to files and directories: the system calls that the library makes, one method a call,
/// with their own conventions (-1 and errno, short reads and writes, EINTR). Tests wrap it to count
/// calls and to make each of them fail.
class Io {
 public:
  virtual ~Io() = default;

  virtual int open(const std::string& path, int flags,
                   mode_t mode) = 0;  ///< open(2), O_CLOEXEC added
  virtual int close(int fd) = 0;
  virtual ssize_t read(int fd, std::span<std::byte> into) = 0;
  virtual ssize_t pread(int fd, std::span<std::byte> into, off_t offset) = 0;
  virtual ssize_t write(int fd, std::span<const std::byte> from) = 0;
  virtual int fsync(int fd) = 0;
  virtual int ftruncate(int fd, off_t size) = 0;
  virtual int fstat(int fd, struct stat& about) = 0;
  virtual int lstat(const std::string& path, struct stat& about) = 0;
  virtual int stat(const std::string& path, struct stat& about) = 0;
  /// As stat(), of a descriptor of a process (/proc/PID/fd/N), without asking its file system,
  /// which may not answer.
  virtual int stat_opened(const std::string& path, struct stat& about) { return stat(path, about); }
  /// Whether two threads have one table of descriptors, as far as the kernel says (kcmp(2)).
  virtual bool share_descriptors(pid_t /*one*/, pid_t /*other*/) { return false; }
  /// The number of the device behind a loop device (LOOP_GET_STATUS64); 0: a file is.
  /// \return -1 and errno, or 0
  virtual int loop_backing(int fd, dev_t& device);
  /// linkat(2): gives a file without a name (O_TMPFILE) this one.
  virtual int link(int fd, const std::string& path) = 0;
  virtual int rename(const std::string& from, const std::string& to) = 0;
  virtual int unlink(const std::string& path) = 0;
  virtual int mkdir(const std::string& path, mode_t mode) = 0;
  virtual int rmdir(const std::string& path) = 0;
  virtual int chown(const std::string& path, uid_t owner, gid_t group) = 0;
  virtual int flock(int fd, int operation) = 0;
  /// Asks for a pipe of 1 MiB, so that its two ends wake each other seldom. Without effect on other
  /// files, or where the kernel refuses.
  virtual void widen_pipe(int /*fd*/) {}
  /// How many bytes written to a pipe its reader has not taken yet. \return -1 and errno, or 0 with
  /// the count; EPIPE, with the count of those that nobody took, when the reader has gone.
  virtual int unread(int fd, int& count) = 0;
  /// readlink(2). \return -1 and errno, or 0 with the target.
  virtual int readlink(const std::string& path, std::string& target) = 0;
  /// The names in a directory, sorted, without . and .. \return -1 and errno, or 0.
  virtual int list(const std::string& path, std::vector<std::string>& names) = 0;
};

/// The system calls themselves.
class SystemIo final : public Io {
 public:
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
  int stat_opened(const std::string& path, struct stat& about) override;
  bool share_descriptors(pid_t one, pid_t other) override;
  int loop_backing(int fd, dev_t& device) override;
  int link(int fd, const std::string& path) override;
  int rename(const std::string& from, const std::string& to) override;
  int unlink(const std::string& path) override;
  int mkdir(const std::string& path, mode_t mode) override;
  int rmdir(const std::string& path) override;
  int chown(const std::string& path, uid_t owner, gid_t group) override;
  int flock(int fd, int operation) override;
  void widen_pipe(int fd) override;
  int unread(int fd, int& count) override;
  int readlink(const std::string& path, std::string& target) override;
  int list(const std::string& path, std::vector<std::string>& names) override;
};

/// An open descriptor, closed at the end of its scope.
class OpenFile {
 public:
  OpenFile(Io& io, int fd) noexcept : io_(&io), fd_(fd) {}
  OpenFile(OpenFile&& other) noexcept;
  OpenFile& operator=(OpenFile&& other) noexcept;
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;
  ~OpenFile();

  /// \throws OsError naming `path`
  static OpenFile open(Io& io, const std::string& path, int flags, mode_t mode = 0600);

  [[nodiscard]] int fd() const noexcept { return fd_; }

 private:
  Io* io_;
  int fd_;
};

/// The whole of a small file, at most `limit` bytes. \param flags for open(2) beside O_RDONLY
/// \throws OsError, or Error(io) when it is longer
std::string read_text(Io& io, const std::string& path, std::size_t limit = std::size_t{1} << 20,
                      int flags = 0);
/// Writes all of `bytes`, over short writes and EINTR. \throws OsError naming `object`
void write_all(Io& io, int fd, std::span<const std::byte> bytes, const std::string& object);
/// Reads until `into` is full or the end, over EINTR. \return the bytes read. \throws OsError
std::size_t read_up_to(Io& io, int fd, std::span<std::byte> into, const std::string& object);
/// As read_up_to, from `offset` of a file on.
std::size_t pread_up_to(Io& io, int fd, std::span<std::byte> into, off_t offset,
                        const std::string& object);
/// Whether both describe the same file, by its device and inode number.
bool same_file(const struct stat& one, const struct stat& other) noexcept;
/// Whether a path exists (after links).
bool exists(Io& io, const std::string& path);

}  // namespace nvmigrate
