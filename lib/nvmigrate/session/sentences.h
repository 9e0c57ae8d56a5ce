// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

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
    "{device} cannot migrate its controlled functions: {reason}";
inline constexpr std::string_view no_live_migration_advice =
    "name the controlling function, usually the physical function; its firmware must have "
    "host-managed live migration, or a backend that serves it must be named";
inline constexpr auto cannot_tell =
    "its command set has nothing that asks, and there is no record of it";
inline constexpr std::string_view root = "only root may change a device";
inline constexpr std::string_view root_advice =
    "run it as root; in a container root needs CAP_SYS_ADMIN";
}  // namespace sentences

/// `nvme: OACS bit 11 … is clear`: why none of the backends is used, each with its reason.
/// \param name only of the one that was named or recorded; empty: of all
std::string reasons_of(const std::vector<Serving>& asked, const std::string& name = {});

}  // namespace nvmigrate
