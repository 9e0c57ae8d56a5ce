// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "nvmigrate/state/state_file.h"
#include "nvmigrate/state/stream.h"

namespace nvmigrate {

/// What a backend finds out of a controlling function without changing anything.
struct BackendQuery {
  StateFormats formats;
  std::size_t chunk = 0;  ///< most bytes of one command
};

/// What a device says of a function at this moment.
struct FunctionState {
  bool frozen = false;
  std::uint64_t bytes = 0;  ///< of its whole state in the formats asked for; 0: not known
  std::optional<unsigned>
      queues{};  ///< I/O queues of either kind; nothing: the state does not tell
};

/// The one common interface of migration: what every device can be asked to do to a function it
/// controls, whatever its command set. Functions are named by controller id. Safe to use from
/// several threads at once for different functions.
/// All methods throw NvmeError with the device's status, OsError, or unsupported.
class MigrationBackend {
 public:
  virtual ~MigrationBackend() = default;

  /// `nvme`, …
  [[nodiscard]] virtual std::string_view name() const = 0;
  /// What the bytes are that save() gives and load() takes.
  [[nodiscard]] virtual StateLayout layout() const { return StateLayout::nvme; }
  /// \throws unsupported, naming what was looked at, when the device cannot migrate
  virtual BackendQuery query() = 0;
  /// Gives notice that a freeze will follow; changes nothing.
  virtual void quiesce(std::uint16_t function) = 0;
  /// Stops the function: it finishes what it has fetched and fetches nothing more. Idempotent.
  virtual void freeze(std::uint16_t function) = 0;
  /// Lets a frozen function run. \return false when it was running already
  virtual bool resume(std::uint16_t function) = 0;
  /// Looks at a function (reads the head of its state); changes nothing.
  virtual FunctionState look(std::uint16_t function, const FormatChoice& formats) = 0;
  /// Whether the device says that the function is frozen.
  bool is_frozen(std::uint16_t function, const FormatChoice& formats) {
    return look(function, formats).frozen;
  }
  /// Reads the state of a frozen function into a sink.
  /// \throws Error(device) when the function turns out not to be frozen in the middle
  virtual void save(std::uint16_t function, const FormatChoice& formats, StateSink& into) = 0;
  /// Loads a state into a frozen function and commits it. On an error the load is void.
  virtual void load(std::uint16_t function, const FormatChoice& formats, StateSource& from) = 0;
};

}  // namespace nvmigrate
