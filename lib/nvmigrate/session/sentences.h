// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "nvmigrate/session/session.h"

namespace nvmigrate {

/// What a session says itself of conditions that keep it from its work; the table of conditions has
/// the same. The names in braces stand for what was found.
namespace sentences {
inline constexpr std::string_view unknown_function = "{device} has no controlled function {word}";
inline constexpr std::string_view no_live_migration =
    "{device} cannot migrate its controlled functions{by}: {reason}";
inline constexpr auto cannot_tell =
    "its command set has nothing that asks, and there is no record of it";
inline constexpr std::string_view root = "only root may change a device";
inline constexpr std::string_view root_advice =
    "run it as root; in a container root needs CAP_SYS_ADMIN";
}  // namespace sentences

/// Why no backend serves a function, or the device.
struct Unserved {
  std::string by{};      ///< ` by backend intel`: the one that was named or recorded
  std::string reason{};  ///< its reason, or that of each: `nvme: OACS bit 11 … is clear`
  std::string advice{};
  std::vector<Remedy> remedies{};  ///< to mark the function for a backend that could migrate it
};
/// \throws NvmeError, OsError
Unserved unserved(Session& session, std::optional<std::uint16_t> cntlid);

}  // namespace nvmigrate
