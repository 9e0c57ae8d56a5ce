// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/store/atomic_file.h"

#include <fcntl.h>
#include <fmt/core.h>
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

Error exists_already(const std::string& path) {
  return refused(fmt::format("cannot write {}: it exists", path), "name another file")
      .with_code("file_exists");
}

bool replaces_regular(Io& io, const std::string& path, Existing existing) {
  if (path.empty()) throw usage_error("the name of the file to write is empty");
  struct stat about {};
  if (io.lstat(path, about) != 0) {
    if (errno == ENOTDIR) {
      throw not_found(fmt::format("cannot write {}: {} is not a folder", path, folder_of(path)));
    }
    if (errno != ENOENT) throw OsError(errno, "look at", path);
    return false;
  }
  if (S_ISREG(about.st_mode) && existing == Existing::refuse) throw exists_already(path);
  if (S_ISREG(about.st_mode)) return true;
  throw refused(fmt::format("cannot write {}: it exists and is not a regular file", path),
                "name a regular file, or - for standard output");
}

/// Tries one temporary name after the other. \return what `make` made of the first that was free
template <typename Make>
int with_free_name(const std::string& path, std::string& name, Make make) {
  const auto folder = folder_of(path);
  for (int number = 0; number < most_names; ++number) {
    name = fmt::format("{}/.nvmigrate-{}-{}", folder, ::getpid(), number);
    const int made = make(name);
    if (made >= 0) return made;
    if (errno != EEXIST && errno != EINTR) break;
  }
  name.clear();
  if (errno == ENOENT) {
    throw not_found(fmt::format("cannot write {}: there is no folder {}", path, folder),
                    "make the folder first",
                    {{.action = Remedy::Action::make_folder, .object = folder}});
  }
  throw OsError(errno, "make a file for", path);
}

OpenFile make_file(Io& io, const std::string& path, mode_t mode, std::string& name) {
  const int unnamed = io.open(folder_of(path), O_RDWR | O_TMPFILE, mode);
  if (unnamed >= 0) return {io, unnamed};
  const int named = with_free_name(path, name, [&](const std::string& temporary) {
    return io.open(temporary, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, mode);
  });
  return {io, named};
}

/// \return 0, or the errno of the failure
int try_to_sync(Io& io, int fd) {
  while (io.fsync(fd) != 0) {
    if (errno != EINTR) return errno;
  }
  return 0;
}

OpenFile open_folder_of(Io& io, const std::string& path) {
  return OpenFile::open(io, folder_of(path), O_RDONLY | O_DIRECTORY);
}

void sync_folder(Io& io, const OpenFile& folder, const std::string& path) {
  const int code = try_to_sync(io, folder.fd());
  // Some file systems cannot sync a folder, and need not.
  if (code != 0 && code != EINVAL && code != ENOTSUP) throw OsError(code, "sync", folder_of(path));
}

}  // namespace

void sync_folder_of(Io& io, const std::string& path) {
  sync_folder(io, open_folder_of(io, path), path);
}

AtomicFile::AtomicFile(Io& io, std::string path, mode_t mode, Existing existing)
    : io_(&io),
      path_(std::move(path)),
      existing_(existing),
      replaces_(replaces_regular(io, path_, existing)),
      file_(make_file(io, path_, mode, temporary_)) {}

AtomicFile::~AtomicFile() {
  if (!done_ && !temporary_.empty()) io_->unlink(temporary_);
}

void AtomicFile::sync() {
  if (synced_) return;
  if (const int code = try_to_sync(*io_, file_.fd())) throw OsError(code, "sync", path_);
  folder_ = open_folder_of(*io_, path_);
  synced_ = true;
}

void AtomicFile::give_temporary_name() {
  with_free_name(path_, temporary_,
                 [this](const std::string& name) { return io_->link(file_.fd(), name); });
}

void AtomicFile::appear() {
  sync();
  const bool refuses = existing_ == Existing::refuse;
  if (refuses || (temporary_.empty() && !replaces_)) {
    if (io_->link(file_.fd(), path_) == 0) {
      if (!temporary_.empty()) io_->unlink(temporary_);
      done_ = true;
      return;
    }
    if (errno != EEXIST) throw OsError(errno, "publish", path_);
    if (refuses) throw exists_already(path_);
  }
  if (temporary_.empty()) give_temporary_name();
  if (io_->rename(temporary_, path_) != 0) throw OsError(errno, "publish", path_);
  done_ = true;
}

void AtomicFile::sync_name() { sync_folder(*io_, *folder_, path_); }

void AtomicFile::publish() {
  appear();
  try {
    sync_name();
  } catch (...) {
    if (!replaces_) io_->unlink(path_);
    throw;
  }
}

void AtomicFile::check(Io& io, const std::string& path, Existing existing) {
  const AtomicFile trial(io, path, 0600, existing);
}

void write_file(Io& io, const std::string& path, std::string_view text, mode_t mode) {
  AtomicFile file(io, path, mode);
  write_all(io, file.fd(), std::as_bytes(std::span{text}), path);
  file.publish();
}

}  // namespace nvmigrate
