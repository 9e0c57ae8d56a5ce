// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/nvme/subsystem_state.h"

#include <cstring>

#include "nvmigrate/nvme/wire.h"

namespace nvmigrate {

std::optional<SubsystemStateFacts> decode_subsystem_state(
    std::span<const std::byte> data) noexcept {
  wire::SubsystemStateHeader header;
  Le16 inner;
  if (data.size() < sizeof header + sizeof(std::uint32_t)) return std::nullopt;
  std::memcpy(&header, data.data(), sizeof header);
  std::memcpy(&inner, data.data() + sizeof header, sizeof inner);
  const std::uint64_t dwords = header.nvmecss;
  const bool fits = dwords != 0 && header.nvmecss_high == 0 &&
                    dwords <= (most_subsystem_state - sizeof header) / 4;
  if (header.ver != 0 || !fits || inner != wire::subsystem_state_version) return std::nullopt;
  return SubsystemStateFacts{.version = header.ver,
                             .suspended = (header.csattr & wire::csattr_suspended) != 0,
                             .inner_version = inner,
                             .bytes = sizeof header + 4 * dwords};
}

}  // namespace nvmigrate
