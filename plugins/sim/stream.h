// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace nvmigrate::sim {

/// A number well mixed out of another.
constexpr std::uint64_t mixed(std::uint64_t value) noexcept {
  value += 0x9E3779B97F4A7C15U;
  value = (value ^ (value >> 30U)) * 0xBF58476D1CE4E5B9U;
  value = (value ^ (value >> 27U)) * 0x94D049BB133111EBU;
  return value ^ (value >> 31U);
}

/// The bytes of an endless pseudo-random stream that is a function of key and offset alone, so that
/// state of any size is made and checked at memory speed and never kept. Offsets in bytes.
void fill_stream(std::uint64_t key, std::uint64_t offset, std::span<std::byte> into) noexcept;
/// Whether these bytes are those of the stream.
bool is_stream(std::uint64_t key, std::uint64_t offset, std::span<const std::byte> bytes) noexcept;

}  // namespace nvmigrate::sim
