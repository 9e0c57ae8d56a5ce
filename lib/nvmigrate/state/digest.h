// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace nvmigrate {

/// A SHA-256 digest (FIPS 180-4).
using Sha256Digest = std::array<std::uint8_t, 32>;

/// 64 lower-case hexadecimal digits.
std::string to_string(const Sha256Digest& digest);
/// The form above. \return nothing when it is none
std::optional<Sha256Digest> parse_sha256(std::string_view text) noexcept;

/// SHA-256 of bytes that come in pieces. \throws Error(internal) when OpenSSL refuses
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;

  void update(std::span<const std::byte> bytes);
  /// Ends it; nothing may be added afterwards.
  Sha256Digest finish();

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

/// XXH3, 64 bit, seed 0.
std::uint64_t xxh3(std::span<const std::byte> bytes) noexcept;

}  // namespace nvmigrate
