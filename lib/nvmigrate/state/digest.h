// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "nvmigrate/state/state.h"

namespace nvmigrate {

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
