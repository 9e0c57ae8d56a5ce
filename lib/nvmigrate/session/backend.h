// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <string_view>

#include "nvmigrate/session/session.h"
#include "nvmigrate/state/state.h"
#include "nvmigrate/state/stream.h"

namespace nvmigrate {

/// The one common interface of migration: what every device can be asked to do to a function that
/// it controls, whatever its command set. Functions are named by controller id. Safe to use from
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
  /// Whether it can name and migrate one function of the device; sends nothing.
  /// \throws unsupported with the reason
  virtual void check(std::uint16_t /*function*/) {}
  /// Whether what it does to a function is still so when this program has ended. Not where it opens
  /// the function itself, whose close resets that.
  virtual bool outlasts(std::uint16_t /*function*/) { return true; }
  /// Announces that a suspend will follow; changes nothing.
  virtual void quiesce(std::uint16_t function) = 0;
  /// Stops the function: it finishes what it has fetched and fetches nothing more. Idempotent.
  virtual void suspend(std::uint16_t function) = 0;
  /// Lets a suspended function run. \return false when it was running already
  virtual bool resume(std::uint16_t function) = 0;
  /// Looks at a function (reads the head of its state); changes nothing.
  virtual FunctionState look(std::uint16_t function, const FormatChoice& formats) = 0;
  /// Whether the function is suspended, or may be because the device cannot tell.
  bool is_suspended(std::uint16_t function, const FormatChoice& formats) {
    return look(function, formats).suspended.value_or(true);
  }
  /// Reads the state of a suspended function into a sink.
  /// \throws Error(device) when the function turns out not to be suspended in the middle
  virtual void save(std::uint16_t function, const FormatChoice& formats, StateSink& into) = 0;
  /// Loads a state into a suspended function and commits it. After an error the load is void.
  virtual void load(std::uint16_t function, const FormatChoice& formats, StateSource& from) = 0;
};

}  // namespace nvmigrate
