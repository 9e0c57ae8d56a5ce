// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <chrono>
#include <cstdint>

namespace nvmigrate {

/// The numbers of an export, import or transfer.
struct MigrationFigures {
  std::uint64_t bytes = 0;     ///< of the state
  std::uint64_t commands = 0;  ///< admin commands sent for this function
  /// From the moment before the first Suspend was sent to the end of the last Resume; while
  /// blackout_ended is false the function is still suspended, and this is the time so far.
  std::chrono::nanoseconds blackout{0};
  bool blackout_ended = false;
  std::chrono::nanoseconds elapsed{0};  ///< that the bytes took

  [[nodiscard]] double bytes_per_second() const noexcept {
    const auto seconds = std::chrono::duration<double>(elapsed).count();
    return seconds > 0 ? static_cast<double>(bytes) / seconds : 0;
  }
};

}  // namespace nvmigrate
