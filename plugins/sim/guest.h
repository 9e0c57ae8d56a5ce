// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "nvmigrate/nvme/wire.h"

namespace nvmigrate::sim {

/// The records of one I/O submission and completion queue pair, as in the controller state.
struct QueuePair {
  std::uint64_t sq_prp1 = 0, cq_prp1 = 0;
  std::uint16_t sq_size = 0, cq_size = 0;  ///< 0's based
  std::uint16_t sq_id = 0, cq_id = 0;
  std::uint16_t sq_attributes = 0;
  std::uint32_t cq_attributes = 0;  ///< S0PT holds the phase the controller writes
  std::uint16_t sq_head = 0, sq_tail = 0, cq_head = 0, cq_tail = 0;
  bool operator==(const QueuePair&) const = default;

  [[nodiscard]] bool phase() const noexcept { return (cq_attributes & 4U) != 0; }
};

/// A position of a guest, kept at its suspension and at its continuation.
struct Snapshot {
  std::uint64_t progress = 0;
  std::vector<QueuePair> queues;
  std::string vendor_digest;  ///< of the vendor part's content; empty without one
  bool operator==(const Snapshot&) const = default;
};

/// Where a guest is, for a reader.
struct GuestReport {
  std::string device;    ///< as asked
  std::string function;  ///< as asked: vf1
  std::uint16_t cntlid = 0;
  std::string state;  ///< none, running, suspended
  std::uint64_t progress = 0;
  std::vector<QueuePair> queues;
  std::optional<Snapshot> stopped;    ///< at the last suspension
  std::optional<Snapshot> continued;  ///< at the resume that followed the last committed state
};

/// The software that drives a controller: its queues are a pure function of where it began and of
/// how many I/Os it has done since.
class Guest {
 public:
  Guest() = default;
  /// A new one with `queues` I/O queue pairs.
  Guest(std::uint64_t seed, unsigned queues);
  /// One that goes on where another stood.
  Guest(std::uint64_t seed, std::uint64_t progress, std::vector<QueuePair> queues);

  /// Some I/Os more; how many depends on seed and progress alone.
  void advance();
  [[nodiscard]] std::vector<QueuePair> queues() const;
  [[nodiscard]] std::uint64_t seed() const noexcept { return seed_; }
  [[nodiscard]] std::uint64_t progress() const noexcept { return progress_; }
  [[nodiscard]] std::uint64_t began_at() const noexcept { return began_at_; }
  [[nodiscard]] const std::vector<QueuePair>& began_with() const noexcept { return began_with_; }

  /// As it was kept. `began_at` is the progress at which the queues were `began_with`.
  static Guest restored(std::uint64_t seed, std::uint64_t began_at, std::uint64_t progress,
                        std::vector<QueuePair> began_with);
  bool operator==(const Guest&) const = default;

 private:
  std::uint64_t seed_ = 0, began_at_ = 0, progress_ = 0;
  std::vector<QueuePair> began_with_;
};

}  // namespace nvmigrate::sim
