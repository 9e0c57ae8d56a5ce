// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/nvme/identity.h"

#include <charconv>

namespace nvmigrate {
namespace {

constexpr std::size_t text_length = 36;

constexpr bool is_dash_place(std::size_t place) {
  return place == 8 || place == 13 || place == 18 || place == 23;
}

}  // namespace

std::string to_string(const Uuid& uuid) {
  static constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (const auto byte : uuid.bytes) {
    if (is_dash_place(text.size())) text += '-';
    text += digits[byte >> 4U];
    text += digits[byte & 0xFU];
  }
  return text;
}

std::optional<Uuid> parse_uuid(std::string_view text) noexcept {
  if (text.size() != text_length) return std::nullopt;
  Uuid uuid;
  std::size_t place = 0;
  for (auto& byte : uuid.bytes) {
    if (is_dash_place(place) && text[place++] != '-') return std::nullopt;
    const char* begin = text.data() + place;
    const auto [stop, failure] = std::from_chars(begin, begin + 2, byte, 16);
    if (failure != std::errc{} || stop != begin + 2) return std::nullopt;
    place += 2;
  }
  return uuid;
}

}  // namespace nvmigrate
