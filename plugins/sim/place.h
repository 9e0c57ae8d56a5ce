// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace nvmigrate::sim {

/// What a device string of the simulator names.
struct Place {
  std::string name;
  std::uint16_t controlling = 0;
};

/// `sim:NAME` or `sim:NAME/ID`. \throws usage_error
Place place_of(std::string_view device);
/// Letters, digits, '-' and '_', at most 48. \throws usage_error
void check_name(std::string_view name);

}  // namespace nvmigrate::sim
