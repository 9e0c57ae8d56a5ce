// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "nvmigrate/ports/pci_bus.h"
#include "nvmigrate/ports/sysfs.h"

namespace nvmigrate {

/// The number in nvme7. \return nothing when it is not the name of a controller
std::optional<unsigned> controller_number(std::string_view name);

/// The block device of a namespace as /sys/block names it: nvme0n1 stays, the multipath path
/// nvme0c1n1 becomes its head nvme0n1. \return nothing when it is not the name of a namespace
std::optional<std::string> namespace_head(const std::string& name);

/// The controllers through which the namespace of this name is reached: nvme0n1, /dev/nvme0n1, or a
/// partition of it. Empty for other words, and if nothing matches. \throws OsError
std::vector<std::string> controllers_of_namespace(const Sysfs& sysfs, std::string word);

/// A controller of the kernel's nvme driver, by name. \return nothing when it does not exist
/// \throws OsError
std::optional<KernelController> read_controller(const Sysfs& sysfs, const std::string& name);

/// Limits of the queues of its namespaces, to which the kernel sets its admin queue, too. \return
/// nothing when it has no namespace
std::optional<QueueLimits> read_queue_limits(const Sysfs& sysfs, const std::string& name);

/// All of them (/sys/class/nvme), sorted by number; one that cannot be read says why.
std::vector<KernelController> read_controllers(const Sysfs& sysfs);

}  // namespace nvmigrate
