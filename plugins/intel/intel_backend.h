// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <memory>

#include "nvmigrate/session/backend.h"

namespace nvmigrate::intel {

/// The vendor commands of the patches that Intel sent to Linux in December 2022. The controlling
/// function names its VFs by their number. See README.md beside this file.
class IntelBackend final : public MigrationBackend {
 public:
  /// Sends nothing.
  explicit IntelBackend(const BackendPlace& place) : place_(place) {}

  [[nodiscard]] std::string_view name() const override { return "intel"; }
  [[nodiscard]] StateLayout layout() const override { return StateLayout::opaque; }
  /// Sends nothing.
  BackendQuery query() override;
  void check(std::uint16_t function) override;
  /// Without effect: the command set has no notice.
  void quiesce(std::uint16_t function) override;
  void suspend(std::uint16_t function) override;
  /// \return true: the device does not say whether the function was running
  bool resume(std::uint16_t function) override;
  /// Nothing is known: there is no command that asks.
  FunctionState look(std::uint16_t function, const FormatChoice& formats) override;
  void save(std::uint16_t function, const FormatChoice& formats, StateSink& into) override;
  void load(std::uint16_t function, const FormatChoice& formats, StateSource& from) override;

 private:
  /// The number of a VF, from 1. \throws unsupported when the function is not a VF
  [[nodiscard]] std::uint16_t index_of(std::uint16_t function) const;
  [[nodiscard]] std::size_t most() const noexcept;
  [[nodiscard]] AdminPort& port() const;

  BackendPlace place_;
};

/// For the table of backends.
std::unique_ptr<MigrationBackend> make_intel_backend(const BackendPlace& place);

}  // namespace nvmigrate::intel
