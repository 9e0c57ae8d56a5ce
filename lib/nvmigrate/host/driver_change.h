// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>

#include "nvmigrate/ports/pci_bus.h"
#include "nvmigrate/session/topology.h"

namespace nvmigrate {

/// The vfio driver that takes every function.
inline constexpr const char* stock_driver = "vfio-pci";

/// The driver and the override that a function had before this tool changed them.
struct OriginalDriver {
  std::optional<std::string> driver;
  std::optional<std::string> override_to;
};

/// As the binding record says, else as the intent of a change that ended early says, else as they
/// are now: also a driver of vfio that somebody else gave it to.
OriginalDriver original_driver_of(const ControlledFunction& function);
/// \throws not_found when the function has vanished
std::optional<std::string> driver_now(PciBus& bus, const std::string& address);
/// For the journal; original_driver_of() reads it.
std::map<std::string, std::string> details_of(const std::string& address,
                                              const OriginalDriver& original);

/// Gives the function to a vfio driver and waits for its nodes.
/// \throws OsError, Error(timed_out)
VfioNodes give_to_vfio(PciBus& bus, const std::string& address, const std::string& driver,
                       std::chrono::milliseconds timeout);

/// Puts driver and override back; a function that had no driver has none afterwards.
/// \throws OsError, Error(timed_out)
void give_back(PciBus& bus, const std::string& address, const OriginalDriver& original,
               std::chrono::milliseconds timeout);

/// Gives the function to whichever driver claims it, if any.
void give_to_any(PciBus& bus, const std::string& address);

}  // namespace nvmigrate
