// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace nvmigrate {

/// Where a backend puts the bytes of a state that it reads. Used by one thread at a time.
class StateSink {
 public:
  virtual ~StateSink() = default;
  /// Told once, before the first byte: the whole size in bytes.
  virtual void begin(std::uint64_t size) = 0;
  /// Memory for at most the next `wanted` bytes, page aligned so that a device can write there; at
  /// least 4 KiB or the rest of the state. Blocks until some is free.
  virtual std::span<std::byte> room(std::size_t wanted) = 0;
  /// The first `count` bytes of the last room are the next of the state.
  virtual void commit(std::size_t count) = 0;
};

/// Where a backend gets the bytes of a state that it loads. Used by one thread at a time.
class StateSource {
 public:
  virtual ~StateSource() = default;
  /// The whole size in bytes.
  [[nodiscard]] virtual std::uint64_t size() const = 0;
  /// The next bytes, exactly the smaller of `wanted` and the rest, page aligned where possible;
  /// valid until take().
  virtual std::span<const std::byte> view(std::size_t wanted) = 0;
  /// Gives back the first `count` bytes of the last view.
  virtual void take(std::size_t count) = 0;
  /// Goes back to the first byte, for a second attempt. \return false when it cannot
  virtual bool rewind() = 0;
};

}  // namespace nvmigrate
