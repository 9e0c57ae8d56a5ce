// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "nvmigrate/base/io.h"
#include "nvmigrate/state/chunk_buffer.h"

namespace nvmigrate {

/// Writes a state to a descriptor, from the first byte to the last: as a state file, or raw,
/// without anything around it. All methods that write throw OsError and, between two writes,
/// Interrupted.
class StateEncoding {
 public:
  /// \param object names the file in errors \param identity nothing: raw
  StateEncoding(Io& io, int fd, std::string object, std::optional<StateIdentity> identity);

  void suspended_for(std::chrono::nanoseconds so_far);
  /// The first bytes of a state file; begin() writes them unless this did.
  void preamble();
  /// Of the exported NVM subsystem; begin() writes it behind the identity, which says so.
  void carry_subsystem_state(std::vector<std::byte> state) { subsystem_ = std::move(state); }
  void begin(std::uint64_t size);
  void chunk(ChunkBuffer& buffer, std::size_t length);
  void end(const StateEnd& end);

  [[nodiscard]] bool raw() const noexcept { return !identity_; }
  /// Whether a write cannot wait for another process.
  [[nodiscard]] bool is_file();
  /// Bytes of the file.
  [[nodiscard]] std::uint64_t written() const noexcept { return written_; }

 private:
  void append_record(std::vector<std::byte>& bytes, std::array<char, 4> tag,
                     std::span<const std::byte> body, bool critical = true);
  void put(std::span<const std::byte> bytes);

  Io* io_;
  int fd_;
  std::string object_;
  std::optional<StateIdentity> identity_;
  std::vector<std::byte> subsystem_;
  std::uint64_t number_ = 0, written_ = 0;
  bool announced_ = false;
};

}  // namespace nvmigrate
