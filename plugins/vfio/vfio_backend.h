// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "nvmigrate/session/backend.h"
#include "plugins/vfio/migration_states.h"

namespace nvmigrate::vfio {

/// The backend for functions that are bound to a variant driver of vfio, which migrates them. The
/// kernel gives that to the process that has the function open, and to no other. So this works
/// through the descriptor of a caller who holds the function open (BackendOptions::held), or it
/// opens the function itself until the session ends: then the function was reset before, and is
/// reset afterwards.
class VfioBackend final : public MigrationBackend {
 public:
  /// Gives access to a function; nothing is opened by that.
  using Access = std::function<std::unique_ptr<VfioDevice>(const PciFunction&, const VfioNodes&)>;

  /// \param access empty for simulated subsystems, which have no kernel behind them
  VfioBackend(const BackendPlace& place, Access access);

  [[nodiscard]] std::string_view name() const override { return "vfio"; }
  [[nodiscard]] StateLayout layout() const override { return StateLayout::opaque; }
  /// Judges by the driver's name: asking a driver would open its function, and so reset it.
  BackendQuery query() override;
  void check(std::uint16_t function) override;
  [[nodiscard]] bool outlasts(std::uint16_t function) override;
  /// Nothing: a driver is not told that a suspend will follow.
  void quiesce(std::uint16_t function) override;
  void suspend(std::uint16_t function) override;
  bool resume(std::uint16_t function) override;
  FunctionState look(std::uint16_t function, const FormatChoice& formats) override;
  void save(std::uint16_t function, const FormatChoice& formats, StateSink& into) override;
  void load(std::uint16_t function, const FormatChoice& formats, StateSource& from) override;

 private:
  [[nodiscard]] const ControlledFunction& find(std::uint16_t function) const;
  [[nodiscard]] std::string why_not(const ControlledFunction& function) const;
  MigratingFunction& known(std::uint16_t function);
  /// The same, opened. \throws refused when it is open elsewhere, naming who has it
  MigratingFunction& opened(std::uint16_t function);
  /// Which processes on this host have a function open, as far as can be seen.
  struct Holders {
    std::string names{};   ///< empty if none was seen
    std::string unseen{};  ///< why others may have it open; empty if all were examined
    [[nodiscard]] bool is_nobody() const noexcept { return names.empty() && unseen.empty(); }
  };
  [[nodiscard]] Holders holders(std::uint16_t function);

  BackendPlace place_;
  Access access_;
  std::size_t piece_;  ///< bytes of one read or write
  std::mutex mutex_;
  std::map<std::uint16_t, MigratingFunction> functions_;
};

/// For the table of backends.
std::unique_ptr<MigrationBackend> make_vfio_backend(const BackendPlace& place);

}  // namespace nvmigrate::vfio
