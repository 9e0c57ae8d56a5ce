// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace nvmigrate {

/// A whole string as an unsigned number, decimal or with 0x; no sign, no blanks, and no octal:
/// a leading 0 before further digits is refused. \return nothing for any other text
std::optional<std::uint64_t> parse_number(std::string_view text) noexcept;

/// As parse_number, with an optional binary suffix K, M, G or T (powers of 1024).
std::optional<std::uint64_t> parse_size(std::string_view text) noexcept;

/// Numbers of at most `most`, as parse_number takes them, with a comma between two.
/// \return nothing for any other text
std::optional<std::vector<std::uint32_t>> parse_list(std::string_view text, std::uint32_t most);

/// `0x` and at least `digits` hexadecimal digits.
std::string to_hex(std::uint64_t value, int digits = 1);

/// `1-4, 7` of numbers that ascend.
std::string ranges_of(std::span<const std::uint32_t> ascending);

/// Bytes for a reader: `104 B`, `64 MiB`, `1.5 GiB`.
std::string format_size(std::uint64_t bytes);

}  // namespace nvmigrate
