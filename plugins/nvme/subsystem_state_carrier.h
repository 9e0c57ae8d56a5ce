// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>
#include <optional>

#include "nvmigrate/nvme/admin_port.h"
#include "nvmigrate/nvme/subsystem_state.h"
#include "nvmigrate/session/backend.h"

namespace nvmigrate::nvme {

/// Migration Receive with SEL 1h and Migration Send with SEL 3h of NVMe Base 2.4. README.md beside
/// this file says what is assumed of them.
class NvmeSubsystemStateCarrier final : public SubsystemStateCarrier {
 public:
  /// \param most bytes of a command
  NvmeSubsystemStateCarrier(AdminPort& port, std::size_t most) noexcept
      : port_(&port), most_(most) {}

  bool has(std::uint16_t function) override { return look(function).has_value(); }
  [[nodiscard]] std::uint64_t largest() const override { return most_; }
  std::vector<std::byte> save(std::uint16_t function) override;
  void load(std::uint16_t function, std::span<const std::byte> state) override;

 private:
  /// Empty if the device does not have it.
  std::optional<SubsystemStateFacts> look(std::uint16_t function);

  AdminPort* port_;
  std::size_t most_;
};

}  // namespace nvmigrate::nvme
