// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <span>

#include "nvmigrate/nvme/status.h"
#include "plugins/sim/model.h"

namespace nvmigrate::sim {

/// What a command completes with: SCT<<8 | SC, and dword 0.
struct Answer {
  std::uint16_t status = 0;
  std::uint32_t dw0 = 0;
};

/// Identify data structures, as the controlling function `id` answers them.
/// \param into 4096 bytes; zeroed first, except that the emulator transfers but 4 bytes of CNS 20h
Answer identify(const Subsystem& subsystem, std::uint16_t id, std::uint8_t cns, std::uint16_t from,
                std::span<std::byte> into);

/// The format tables of a controlling function, in its own order.
std::vector<std::uint16_t> versions_of(const Parameters& parameters, std::uint16_t controlling);
std::vector<Uuid> vendors_of(const Parameters& parameters, std::uint16_t controlling);

/// Virtualization Management through a controlling function, Base 2.1 §5.2.6.
struct VirtualizationRequest {
  std::uint16_t controller = 0;
  unsigned action = 0, resource = 0;
  std::uint16_t count = 0;
};
Answer virtualize(Subsystem& subsystem, std::uint16_t controlling,
                  const VirtualizationRequest& request);

/// Flexible resources of one kind of a primary, as they are.
struct Pool {
  std::uint32_t total = 0, assigned = 0;
  std::uint16_t primary = 0, per_secondary = 0;
  /// What is left for a secondary that has `own` already.
  [[nodiscard]] std::uint32_t left(std::uint16_t own) const noexcept;
};
Pool pool_of(const Subsystem& subsystem, std::uint16_t controlling, unsigned resource) noexcept;

}  // namespace nvmigrate::sim
