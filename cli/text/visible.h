// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>
#include <string_view>

namespace nvmigrate::cli {

/// What may be shown to people: characters that a terminal would obey, or that would hide or turn
/// other text (control, format and bidirectional characters), and bytes that are not UTF-8 become
/// escapes such as \u001b, as JSON writes them. Newlines stay. All output goes through it.
std::string visible(std::string_view text);
/// As visible(), of text from outside that is part of a line: newlines become escapes too.
std::string one_line(std::string_view text);
/// Whether visible() and one_line() change nothing.
bool is_visible(std::string_view text);

/// The columns that a text takes on a terminal, wide characters and combining ones counted as such.
std::size_t width_of(std::string_view text) noexcept;

}  // namespace nvmigrate::cli
