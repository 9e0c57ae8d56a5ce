// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <memory>
#include <mutex>
#include <optional>

#include "nvmigrate/nvme/commands.h"
#include "nvmigrate/nvme/identify.h"
#include "nvmigrate/session/backend.h"
#include "plugins/nvme/memory_tracker.h"
#include "plugins/nvme/subsystem_state_carrier.h"

namespace nvmigrate::nvme {

/// The standard backend: Migration Send and Migration Receive of NVMe Base 2.1 (§5.1.16, §5.1.17),
/// sent to the controlling function. See README.md beside this file.
class NvmeBackend final : public MigrationBackend {
 public:
  /// Sends nothing. \param identity of the controlling function behind `port`
  NvmeBackend(AdminPort& port, const ControllerIdentity& identity, const BackendOptions& options);

  [[nodiscard]] std::string_view name() const override { return "nvme"; }
  BackendQuery query() override;
  void quiesce(std::uint16_t function) override;
  void suspend(std::uint16_t function) override;
  bool resume(std::uint16_t function) override;
  FunctionState look(std::uint16_t function, const FormatChoice& choice) override;
  void save(std::uint16_t function, const FormatChoice& choice, StateSink& into) override;
  void load(std::uint16_t function, const FormatChoice& choice, StateSource& from) override;
  SubsystemStateCarrier* subsystem_state_carrier() override {
    return may_have_subsystem_state_ ? &carrier_ : nullptr;
  }
  MemoryTracker* memory_tracker() override { return tracks_memory_ ? &tracker_ : nullptr; }

 private:
  /// The table of the controlling function; read once.
  const FormatTable& formats();
  bool says_suspended(std::uint16_t function);

  AdminPort* port_;
  bool live_migration_, may_have_subsystem_state_;
  std::size_t chunk_;  ///< most bytes of a command
  std::size_t whole_;  ///< likewise when the device rejects a sequence of smaller ones
  std::chrono::milliseconds suspend_timeout_;
  bool tracks_memory_;
  NvmeMemoryTracker tracker_;
  NvmeSubsystemStateCarrier carrier_;
  std::mutex mutex_;
  std::optional<FormatTable> formats_;
};

/// For the table of backends.
std::unique_ptr<MigrationBackend> make_nvme_backend(const BackendPlace& place);

}  // namespace nvmigrate::nvme
