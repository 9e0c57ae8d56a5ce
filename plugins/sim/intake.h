// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "plugins/sim/image.h"
#include "plugins/sim/model.h"

namespace nvmigrate::sim {

/// Parses and checks a controller state chunk by chunk, as Set Controller State brings it, in
/// bounded memory. Chunks must follow each other without a gap. Statuses are SCT<<8 | SC, 0 for
/// success.
class Intake {
 public:
  struct Rules {
    Formats formats{};          ///< that CSVI and CSUUIDI name
    Limits limits{};            ///< of the target
    bool queues_exist = false;  ///< in the target
    bool emulator = false;      ///< requires an NVMe part
  };
  struct Result {
    std::optional<Queues> queues;      ///< nothing: no NVMe part
    std::optional<VendorHead> vendor;  ///< nothing: no vendor part
  };

  explicit Intake(const Rules& rules) : rules_(rules) {}
  /// Goes on where `prefix()`, `position()` and `intact()` were saved.
  Intake(const Rules& rules, std::span<const std::byte> prefix, std::uint64_t position,
         bool intact);

  /// The next bytes. A wrong structure is reported at once, a wrong byte of the content at the end.
  std::uint16_t take(std::uint64_t offset, std::span<const std::byte> bytes);
  /// Whether the state is whole and right.
  [[nodiscard]] std::uint16_t end() const noexcept;
  [[nodiscard]] const Result& result() const noexcept { return result_; }

  [[nodiscard]] const std::vector<std::byte>& prefix() const noexcept { return prefix_; }
  [[nodiscard]] std::uint64_t position() const noexcept { return position_; }
  [[nodiscard]] bool intact() const noexcept { return intact_; }

 private:
  // The pieces of the structure in their order.
  enum class Piece { header, nvme_head, queues, padding, vendor_head, vendor_body, nothing };

  [[nodiscard]] bool is_kept() const noexcept;
  std::uint16_t keep(std::span<const std::byte> bytes);
  void check_content(std::span<const std::byte> bytes);
  void skip(std::uint64_t count);
  std::uint16_t piece_ended();
  void await(Piece piece, std::uint64_t size);
  void await_vendor();
  std::uint16_t header_ended(std::span<const std::byte> bytes);
  std::uint16_t nvme_head_ended(std::span<const std::byte> bytes);
  std::uint16_t queues_ended(std::span<const std::byte> bytes);
  std::uint16_t vendor_head_ended(std::span<const std::byte> bytes);

  Rules rules_;
  Result result_;
  Piece piece_ = Piece::header;
  std::uint64_t left_ = 48;           ///< bytes of this piece still to come
  std::size_t piece_at_ = 0;          ///< where it begins in the prefix
  std::uint64_t piece_position_ = 0;  ///< where it begins in the image
  std::vector<std::byte> prefix_;
  std::uint64_t position_ = 0;
  bool intact_ = true;
  std::uint64_t nvme_size_ = 0, vendor_size_ = 0, key_ = 0;
  std::size_t submission_ = 0, completion_ = 0;
};

}  // namespace nvmigrate::sim
