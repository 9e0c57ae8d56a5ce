// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/store/atomic_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "nvmigrate/base/error.h"

namespace nvmigrate {
namespace {

constexpr int most_names = 1000;

std::string folder_of(const std::string& path) {
  const auto slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

bool replaces_regular(Io& io, const std::string& path) {
  if (path.empty()) throw usage_error("write a file: its name is empty");
  struct stat about {};
  if (io.lstat(path, about) != 0) {
    if (errno == ENOTDIR)
      throw not_found("write " + path + ": " + folder_of(path) + " is no folder");
    if (errno != ENOENT) throw OsError(errno, "look at", path);
    return false;
  }
  if (S_ISREG(about.st_mode)) return true;
  throw refused("write " + path + ": it is there and no regular file",
                "name a regular file, or - for standard output");
}

OpenFile make_temporary(Io& io, const std::string& path, mode_t mode, std::string& name) {
  const std::string begin = folder_of(path) + "/.nvmigrate-" + std::to_string(::getpid()) + "-";
  for (int number = 0; number < most_names; ++number) {
    name = begin + std::to_string(number);
    const int fd = io.open(name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, mode);
    if (fd >= 0) return {io, fd};
    if (errno != EEXIST && errno != EINTR) break;
  }
  if (errno == ENOENT) {
    throw not_found("write " + path + ": there is no folder " + folder_of(path),
                    "mkdir " + folder_of(path));
  }
  throw OsError(errno, "make a file for", path);
}

void sync_descriptor(Io& io, int fd, const std::string& object) {
  while (io.fsync(fd) != 0) {
    if (errno != EINTR) throw OsError(errno, "sync", object);
  }
}

}  // namespace

void sync_folder_of(Io& io, const std::string& path) {
  const auto folder = folder_of(path);
  const auto file = OpenFile::open(io, folder, O_RDONLY | O_DIRECTORY);
  sync_descriptor(io, file.fd(), folder);
}

AtomicFile::AtomicFile(Io& io, std::string path, mode_t mode)
    : io_(&io),
      path_(std::move(path)),
      replaces_(replaces_regular(io, path_)),
      file_(make_temporary(io, path_, mode, temporary_)) {}

AtomicFile::~AtomicFile() {
  if (!done_) io_->unlink(temporary_);
}

void AtomicFile::sync() {
  if (synced_) return;
  sync_descriptor(*io_, file_.fd(), path_);
  synced_ = true;
}

void AtomicFile::publish() {
  sync();
  if (io_->rename(temporary_, path_) != 0) throw OsError(errno, "publish", path_);
  done_ = true;
  try {
    sync_folder_of(*io_, path_);
  } catch (...) {
    if (!replaces_) io_->unlink(path_);
    throw;
  }
}

void AtomicFile::check(Io& io, const std::string& path) { const AtomicFile trial(io, path); }

void write_file(Io& io, const std::string& path, std::string_view text, mode_t mode) {
  AtomicFile file(io, path, mode);
  write_all(io, file.fd(), std::as_bytes(std::span{text}), path);
  file.publish();
}

}  // namespace nvmigrate
