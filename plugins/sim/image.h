// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "nvmigrate/nvme/identity.h"
#include "plugins/sim/guest.h"

namespace nvmigrate::sim {

/// The formats of the parts of a state; a part without one is absent.
struct Formats {
  std::optional<std::uint16_t> version{};
  std::optional<Uuid> vendor{};
  std::uint16_t header = 0;  ///< version of the header, by which each command set knows its states
};

/// The first 64 bytes of the simulator's vendor part, from which all others follow.
/// Layout: magic, seed, progress, length (8 bytes each, little-endian), UUID, zeros.
struct VendorHead {
  static constexpr std::size_t size = 64;
  static constexpr std::uint64_t magic = 0x5441545354534556U;

  std::uint64_t seed = 0, progress = 0;
  std::uint64_t length = 0;  ///< of the whole vendor part, this head included, in bytes
  Uuid uuid{};

  static VendorHead of(const Guest& guest, std::uint64_t length);
  [[nodiscard]] std::array<std::byte, size> encoded() const;
  /// \return nothing for other bytes
  static std::optional<VendorHead> decoded(std::span<const std::byte> bytes);
  /// The key of the stream that follows.
  [[nodiscard]] std::uint64_t key() const noexcept;
  /// Stands for the whole content, without the UUID.
  [[nodiscard]] std::string digest() const;
};

/// A controller state (Base 2.1 §5.1.16, figures 358 to 361) of any size, made while it is read:
/// header, queues, padding of the NVMe part, vendor part.
class Image {
 public:
  struct Content {
    bool suspended = false;
    std::uint16_t header = 0;                ///< its version
    std::optional<std::uint16_t> version{};  ///< nothing: no NVMe part
    Queues queues{};
    std::uint64_t padding = 0;           ///< bytes
    std::optional<VendorHead> vendor{};  ///< nothing: no vendor part
  };
  explicit Image(const Content& content);

  [[nodiscard]] std::uint64_t size() const noexcept { return size_; }
  /// The bytes from `offset` on; offset + into.size() is at most size().
  void read(std::uint64_t offset, std::span<std::byte> into) const;

 private:
  std::vector<std::byte> head_;
  std::vector<std::byte> vendor_head_;
  std::uint64_t padding_key_ = 0, vendor_key_ = 0;
  std::uint64_t vendor_at_ = 0, size_ = 0;
};

/// The queue records of a version 0 NVMe part: `submission` of them are of submission queues, the
/// others of completion queues. \param bytes a multiple of 24
Queues decoded_queues(std::span<const std::byte> bytes, std::size_t submission);
/// The key of the padding behind these bytes of the NVMe part.
std::uint64_t padding_key(std::span<const std::byte> nvme_part) noexcept;

}  // namespace nvmigrate::sim
