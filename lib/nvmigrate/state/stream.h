// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "nvmigrate/base/uuid.h"

namespace nvmigrate {

/// The state formats a controlling function knows, by value: the indexes of CNS 20h are its own and
/// never leave the backend.
struct StateFormats {
  std::vector<std::uint16_t> versions;  ///< of the NVMe controller state; the defined one is 0
  std::vector<Uuid> vendors;            ///< vendor formats
};

/// Which parts of a state are meant, by value; at least one is given.
struct FormatChoice {
  std::optional<std::uint16_t> version = 0;
  std::optional<Uuid> vendor;
  auto operator<=>(const FormatChoice&) const = default;
};

/// Where a backend puts the bytes of a state it reads. Used by one thread at a time.
class StateSink {
 public:
  virtual ~StateSink() = default;
  /// Told once, before the first byte: the whole size in bytes.
  virtual void begin(std::uint64_t size) = 0;
  /// Memory for the next `wanted` bytes at most, page aligned when the device is to write there; at
  /// least 4 KiB or the rest of the state. Blocks until there is some.
  virtual std::span<std::byte> room(std::size_t wanted) = 0;
  /// The first `count` bytes of the last room are the next of the state.
  virtual void commit(std::size_t count) = 0;
};

/// Where a backend takes the bytes of a state it loads from. Used by one thread at a time.
class StateSource {
 public:
  virtual ~StateSource() = default;
  /// The whole size in bytes.
  [[nodiscard]] virtual std::uint64_t size() const = 0;
  /// The next bytes, exactly min(wanted, what is left) of them, page aligned where possible; valid
  /// until take().
  virtual std::span<const std::byte> view(std::size_t wanted) = 0;
  /// Done with the first `count` bytes of the last view.
  virtual void take(std::size_t count) = 0;
  /// Back to the first byte, for a second try. \return false when it cannot
  virtual bool rewind() = 0;
};

}  // namespace nvmigrate
