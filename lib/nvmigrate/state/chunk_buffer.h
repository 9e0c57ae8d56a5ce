// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>
#include <memory>
#include <new>
#include <span>

#include "nvmigrate/state/state_file.h"

namespace nvmigrate {

/// A page-aligned block of memory.
class PageBuffer {
 public:
  static constexpr std::size_t page = 4096;

  explicit PageBuffer(std::size_t size)
      : bytes_(static_cast<std::byte*>(::operator new (size, std::align_val_t{page}))),
        size_(size) {}

  [[nodiscard]] std::span<std::byte> bytes() noexcept { return {bytes_.get(), size_}; }

 private:
  struct Free {
    void operator()(std::byte* bytes) const noexcept {
      ::operator delete (bytes, std::align_val_t{page});
    }
  };
  std::unique_ptr<std::byte, Free> bytes_;
  std::size_t size_;
};

/// Memory for one chunk: the payload is page aligned, with room for the header of a record before
/// and behind it, so that a chunk is written and read in one call.
class ChunkBuffer {
 public:
  static constexpr std::size_t header = sizeof(state_file::RecordHeader);

  [[nodiscard]] std::span<std::byte> payload() noexcept {
    return memory_.bytes().subspan(PageBuffer::page, state_file::max_chunk);
  }
  /// The payload and the header behind it.
  [[nodiscard]] std::span<std::byte> payload_and_next(std::size_t length) noexcept {
    return memory_.bytes().subspan(PageBuffer::page, length + header);
  }
  /// The header before the payload, and the payload.
  [[nodiscard]] std::span<std::byte> header_and_payload(std::size_t length) noexcept {
    return memory_.bytes().subspan(PageBuffer::page - header, header + length);
  }

 private:
  PageBuffer memory_{state_file::max_chunk + 2 * PageBuffer::page};
};

/// How many chunks are in flight between a device, the hashing and a file.
inline constexpr std::size_t chunk_slots = 4;

}  // namespace nvmigrate
