// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>

#include "nvmigrate/nvme/admin_port.h"
#include "nvmigrate/nvme/commands.h"
#include "nvmigrate/state/stream.h"

namespace nvmigrate::nvme {

/// The most bytes of one command.
struct TransferLimits {
  std::size_t chunk = 0;
  std::size_t whole = 0;  ///< for a device that takes a state only in one command
};

/// Loads a state into one controlled function with Migration Send: in one command when it fits, or
/// in a sequence whose last chunk carries data and commits.
class StateLoader {
 public:
  StateLoader(AdminPort& port, std::uint16_t function, command::FormatIndexes formats,
              TransferLimits limits) noexcept
      : port_(&port), function_(function), formats_(formats), limits_(limits) {}

  /// When a chunk fails and a repetition can help, begins once more with the first chunk.
  /// \throws Error(bad_state) when a state cannot have this size; NvmeError, OsError
  void load(StateSource& from);

 private:
  void send_all(StateSource& from, std::size_t chunk);
  void send_chunk(StateSource& from, std::size_t count, std::uint64_t offset,
                  command::Sequence sequence);
  [[nodiscard]] bool wants_it_whole(NvmeStatus status) const noexcept;
  [[nodiscard]] NvmeError too_long(NvmeStatus status, std::uint64_t size) const;

  AdminPort* port_;
  std::uint16_t function_;
  command::FormatIndexes formats_;
  TransferLimits limits_;
  bool only_whole_ = false;  ///< the device rejects sequences
  command::Sequence last_sent_ = command::Sequence::only;
};

}  // namespace nvmigrate::nvme
