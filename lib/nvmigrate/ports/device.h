// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>

#include "nvmigrate/nvme/admin_port.h"
#include "nvmigrate/ports/pci_bus.h"

namespace nvmigrate {

/// An opened controlling function: its two seams and its names. Behind them is Linux or a simulated
/// subsystem; the commands do not know which.
class Device {
 public:
  virtual ~Device() = default;

  virtual AdminPort& admin() = 0;
  virtual PciBus& pci() = 0;
  /// As a user names it: /dev/nvme0, sim:demo.
  [[nodiscard]] virtual const std::string& name() const = 0;
  /// The PCI address of the controlling function; empty when it is not a PCI function.
  [[nodiscard]] virtual const std::string& address() const = 0;
  /// Whether it is a simulation; every listing says so.
  [[nodiscard]] virtual bool simulated() const = 0;
};

}  // namespace nvmigrate
