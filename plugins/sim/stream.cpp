// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugins/sim/stream.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace nvmigrate::sim {
namespace {

constexpr std::size_t word_size = sizeof(std::uint64_t);

// One multiplication a word, which does not depend on the word before.
constexpr std::uint64_t word_of(std::uint64_t counter) noexcept {
  std::uint64_t value = counter ^ (counter >> 32U);
  value *= 0xD6E8FEB86659FD93U;
  return value ^ (value >> 29U);
}

constexpr std::uint64_t counter_at(std::uint64_t key, std::uint64_t index) noexcept {
  return key + index * 0x9E3779B97F4A7C15U;
}

// For the edges of a range, which need only a part of a word.
std::array<std::byte, word_size> word_bytes(std::uint64_t key, std::uint64_t index) noexcept {
  std::array<std::byte, word_size> bytes{};
  const std::uint64_t word = word_of(counter_at(key, index));
  std::memcpy(bytes.data(), &word, word_size);
  return bytes;
}

}  // namespace

void fill_stream(std::uint64_t key, std::uint64_t offset, std::span<std::byte> into) noexcept {
  if (const auto skip = static_cast<std::size_t>(offset % word_size); skip != 0 && !into.empty()) {
    const auto edge = word_bytes(key, offset / word_size);
    const std::size_t count = std::min(word_size - skip, into.size());
    std::memcpy(into.data(), edge.data() + skip, count);
    into = into.subspan(count);
    offset += count;
  }
  std::uint64_t counter = counter_at(key, offset / word_size);
  const std::size_t words = into.size() / word_size;
  std::byte* to = into.data();
  for (std::size_t i = 0; i < words; ++i, to += word_size, counter += 0x9E3779B97F4A7C15U) {
    const std::uint64_t word = word_of(counter);
    std::memcpy(to, &word, word_size);
  }
  if (const std::size_t rest = into.size() % word_size; rest != 0) {
    const std::uint64_t word = word_of(counter);
    std::memcpy(to, &word, rest);
  }
}

bool is_stream(std::uint64_t key, std::uint64_t offset, std::span<const std::byte> bytes) noexcept {
  if (const auto skip = static_cast<std::size_t>(offset % word_size); skip != 0 && !bytes.empty()) {
    const auto edge = word_bytes(key, offset / word_size);
    const std::size_t count = std::min(word_size - skip, bytes.size());
    if (std::memcmp(bytes.data(), edge.data() + skip, count) != 0) return false;
    bytes = bytes.subspan(count);
    offset += count;
  }
  std::uint64_t counter = counter_at(key, offset / word_size);
  const std::size_t words = bytes.size() / word_size;
  const std::byte* from = bytes.data();
  std::uint64_t difference = 0;
  for (std::size_t i = 0; i < words; ++i, from += word_size, counter += 0x9E3779B97F4A7C15U) {
    std::uint64_t word = 0;
    std::memcpy(&word, from, word_size);
    difference |= word ^ word_of(counter);
  }
  const std::size_t rest = bytes.size() % word_size;
  const std::uint64_t last = word_of(counter);
  return difference == 0 && (rest == 0 || std::memcmp(from, &last, rest) == 0);
}

}  // namespace nvmigrate::sim
