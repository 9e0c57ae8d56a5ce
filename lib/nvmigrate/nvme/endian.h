// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <array>
#include <concepts>
#include <cstdint>

namespace nvmigrate {

/// An unsigned integer in wire order: little-endian and unaligned.
template <std::unsigned_integral T>
class Le {
 public:
  constexpr Le() = default;
  constexpr Le(T value) noexcept { set(value); }  // NOLINT(google-explicit-constructor)
  constexpr operator T() const noexcept {         // NOLINT(google-explicit-constructor)
    T value = 0;
    for (std::size_t i = sizeof(T); i-- > 0;) {
      value = static_cast<T>(static_cast<T>(value << (sizeof(T) > 1 ? 8U : 0U)) | bytes_[i]);
    }
    return value;
  }

 private:
  constexpr void set(T value) noexcept {
    for (auto& byte : bytes_) {
      byte = static_cast<std::uint8_t>(value & 0xFFU);
      value = static_cast<T>(value >> (sizeof(T) > 1 ? 8U : 0U));
    }
  }

  std::array<std::uint8_t, sizeof(T)> bytes_{};
};

using Le16 = Le<std::uint16_t>;
using Le32 = Le<std::uint32_t>;
using Le64 = Le<std::uint64_t>;

}  // namespace nvmigrate
