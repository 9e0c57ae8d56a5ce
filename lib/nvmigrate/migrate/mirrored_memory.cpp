// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/migrate/mirrored_memory.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>

#include "nvmigrate/base/error.h"

namespace nvmigrate {
namespace {

[[noreturn]] void no_memory(std::size_t size) {
  throw OsError(errno, "allocate", std::to_string(size) + " bytes for the state");
}

/// A file in memory; its two mappings keep it alive.
class MemoryFile {
 public:
  explicit MemoryFile(std::size_t size) : fd_(::memfd_create("nvmigrate-state", MFD_CLOEXEC)) {
    if (fd_ < 0) no_memory(size);
    if (::ftruncate(fd_, static_cast<off_t>(size)) != 0) {
      ::close(fd_);
      no_memory(size);
    }
  }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  ~MemoryFile() { ::close(fd_); }

  [[nodiscard]] bool map(void* where, std::size_t size) const {
    return ::mmap(where, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED | MAP_POPULATE, fd_,
                  0) != MAP_FAILED;
  }

 private:
  int fd_;
};

}  // namespace

MirroredMemory::MirroredMemory(std::size_t size) : size_(size), base_(nullptr) {
  const MemoryFile file(size);
  void* place = ::mmap(nullptr, 2 * size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (place == MAP_FAILED) no_memory(size);
  base_ = static_cast<std::byte*>(place);
  if (!file.map(base_, size) || !file.map(base_ + size, size)) {
    const int code = errno;
    ::munmap(base_, 2 * size);
    errno = code;
    no_memory(size);
  }
}

MirroredMemory::~MirroredMemory() { ::munmap(base_, 2 * size_); }

std::span<std::byte> MirroredMemory::at(std::uint64_t position, std::size_t count) const noexcept {
  return {base_ + position % size_, count};
}

}  // namespace nvmigrate
