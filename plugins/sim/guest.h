// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace nvmigrate::sim {

/// Most entries of an I/O queue, 0's based (CAP.MQES).
inline constexpr std::uint16_t max_queue_size = 1023;

/// An I/O submission queue as in the controller state; size is 0's based.
struct SubmissionQueue {
  std::uint64_t prp1 = 0;
  std::uint16_t size = 0, id = 0, cq_id = 0, attributes = 0, head = 0, tail = 0;
  bool operator==(const SubmissionQueue&) const = default;
};

/// An I/O completion queue as in the controller state; size is 0's based.
struct CompletionQueue {
  std::uint64_t prp1 = 0;
  std::uint16_t size = 0, id = 0, head = 0, tail = 0;
  std::uint32_t attributes = 0;  ///< S0PT holds the phase the controller writes
  bool operator==(const CompletionQueue&) const = default;

  [[nodiscard]] bool phase() const noexcept { return (attributes & 4U) != 0; }
};

/// The I/O queues of a controller, ascending by id.
struct Queues {
  std::vector<SubmissionQueue> submission;
  std::vector<CompletionQueue> completion;
  bool operator==(const Queues&) const = default;

  [[nodiscard]] bool empty() const noexcept { return submission.empty() && completion.empty(); }
};

/// The position of a guest, kept when it is suspended and when it goes on.
struct Snapshot {
  std::uint64_t progress = 0;
  Queues queues;
  std::string vendor_digest;  ///< of the vendor part's content; empty without one
  bool operator==(const Snapshot&) const = default;
};

/// The position of a guest, for a reader.
struct GuestReport {
  std::string device;    ///< as the caller named it
  std::string function;  ///< as the caller named it: vf1
  std::uint16_t cntlid = 0;
  std::string state;  ///< none, running, suspended
  std::uint64_t progress = 0;
  Queues queues;
  std::optional<Snapshot> stopped;    ///< at the last suspension
  std::optional<Snapshot> continued;  ///< where it went on from the last committed state
};

/// The software that drives a controller. Its queues are a pure function of its beginning and of
/// the number of I/Os since then.
class Guest {
 public:
  Guest() = default;
  /// A new one with `pairs` I/O queue pairs on a controller with `vectors` interrupts.
  Guest(std::uint64_t seed, unsigned pairs, unsigned vectors);
  /// One that continues another: at `progress` its queues were these.
  Guest(std::uint64_t seed, std::uint64_t progress, Queues queues);
  /// As it was saved: the queues are those of `began_at`.
  Guest(std::uint64_t seed, std::uint64_t began_at, std::uint64_t progress, Queues began_with);

  /// Does some I/Os; their number depends only on seed and progress.
  void advance();
  [[nodiscard]] Queues queues() const;
  [[nodiscard]] bool has_queues() const noexcept { return !began_with_.empty(); }
  [[nodiscard]] std::uint64_t seed() const noexcept { return seed_; }
  [[nodiscard]] std::uint64_t progress() const noexcept { return progress_; }
  [[nodiscard]] std::uint64_t began_at() const noexcept { return began_at_; }
  [[nodiscard]] const Queues& began_with() const noexcept { return began_with_; }
  bool operator==(const Guest&) const = default;

 private:
  std::uint64_t seed_ = 0, began_at_ = 0, progress_ = 0;
  Queues began_with_;
};

}  // namespace nvmigrate::sim
