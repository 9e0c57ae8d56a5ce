// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tests/support/memory_io.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <functional>

namespace nvmigrate::test {
namespace {

int failed(int code) {
  errno = code;
  return -1;
}

bool is_folder(const std::string& path) {
  const auto last = path.substr(path.rfind('/') + 1);
  return last.find('.') == std::string::npos;
}

/// A file that replaces another has another inode; so has, here, one that was rewritten.
std::size_t inode_of(const std::string& path, const std::string& content) {
  return std::hash<std::string>{}(path + '\0' + content) % 1000000007;
}

}  // namespace

MemoryFiles& MemoryIo::files_of(const std::string& path) {
  return path.starts_with("/files/") ? *shared_ : *own_;
}

MemoryIo::Open* MemoryIo::find(int fd) {
  const auto found = open_.find(fd);
  return found == open_.end() ? nullptr : &found->second;
}

void MemoryIo::keep(const Open& open) {
  if (!open.path.empty()) files_of(open.path)[open.path] = *open.content;
}

int MemoryIo::open_pipe(const std::string& name) {
  const std::lock_guard only(mutex_);
  auto& open = open_[next_];
  open.path = name;
  open.content = std::make_shared<std::string>();
  open.pipe = true;
  files_of(name)[name] = {};
  return next_++;
}

int MemoryIo::open(const std::string& path, int flags, mode_t /*mode*/) {
  const bool unnamed = (flags & O_TMPFILE) == O_TMPFILE;
  const bool creates = (flags & O_CREAT) != 0;
  if ((unnamed || creates) && fails(unnamed ? "open unnamed" : "open", path)) return -1;
  const std::lock_guard only(mutex_);
  Open open;
  open.content = std::make_shared<std::string>();
  if (!unnamed) {
    auto& files = files_of(path);
    const auto found = files.find(path);
    open.path = path;
    open.folder = found == files.end() && !creates && is_folder(path);
    if (found != files.end()) {
      if (creates && (flags & O_EXCL) != 0) return failed(EEXIST);
      *open.content = found->second;
    } else if (!creates && !open.folder) {
      return failed(ENOENT);
    }
    if (creates) keep(open);
  }
  open_[next_] = std::move(open);
  return next_++;
}

int MemoryIo::close(int fd) {
  const std::lock_guard only(mutex_);
  if (fd < first_descriptor) return system_.close(fd);
  open_.erase(fd);
  return 0;
}

ssize_t MemoryIo::read(int fd, std::span<std::byte> into) {
  if (fd < first_descriptor) return fails("read", "pipe") ? -1 : system_.read(fd, into);
  const std::lock_guard only(mutex_);
  auto* open = find(fd);
  if (open == nullptr) return failed(EBADF);
  const auto count = std::min(
      into.size(), open->content->size() - std::min(open->position, open->content->size()));
  std::memcpy(into.data(), open->content->data() + open->position, count);
  open->position += count;
  return static_cast<ssize_t>(count);
}

ssize_t MemoryIo::pread(int fd, std::span<std::byte> into, off_t offset) {
  const std::lock_guard only(mutex_);
  auto* open = find(fd);
  if (open == nullptr) return failed(EBADF);
  const auto begin = std::min(static_cast<std::size_t>(offset), open->content->size());
  const auto count = std::min(into.size(), open->content->size() - begin);
  std::memcpy(into.data(), open->content->data() + begin, count);
  return static_cast<ssize_t>(count);
}

ssize_t MemoryIo::write(int fd, std::span<const std::byte> from) {
  if (fails("write", std::to_string(fd))) return -1;
  if (fd < first_descriptor) return system_.write(fd, from);
  const std::lock_guard only(mutex_);
  auto* open = find(fd);
  if (open == nullptr) return failed(EBADF);
  open->content->resize(open->position);
  open->content->append(reinterpret_cast<const char*>(from.data()), from.size());
  open->position += from.size();
  keep(*open);
  return static_cast<ssize_t>(from.size());
}

int MemoryIo::fsync(int fd) { return fails("fsync", std::to_string(fd)) ? -1 : 0; }

int MemoryIo::ftruncate(int fd, off_t size) {
  if (fails("ftruncate", std::to_string(fd))) return -1;
  const std::lock_guard only(mutex_);
  auto* open = find(fd);
  if (open == nullptr) return failed(EBADF);
  open->content->resize(static_cast<std::size_t>(size));
  open->position = open->content->size();
  keep(*open);
  return 0;
}

void MemoryIo::describe(struct stat& about, bool folder, const std::string& path,
                        const std::string& content) {
  about = {};
  about.st_mode = folder ? S_IFDIR | 0700U : S_IFREG | 0600U;
  about.st_uid = ::geteuid();
  about.st_size = static_cast<off_t>(content.size());
  about.st_ino = inode_of(path, content);
}

int MemoryIo::fstat(int fd, struct stat& about) {
  if (fd < first_descriptor) return system_.fstat(fd, about);
  const std::lock_guard only(mutex_);
  auto* open = find(fd);
  if (open == nullptr) return failed(EBADF);
  describe(about, open->folder, open->path, *open->content);
  if (open->pipe) about.st_mode = S_IFIFO | 0600U;
  return 0;
}

int MemoryIo::lstat(const std::string& path, struct stat& about) {
  const std::lock_guard only(mutex_);
  const auto& files = files_of(path);
  const auto found = files.find(path);
  if (found == files.end() && !is_folder(path)) return failed(ENOENT);
  describe(about, found == files.end(), path, found == files.end() ? std::string{} : found->second);
  return 0;
}

int MemoryIo::stat(const std::string& path, struct stat& about) { return lstat(path, about); }

int MemoryIo::link(int fd, const std::string& path) {
  if (fails("link", path)) return -1;
  const std::lock_guard only(mutex_);
  auto* open = find(fd);
  if (open == nullptr) return failed(EBADF);
  if (files_of(path).contains(path)) return failed(EEXIST);
  files_of(path)[path] = *open->content;
  return 0;
}

int MemoryIo::rename(const std::string& from, const std::string& to) {
  if (fails("rename", to)) return -1;
  const std::lock_guard only(mutex_);
  auto& files = files_of(from);
  const auto found = files.find(from);
  if (found == files.end()) return failed(ENOENT);
  files_of(to)[to] = std::move(found->second);
  files.erase(found);
  return 0;
}

int MemoryIo::unlink(const std::string& path) {
  if (fails("unlink", path)) return -1;
  const std::lock_guard only(mutex_);
  return files_of(path).erase(path) != 0 ? 0 : failed(ENOENT);
}

int MemoryIo::mkdir(const std::string& /*path*/, mode_t /*mode*/) { return failed(EEXIST); }
int MemoryIo::rmdir(const std::string& /*path*/) { return 0; }
int MemoryIo::chown(const std::string& /*path*/, uid_t /*owner*/, gid_t /*group*/) { return 0; }

int MemoryIo::flock(int fd, int operation) {
  const std::lock_guard only(mutex_);
  auto* open = find(fd);
  if (open == nullptr) return failed(EBADF);
  const auto taken = std::any_of(open_.begin(), open_.end(), [&](const auto& each) {
    return each.first != fd && each.second.locked && each.second.path == open->path;
  });
  if (taken) return failed(EWOULDBLOCK);
  open->locked = (operation & LOCK_EX) != 0;
  return 0;
}

int MemoryIo::unread(int fd, int& count) {
  count = 0;
  return fd < first_descriptor ? system_.unread(fd, count) : 0;
}

int MemoryIo::readlink(const std::string& /*path*/, std::string& /*target*/) {
  return failed(EINVAL);
}

int MemoryIo::list(const std::string& path, std::vector<std::string>& names) {
  const std::lock_guard only(mutex_);
  names.clear();
  for (const auto& [each, content] : files_of(path + "/")) {
    if (each.starts_with(path + "/")) names.push_back(each.substr(path.size() + 1));
  }
  return 0;
}

}  // namespace nvmigrate::test
