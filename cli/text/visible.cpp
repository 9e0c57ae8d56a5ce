// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/text/visible.h"

#include <fmt/core.h>
#include <unictype.h>
#include <unistr.h>
#include <uniwidth.h>

#include <cstdint>

namespace nvmigrate::cli {
namespace {

const std::uint8_t* bytes_of(std::string_view text) {
  return reinterpret_cast<const std::uint8_t*>(text.data());
}

bool is_hidden(ucs4_t character) {
  constexpr std::uint32_t hidden = UC_CATEGORY_MASK_C | UC_CATEGORY_MASK_Zl | UC_CATEGORY_MASK_Zp;
  return uc_is_general_category_withtable(character, hidden) ||
         uc_is_property(character, UC_PROPERTY_DEFAULT_IGNORABLE_CODE_POINT);
}

/// As in JSON, which has no other escape for a character over FFFFh than its UTF-16 pair.
std::string escape_of(ucs4_t character) {
  if (character <= 0xFFFF) return fmt::format("\\u{:04x}", character);
  const auto offset = character - 0x10000;
  return fmt::format("\\u{:04x}\\u{:04x}", 0xD800 + (offset >> 10U), 0xDC00 + (offset & 0x3FFU));
}

/// Replaces what is hidden, but for the characters in `kept`.
std::string shown(std::string_view text, std::string_view kept) {
  std::string result;
  while (!text.empty()) {
    ucs4_t character = 0;
    const int length = u8_mbtoucr(&character, bytes_of(text), text.size());
    const auto piece = text.substr(0, length > 0 ? static_cast<std::size_t>(length) : 1);
    text.remove_prefix(piece.size());
    if (length <= 0) {
      result += fmt::format("\\x{:02x}", static_cast<unsigned char>(piece.front()));
    } else if (is_hidden(character) && kept.find(piece) == std::string_view::npos) {
      result += escape_of(character);
    } else {
      result += piece;
    }
  }
  return result;
}

}  // namespace

std::string visible(std::string_view text) { return shown(text, "\n"); }

std::string one_line(std::string_view text) { return shown(text, {}); }

bool is_visible(std::string_view text) { return one_line(text) == text; }

std::size_t width_of(std::string_view text) noexcept {
  return static_cast<std::size_t>(u8_width(bytes_of(text), text.size(), "UTF-8"));
}

}  // namespace nvmigrate::cli
