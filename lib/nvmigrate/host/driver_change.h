// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>

#include "nvmigrate/host/topology.h"

namespace nvmigrate {

/// The driver of vfio that takes every function.
inline constexpr const char* stock_driver = "vfio-pci";

/// How the driver of a function was before anything of ours.
struct OriginalDriver {
  std::optional<std::string> driver;
  std::optional<std::string> override_to;
};

/// From the binding record, else from what a change that died has journalled, else what is there
/// now (a driver of vfio is never an original one).
OriginalDriver original_driver_of(const ControlledFunction& function);
/// For the journal; original_driver_of() reads it.
std::map<std::string, std::string> details_of(const std::string& address,
                                              const OriginalDriver& original);

/// Gives the function to `driver`, of vfio, and waits for its nodes.
/// \throws OsError, Error(timed_out)
VfioNodes give_to_vfio(PciBus& bus, const std::string& address, const std::string& driver,
                       std::chrono::milliseconds timeout);

/// Puts driver and override back; a function that had no driver has none afterwards.
/// \throws OsError, Error(timed_out)
void give_back(PciBus& bus, const std::string& address, const OriginalDriver& original,
               std::chrono::milliseconds timeout);

/// Lets whatever driver claims the function have it. \return that driver
std::optional<std::string> give_to_any(PciBus& bus, const std::string& address);

}  // namespace nvmigrate
