// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace nvmigrate {

/// A UUID in the byte order of RFC 9562.
struct Uuid {
  std::array<std::uint8_t, 16> bytes{};
  auto operator<=>(const Uuid&) const = default;
};

/// `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx`, lower case.
std::string to_string(const Uuid& uuid);
/// The form above, either case. \return nothing when it is no UUID
std::optional<Uuid> parse_uuid(std::string_view text) noexcept;

}  // namespace nvmigrate
