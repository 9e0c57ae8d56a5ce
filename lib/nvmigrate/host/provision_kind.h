// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "nvmigrate/host/provision.h"

namespace nvmigrate {

/// One kind of flexible resource, and how many are requested.
struct ResourceKind {
  std::string name, granularity_field;
  FlexibleResources has;
  std::optional<std::uint16_t> requested;  ///< of every VF
  std::uint16_t least = 0;
  std::uint16_t ControlledFunction::*assigned = nullptr;
  unsigned shared = 0;  ///< queues of the driver that do without one of their own
  std::uint16_t WantedResources::*asked = nullptr, WantedResources::*granted = nullptr;
  std::optional<std::uint16_t> OwnResources::*own = nullptr;
  const std::vector<OwnResources>* owns = nullptr;

  [[nodiscard]] std::optional<std::uint16_t> requested_of(unsigned vfn,
                                                          std::uint16_t cntlid) const {
    for (const auto& one : *owns) {
      const bool same = vfn != 0 ? one.vfn == vfn : one.vfn == 0 && one.cntlid == cntlid;
      if (same && one.*own) return one.*own;
    }
    return vfn != 0 ? requested : std::nullopt;
  }
  [[nodiscard]] std::optional<std::uint16_t> requested_of(const ControlledFunction& of) const {
    return requested_of(of.vfn, of.cntlid);
  }
  [[nodiscard]] std::set<std::uint16_t> all_requested() const {
    std::set<std::uint16_t> all;
    if (requested) all.insert(*requested);
    for (const auto& one : *owns) {
      if (one.*own) all.insert(*(one.*own));
    }
    return all;
  }
  /// A number that the device rounded when the same was asked for is the one requested.
  [[nodiscard]] bool differs(const ControlledFunction& function) const {
    const auto asked_for = requested_of(function);
    if (!has.supported || !asked_for || function.*assigned == *asked_for) return false;
    const auto& wanted = function.wanted;
    return !wanted || (*wanted).*asked != *asked_for || (*wanted).*granted != function.*assigned;
  }
  [[nodiscard]] bool is_held() const { return has.supported && has.primary != 0; }
  [[nodiscard]] std::uint32_t most() const {
    return std::min<std::uint32_t>(has.per_secondary, has.total);
  }
};

}  // namespace nvmigrate
