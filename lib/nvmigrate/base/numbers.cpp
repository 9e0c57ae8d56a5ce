// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/base/numbers.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

namespace nvmigrate {
namespace {

constexpr std::string_view suffixes = "KMGT";

std::optional<std::uint64_t> parse_digits(std::string_view digits, int base) noexcept {
  std::uint64_t value = 0;
  const char* end = digits.data() + digits.size();
  const auto [stop, failure] = std::from_chars(digits.data(), end, value, base);
  if (digits.empty() || failure != std::errc{} || stop != end) return std::nullopt;
  return value;
}

}  // namespace

std::optional<std::uint64_t> parse_number(std::string_view text) noexcept {
  if (text.starts_with("0x") || text.starts_with("0X")) return parse_digits(text.substr(2), 16);
  if (text.size() > 1 && text.front() == '0') return std::nullopt;
  return parse_digits(text, 10);
}

std::optional<std::uint64_t> parse_size(std::string_view text) noexcept {
  if (text.empty()) return std::nullopt;
  const auto power = suffixes.find(text.back());
  if (power == std::string_view::npos) return parse_number(text);
  const auto value = parse_number(text.substr(0, text.size() - 1));
  const unsigned shift = 10U * static_cast<unsigned>(power + 1);
  if (!value || *value > (std::numeric_limits<std::uint64_t>::max() >> shift)) return std::nullopt;
  return *value << shift;
}

std::optional<std::vector<std::uint32_t>> parse_list(std::string_view text, std::uint32_t most) {
  std::vector<std::uint32_t> numbers;
  for (std::size_t from = 0; from <= text.size();) {
    const auto to = std::min(text.find(',', from), text.size());
    const auto number = parse_number(text.substr(from, to - from));
    if (!number || *number > most) return std::nullopt;
    numbers.push_back(static_cast<std::uint32_t>(*number));
    from = to + 1;
  }
  return numbers;
}

std::string to_hex(std::uint64_t value, int digits) {
  return fmt::format("0x{:0{}x}", value, digits);
}

std::string ranges_of(std::span<const std::uint32_t> ascending) {
  std::string text;
  for (std::size_t i = 0; i < ascending.size();) {
    const auto start = i;
    while (i < ascending.size() && ascending[i] - ascending[start] == i - start)
      ++i;
    text += (text.empty() ? "" : ", ") + std::to_string(ascending[start]);
    if (i - start > 1) text += "-" + std::to_string(ascending[i - 1]);
  }
  return text;
}

std::string format_size(std::uint64_t bytes) {
  static constexpr std::array units{"B", "KiB", "MiB", "GiB", "TiB"};
  std::size_t unit = 0;
  auto value = static_cast<double>(bytes);
  while (value >= 1024 && unit + 1 < units.size()) {
    value /= 1024;
    ++unit;
  }
  const bool whole = value == static_cast<double>(static_cast<std::uint64_t>(value));
  return fmt::format("{:.{}f} {}", value, whole ? 0 : 1, units.at(unit));
}

}  // namespace nvmigrate
