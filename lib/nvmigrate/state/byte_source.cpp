// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/state/byte_source.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "nvmigrate/base/error.h"
#include "nvmigrate/base/interrupt.h"

namespace nvmigrate {
namespace {

constexpr int most_names = 1000;

/// Calls `read_some` until `into` is full or it answers 0.
template <typename ReadSome>
std::size_t fill(std::span<std::byte> into, const std::string& object, ReadSome read_some) {
  std::size_t total = 0;
  while (total < into.size()) {
    const ssize_t count = read_some(into.subspan(total));
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

class FileSource final : public ByteSource {
 public:
  FileSource(Io& io, int fd, std::string object) : io_(&io), fd_(fd), object_(std::move(object)) {}

  std::size_t read(std::span<std::byte> into) override {
    return fill(into, object_, [this](std::span<std::byte> rest) {
      const ssize_t count = io_->pread(fd_, rest, offset_);
      if (count > 0) offset_ += count;
      return count;
    });
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
    return fill(into, object_, [this](std::span<std::byte> rest) { return io_->read(fd_, rest); });
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
  // Not every file system makes files without a name.
  const std::string begin = folder_ + "/.nvmigrate-spool-" + std::to_string(::getpid()) + "-";
  for (int number = 0; number < most_names; ++number) {
    const auto path = begin + std::to_string(number);
    const int named = io_->open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
    if (named < 0 && errno == EEXIST) continue;
    if (named < 0) break;
    OpenFile file(*io_, named);
    if (io_->unlink(path) < 0) throw OsError(errno, "unlink", path);
    return file;
  }
  throw OsError(errno, "make a file in", folder_);
}

}  // namespace nvmigrate
