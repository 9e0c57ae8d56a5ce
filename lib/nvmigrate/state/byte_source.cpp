// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/state/byte_source.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "nvmigrate/base/error.h"

namespace nvmigrate {
namespace {

constexpr int most_names = 1000;

class FileSource final : public ByteSource {
 public:
  FileSource(Io& io, int fd, std::string object) : io_(&io), fd_(fd), object_(std::move(object)) {}

  std::size_t read(std::span<std::byte> into) override {
    const auto count = pread_up_to(*io_, fd_, into, offset_, object_);
    offset_ += static_cast<off_t>(count);
    return count;
  }

 private:
  Io* io_;
  int fd_;
  std::string object_;
  off_t offset_ = 0;
};

class StreamSource final : public ByteSource {
 public:
  StreamSource(Io& io, int fd, std::string object) : io_(&io), fd_(fd), object_(std::move(object)) {
    io.widen_pipe(fd);
  }

  std::size_t read(std::span<std::byte> into) override {
    return read_up_to(*io_, fd_, into, object_);
  }

 private:
  Io* io_;
  int fd_;
  std::string object_;
};

class MemorySource final : public ByteSource {
 public:
  explicit MemorySource(std::span<const std::byte> bytes) : bytes_(bytes) {}

  std::size_t read(std::span<std::byte> into) override {
    const auto count = std::min(into.size(), bytes_.size());
    std::copy_n(bytes_.begin(), count, into.begin());
    bytes_ = bytes_.subspan(count);
    return count;
  }

 private:
  std::span<const std::byte> bytes_;
};

class SpoolingSource final : public ByteSource {
 public:
  SpoolingSource(std::unique_ptr<ByteSource> from, Spool& spool)
      : from_(std::move(from)), spool_(&spool) {}

  std::size_t read(std::span<std::byte> into) override {
    const auto count = from_->read(into);
    spool_->append(into.first(count));
    return count;
  }

 private:
  std::unique_ptr<ByteSource> from_;
  Spool* spool_;
};

}  // namespace

std::unique_ptr<ByteSource> make_file_source(Io& io, int fd, std::string object) {
  return std::make_unique<FileSource>(io, fd, std::move(object));
}

std::unique_ptr<ByteSource> make_stream_source(Io& io, int fd, std::string object) {
  return std::make_unique<StreamSource>(io, fd, std::move(object));
}

std::unique_ptr<ByteSource> make_spooling_source(std::unique_ptr<ByteSource> from, Spool& spool) {
  return std::make_unique<SpoolingSource>(std::move(from), spool);
}

void Spool::append(std::span<const std::byte> bytes) {
  if (!file_ && memory_.size() + bytes.size() <= in_memory) {
    memory_.insert(memory_.end(), bytes.begin(), bytes.end());
    return;
  }
  const std::string object = "the spool in " + folder_;
  if (!file_) {
    file_.emplace(make_file());
    write_all(*io_, file_->fd(), memory_, object);
    std::vector<std::byte>{}.swap(memory_);
  }
  write_all(*io_, file_->fd(), bytes, object);
}

std::unique_ptr<ByteSource> Spool::source() const {
  if (file_) return make_file_source(*io_, file_->fd(), "the spool in " + folder_);
  return std::make_unique<MemorySource>(memory_);
}

OpenFile Spool::make_file() {
  const int fd = io_->open(folder_, O_TMPFILE | O_RDWR, 0600);
  if (fd >= 0) return {*io_, fd};
  // Some file systems have no files without a name.
  for (int number = 0; number < most_names; ++number) {
    const auto path = fmt::format("{}/.nvmigrate-spool-{}-{}", folder_, ::getpid(), number);
    const int named = io_->open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
    if (named < 0 && errno == EEXIST) continue;
    if (named < 0) break;
    OpenFile file(*io_, named);
    if (io_->unlink(path) < 0) throw OsError(errno, "remove", path);
    return file;
  }
  throw OsError(errno, "make a file in", folder_);
}

}  // namespace nvmigrate
