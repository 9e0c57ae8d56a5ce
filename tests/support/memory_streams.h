// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "nvmigrate/state/stream.h"

namespace nvmigrate::test {

/// Keeps a state in memory. `most` bounds what it gives room for at once.
class MemorySink : public StateSink {
 public:
  explicit MemorySink(std::size_t most = SIZE_MAX) : most_(most) {}

  void begin(std::uint64_t size) override { announced = size; }
  std::span<std::byte> room(std::size_t wanted) override {
    room_.assign(std::min(wanted, most_), std::byte{0xA5});
    return room_;
  }
  void commit(std::size_t count) override {
    bytes.insert(bytes.end(), room_.begin(), room_.begin() + static_cast<std::ptrdiff_t>(count));
  }

  std::optional<std::uint64_t> announced;
  std::vector<std::byte> bytes;

 private:
  std::size_t most_;
  std::vector<std::byte> room_;
};

/// Gives a state from memory.
class MemorySource : public StateSource {
 public:
  explicit MemorySource(std::vector<std::byte> bytes, bool can_rewind = true)
      : bytes_(std::move(bytes)), can_rewind_(can_rewind) {}

  [[nodiscard]] std::uint64_t size() const override { return bytes_.size(); }
  std::span<const std::byte> view(std::size_t wanted) override {
    return std::span{bytes_}.subspan(at_).first(std::min(wanted, bytes_.size() - at_));
  }
  void take(std::size_t count) override { at_ += count; }
  bool rewind() override {
    ++rewinds;
    if (can_rewind_) at_ = 0;
    return can_rewind_;
  }

  unsigned rewinds = 0;

 private:
  std::vector<std::byte> bytes_;
  bool can_rewind_;
  std::size_t at_ = 0;
};

}  // namespace nvmigrate::test
