// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugins/sim/place.h"

#include <algorithm>

#include "nvmigrate/base/error.h"
#include "nvmigrate/base/numbers.h"

namespace nvmigrate::sim {
namespace {

constexpr std::string_view scheme = "sim:";
constexpr std::size_t longest_name = 48;

bool allowed(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '_';
}

}  // namespace

void check_name(std::string_view name) {
  if (!name.empty() && name.size() <= longest_name && name.front() != '-' &&
      std::all_of(name.begin(), name.end(), allowed)) {
    return;
  }
  throw usage_error("'" + std::string(name) + "' is no name of a simulated subsystem",
                    "use letters, digits, '-' and '_', at most 48");
}

Place place_of(std::string_view device) {
  if (!device.starts_with(scheme)) {
    throw usage_error("'" + std::string(device) + "' is no simulated device", "give sim:NAME");
  }
  const auto rest = device.substr(scheme.size());
  const auto slash = rest.find('/');
  Place place{.name = std::string(rest.substr(0, slash))};
  check_name(place.name);
  if (slash == std::string_view::npos) return place;
  const auto id = parse_number(rest.substr(slash + 1));
  if (!id || *id > 0xFFFF) {
    throw usage_error("'" + std::string(device) + "': what follows '/' is no controller id");
  }
  place.controlling = static_cast<std::uint16_t>(*id);
  return place;
}

}  // namespace nvmigrate::sim
