// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>

#include "nvmigrate/nvme/admin_port.h"
#include "nvmigrate/nvme/commands.h"
#include "nvmigrate/nvme/wire.h"
#include "nvmigrate/session/backend.h"
#include "nvmigrate/state/stream.h"

namespace nvmigrate::nvme {

/// The bytes of a state with this header: 48 + 4 (NVMECSS + VSS), Base 2.1 figure 358.
/// \throws Error(device) naming the controller when the counts are impossible
std::uint64_t state_size(const wire::StateHeader& header, std::uint16_t function);

/// Reads the state of one controlled function with Migration Receive. The device says in DW0 of
/// each command whether the function was suspended, or only in the header of the state (CSATTR).
class StateReader {
 public:
  StateReader(AdminPort& port, std::uint16_t function, command::FormatIndexes formats,
              std::size_t chunk) noexcept
      : port_(&port), function_(function), formats_(formats), chunk_(chunk) {}

  /// Reads only the head of the state: its header, and that of the NVMe part if there is one.
  FunctionState look();
  /// Reads the whole state. \throws Error(device) when the function was not suspended throughout,
  /// or when the size changed; NvmeError, OsError
  void read_all(StateSink& into);

 private:
  /// \return whether the function was suspended meanwhile
  bool read_head(std::span<std::byte> into);
  std::size_t read_chunk(std::uint64_t offset, std::uint64_t left, StateSink& into);
  /// Asks for less from then on when the kernel does not take so much.
  std::uint32_t receive(std::uint64_t offset, std::span<std::byte>& chunk);
  void check_chunk(std::uint64_t offset, std::span<const std::byte> chunk, std::uint32_t dw0);
  void check_same_header(const wire::StateHeader& again) const;
  [[noreturn]] void not_suspended() const;

  AdminPort* port_;
  std::uint16_t function_;
  command::FormatIndexes formats_;
  std::size_t chunk_;
  wire::StateHeader header_{};
  bool tells_in_dw0_ = false;  ///< the device sets DW0 bit 0, so a clear bit means: not suspended
  bool doubtful_ = false;      ///< a chunk came without word that the function was suspended
};

}  // namespace nvmigrate::nvme
