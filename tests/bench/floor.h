// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "nvmigrate/nvme/admin_port.h"

namespace nvmigrate::bench {

/// Microseconds that the bare minimum of admin commands takes, one after the other, with nothing
/// but a buffer between them; the function is running before and after.
struct Floor {
  std::uint16_t function = 1;
  std::size_t chunk = std::size_t{256} << 10U;
  bool vendor = false;  ///< the state has a vendor part

  /// Suspend, Get Controller State (its header, then all of it), Resume.
  [[nodiscard]] double of_export(AdminPort& port) const;
  /// Suspend, Set Controller State, Resume, with a state as `from` gives it, which stays suspended.
  [[nodiscard]] double of_import(AdminPort& from, AdminPort& port) const;
  /// Suspend and Get at the source, Set and Resume at the destination, which is suspended before.
  [[nodiscard]] double of_transfer(AdminPort& from, AdminPort& to) const;
};

}  // namespace nvmigrate::bench
