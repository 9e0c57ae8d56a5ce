// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace nvmigrate {

/// Page aligned memory that continues with its own beginning: every stretch of at most its size is
/// contiguous, wherever in a ring it lies. In memory from the start, so that no page fault is left
/// for later.
class MirroredMemory {
 public:
  /// \param size a multiple of the page size. \throws OsError when there is no memory
  explicit MirroredMemory(std::size_t size);
  MirroredMemory(const MirroredMemory&) = delete;
  MirroredMemory& operator=(const MirroredMemory&) = delete;
  ~MirroredMemory();

  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  /// `count` bytes, at most size(), from `position` of an endless stream.
  [[nodiscard]] std::span<std::byte> at(std::uint64_t position, std::size_t count) const noexcept;

 private:
  std::size_t size_;
  std::byte* base_;
};

}  // namespace nvmigrate
