// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace nvmigrate::sim {

/// A well mixed hash of a number.
constexpr std::uint64_t mixed(std::uint64_t value) noexcept {
  value += 0x9E3779B97F4A7C15U;
  value = (value ^ (value >> 30U)) * 0xBF58476D1CE4E5B9U;
  value = (value ^ (value >> 27U)) * 0x94D049BB133111EBU;
  return value ^ (value >> 31U);
}

/// The bytes of an endless pseudo-random stream, a function of key and offset (in bytes) alone: a
/// state of any size is made and checked at memory speed and never kept.
void fill_stream(std::uint64_t key, std::uint64_t offset, std::span<std::byte> into) noexcept;
/// Whether these are bytes of the stream.
bool is_stream(std::uint64_t key, std::uint64_t offset, std::span<const std::byte> bytes) noexcept;

}  // namespace nvmigrate::sim
