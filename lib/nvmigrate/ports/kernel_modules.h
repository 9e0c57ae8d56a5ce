// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "nvmigrate/ports/sysfs.h"

namespace nvmigrate {

/// Whether a word can be the name of a module or a driver: letters, digits, '-' and '_', not
/// beginning with '-'.
bool is_module_name(std::string_view name);

/// Loads a module with the kernel's own modprobe (no shell) and waits for it. A failure is silent:
/// the caller sees in /sys whether it worked.
void modprobe(const std::string& module);

/// The vfio variant module whose alias in modules.alias of the running kernel fits a function most
/// specifically. vfio_pci itself, whose alias fits everything, does not count.
/// \param modalias of the function, `pci:v…d…sv…sd…bc…sc…i…`
std::optional<std::string> variant_module(const Sysfs& sysfs, const std::string& modalias);

/// A function of the running kernel that makes controller data queues, as /proc/kallsyms shows it.
/// Kernels that have one are experiments; the number of their ioctl is not settled, so it is not
/// tried. \return empty when none is shown
std::string data_queue_function(const Sysfs& sysfs);

/// The PCI driver that a loaded module registered, whose name may differ from the module's.
std::optional<std::string> driver_of_module(const Sysfs& sysfs, const std::string& module);

}  // namespace nvmigrate
