// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "nvmigrate/nvme/wire.h"
#include "nvmigrate/state/state.h"

namespace nvmigrate {

/// \param data at least the 48 bytes of the header
/// \throws Error(bad_state) when it is shorter, or when its sizes are more than a state file can
/// hold (the upper 64 bits of a count are not 0, or the total exceeds state_file::max_payload)
StateHeaderFacts decode_state_header(std::span<const std::byte> data);

/// Decodes a Controller State that comes in pieces. It keeps only the queues, and grows with the
/// bytes fed, never with a count in them: at most 65535 queues of each kind, 3 MiB.
class StateDecoder {
 public:
  static constexpr std::size_t max_findings = 64;

  /// \param vendor_digest whether to compute the SHA-256 of the vendor part (it costs time)
  explicit StateDecoder(bool vendor_digest = false);
  ~StateDecoder();
  StateDecoder(const StateDecoder&) = delete;
  StateDecoder& operator=(const StateDecoder&) = delete;
  StateDecoder(StateDecoder&&) noexcept;
  StateDecoder& operator=(StateDecoder&&) noexcept;

  /// The next bytes; those beyond the size that the header gives are only counted.
  /// \throws Error(bad_state) as decode_state_header
  void feed(std::span<const std::byte> bytes);
  /// Counts bytes beyond that size that the caller does not feed.
  void skip(std::uint64_t count) noexcept;
  /// All has come: the state, with its faults as findings (status bad_state, offset in the state).
  /// A blocker stands against loading it, a warning is only odd. Among the codes are
  /// `one_dword_short` (nvme-cli's `lm migration-recv` omits the last dword), `too_short` and
  /// `too_long`. \throws Error(bad_state) when not even the whole header has come
  DecodedState finish();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace nvmigrate
