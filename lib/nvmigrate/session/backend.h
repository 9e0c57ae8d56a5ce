// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "nvmigrate/session/session.h"
#include "nvmigrate/state/state.h"
#include "nvmigrate/state/stream.h"

namespace nvmigrate {

/// Tracking of the host memory that controlled functions change, where a device offers it. Throws
/// NvmeError and OsError.
class MemoryTracker {
 public:
  virtual ~MemoryTracker() = default;

  /// \param granule bytes, in which changes are told \param ranges multiples of it
  virtual void start(std::uint16_t function, std::uint64_t granule,
                     const std::vector<MemoryRange>& ranges) = 0;
  virtual void stop(std::uint16_t function) = 0;
  /// What is read is not told again. \throws Error(device) for an answer that cannot be
  virtual TrackedMemory read(std::uint16_t function) = 0;
};

/// Moves the state of the exported NVM subsystem (NVMe Base 2.4) that a controlled function belongs
/// to, where a device has one. It goes with the function's own state. Throws NvmeError and OsError.
class SubsystemStateCarrier {
 public:
  virtual ~SubsystemStateCarrier() = default;

  /// Whether the function has such a state.
  virtual bool has(std::uint16_t function) = 0;
  /// Most bytes of one that load() takes.
  [[nodiscard]] virtual std::uint64_t largest() const = 0;
  /// Reads it whole, of a suspended function. \throws Error(device) when that was not suspended
  virtual std::vector<std::byte> save(std::uint16_t function) = 0;
  /// Sets it, of a suspended function, before its own state is loaded.
  virtual void load(std::uint16_t function, std::span<const std::byte> state) = 0;
};

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

  /// \return nullptr: no function has an exported NVM subsystem state
  virtual SubsystemStateCarrier* subsystem_state_carrier() { return nullptr; }
  /// \return nullptr: it tracks no memory
  virtual MemoryTracker* memory_tracker() { return nullptr; }
};

}  // namespace nvmigrate
