// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "nvmigrate/nvme/wire.h"
#include "nvmigrate/state/digest.h"

namespace nvmigrate {

/// The fixed head of a Controller State structure, Base 2.1 figure 358; sizes in bytes.
struct StateHeaderFacts {
  std::uint16_t version = 0;
  bool suspended = false;          ///< CSATTR b0: during the whole reading
  std::uint64_t nvme_bytes = 0;    ///< 4 * NVMECSS
  std::uint64_t vendor_bytes = 0;  ///< 4 * VSS
  [[nodiscard]] std::uint64_t total() const noexcept {
    return sizeof(wire::StateHeader) + nvme_bytes + vendor_bytes;
  }
};

/// \param data at least the 48 bytes of the header
/// \throws Error(bad_state) when shorter, or when the sizes claim more than a state file may hold
/// (the upper 64 bits of a count are not 0, or the whole exceeds state_file::max_payload)
StateHeaderFacts decode_state_header(std::span<const std::byte> data);

/// The 48 bytes of a header; for writers of states (simulators, tests). Sizes in bytes, multiples
/// of 4.
wire::StateHeader encode_state_header(const StateHeaderFacts& facts) noexcept;

struct SubmissionQueue {
  std::uint64_t prp1 = 0;
  std::uint32_t entries = 0;  ///< QSIZE + 1
  std::uint16_t id = 0, completion_queue = 0, head = 0, tail = 0;
  bool contiguous = false;    ///< PC
  std::uint8_t priority = 0;  ///< QPRIO: 0 urgent, 1 high, 2 medium, 3 low
  bool operator==(const SubmissionQueue&) const = default;
};

struct CompletionQueue {
  std::uint64_t prp1 = 0;
  std::uint32_t entries = 0;
  std::uint16_t id = 0, head = 0, tail = 0;
  bool contiguous = false;   ///< PC
  bool interrupts = false;   ///< IEN
  bool phase = false;        ///< S0PT, the phase tag of slot 0
  std::uint16_t vector = 0;  ///< interrupt vector
  bool operator==(const CompletionQueue&) const = default;
};

/// Something in a state that stands against loading it (`blocker`), or is merely odd.
struct StateFinding {
  std::string name;     ///< snake_case; what an override names
  std::string message;  ///< a sentence
  bool blocker = true;
  std::uint64_t offset = 0;  ///< in the state
  bool operator==(const StateFinding&) const = default;
};

/// A Controller State structure, decoded; the vendor part as size and digest.
struct DecodedState {
  StateHeaderFacts header;
  std::uint16_t nvme_version = 0;  ///< NVMECS.VER; 0 when there is no NVMe part
  std::vector<SubmissionQueue> submission_queues;
  std::vector<CompletionQueue> completion_queues;
  std::optional<Sha256Digest> vendor_sha256;  ///< when wanted and there is a vendor part
  std::vector<StateFinding> findings;         ///< at most StateDecoder::max_findings

  [[nodiscard]] bool has_blocker() const noexcept;
};

/// Decodes a Controller State that comes in pieces. Keeps the queues only, and grows with what has
/// come, never with what a count claims: at most 65535 queues of each kind, 3 MiB.
class StateDecoder {
 public:
  static constexpr std::size_t max_findings = 64;

  /// \param vendor_digest whether the SHA-256 of the vendor part is wanted (it costs)
  explicit StateDecoder(bool vendor_digest = false);
  ~StateDecoder();
  StateDecoder(const StateDecoder&) = delete;
  StateDecoder& operator=(const StateDecoder&) = delete;
  StateDecoder(StateDecoder&&) noexcept;
  StateDecoder& operator=(StateDecoder&&) noexcept;

  /// The next bytes; those beyond the size that the header gives are counted only.
  /// \throws Error(bad_state) as decode_state_header
  void feed(std::span<const std::byte> bytes);
  /// Known from the 48th byte on.
  [[nodiscard]] const std::optional<StateHeaderFacts>& header() const noexcept;
  /// Bytes fed.
  [[nodiscard]] std::uint64_t count() const noexcept;
  /// All has come: the state, with what is wrong with it as findings. Named among them are
  /// `one_dword_short` (nvme-cli's `lm migration-recv` leaves the last dword out), `too_short` and
  /// `too_long`. \throws Error(bad_state) when not even the header has come
  DecodedState finish();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// The NVMe part of a state (figure 359 on), for writers of states. \param queues as many as fit
/// u16
std::vector<std::byte> encode_nvme_state(const std::vector<SubmissionQueue>& submission,
                                         const std::vector<CompletionQueue>& completion);

}  // namespace nvmigrate
