// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace nvmigrate {

/// The head of an exported NVM subsystem state (Base 2.4); the rest is opaque.
struct SubsystemStateFacts {
  std::uint16_t version = 0;        ///< of the header
  bool suspended = false;           ///< the controller was, while it was read
  std::uint16_t inner_version = 0;  ///< of what follows the header; the defined one is 1
  std::uint64_t bytes = 0;          ///< of the whole, by the header
};

/// The largest state of this kind, in bytes.
inline constexpr std::uint64_t most_subsystem_state = std::uint64_t{1} << 20U;

/// \param data from the first byte on, at least 68
/// \return nothing for what cannot be such a state: too short, too long, another version inside
std::optional<SubsystemStateFacts> decode_subsystem_state(std::span<const std::byte> data) noexcept;

}  // namespace nvmigrate
