// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "plugins/sim/model.h"

/// The rules of the simulated host: how the kernel's PCI core and drivers treat functions.
namespace nvmigrate::sim {

inline constexpr std::uint16_t pci_vendor = 0xFFF5;  ///< assigned to nobody
inline constexpr std::uint16_t pci_device = 0x0001;
inline constexpr std::uint32_t nvme_class = 0x010802;

/// Whether the bound driver is one of vfio's.
bool is_vfio(const Subsystem& subsystem, const Function& function);
/// The vfio nodes of a function; none without a vfio driver.
VfioNodes nodes_of(const Subsystem& subsystem, const Function& function);
bool has_driver(const Subsystem& subsystem, const std::string& driver);

/// drivers_probe: binds the driver that the override or the class names, if it takes the function.
/// Like the kernel, it does not report when none does.
void probe(Subsystem& subsystem, Function& function);
/// Takes it from its driver; ends the guest that held it.
void unbind(Subsystem& subsystem, Function& function);
/// Enables `count` VFs of a controlling function; 0 disables them. \return 0, or the errno of the
/// kernel
int set_enabled_vfs(Subsystem& subsystem, std::uint16_t controlling, unsigned count);
/// Has the host use the namespace of a function. \throws refused when its nvme driver does not have
/// it
void use(Subsystem& subsystem, Function& function, const HostUse& use);
/// Function level reset.
void reset_function(Subsystem& subsystem, Function& function);
/// The host and the subsystem lose power and come up again: no VF, no flexible resources of
/// functions, no driver but that of the host, no guest. Attachments of namespaces, and what a
/// primary is to hold, stay. Another host of the subsystem goes on.
void power_cycle(Subsystem& subsystem);
/// Controller Reset.
void reset_controller(Subsystem& subsystem, Function& function);

}  // namespace nvmigrate::sim
