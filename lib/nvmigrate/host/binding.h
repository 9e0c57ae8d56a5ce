// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "nvmigrate/host/access.h"

namespace nvmigrate {

/// `USER:GROUP`, names or numbers; without `:GROUP` the user's own group.
/// \throws usage_error naming what is not known on this host
Owner parse_owner(const std::string& text);

struct BindWish {
  std::optional<std::string> driver;  ///< nothing: a variant driver that claims it, else vfio-pci
  std::optional<Owner> owner;
  bool allow_shared_group = false;
  std::chrono::milliseconds timeout{10'000};  ///< for driver and node of one function
};

struct UnbindWish {
  bool allow_moved = false;
  std::chrono::milliseconds timeout{10'000};
};

/// What is done to one function, or was.
struct BindingChange {
  std::uint16_t cntlid = 0;
  std::string address;
  std::optional<std::string> from;  ///< driver before
  std::optional<std::string> to;    ///< driver afterwards
  VfioNodes nodes;                  ///< afterwards
  bool changed = false;
  bool skipped = false;  ///< a stop signal came before its turn
  std::optional<Error> failure;
  std::vector<std::string> warnings;
};

struct BindingResult {
  std::vector<BindingChange> functions;

  [[nodiscard]] bool changed() const noexcept;
  [[nodiscard]] bool failed() const noexcept;   ///< some function
  [[nodiscard]] bool skipped() const noexcept;  ///< some function
};

using FunctionList = std::vector<const ControlledFunction*>;

/// What bind would do. Changes nothing and does not look for the driver.
/// \throws usage_error for a driver that is none of vfio; refused before any effect: a function
/// that is not on the bus, has VFs of its own, is used by this host, suspended, or open in a VM; an
/// IOMMU group shared with functions that are not bound (unless allowed); no IOMMU
BindingResult plan_bind(const Topology& topology, PciBus& bus, const FunctionList& functions,
                        const BindWish& wish);

/// Gives the functions to vfio, one after the other; each is verified, and back at its original
/// driver when it fails. A stop signal ends it between two functions.
/// \throws as plan_bind; unsupported when the driver is not there. What happens to one function is
/// told in its BindingChange
BindingResult bind(const HostAccess& access, const Topology& topology,
                   const FunctionList& functions, const BindWish& wish);

/// \throws refused when a vfio node is open or a function is suspended
BindingResult plan_unbind(const Topology& topology, PciBus& bus, const FunctionList& functions,
                          const UnbindWish& wish);

/// Gives the functions back to the driver they were taken from, with the override they had; where
/// none is recorded, to whatever driver of the host claims them. Also puts right what a bind or
/// unbind that died left.
BindingResult unbind(const HostAccess& access, const Topology& topology,
                     const FunctionList& functions, const UnbindWish& wish);

}  // namespace nvmigrate
