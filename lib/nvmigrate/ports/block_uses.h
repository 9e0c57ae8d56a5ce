// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>
#include <vector>

#include "nvmigrate/ports/pci_bus.h"
#include "nvmigrate/ports/sysfs.h"

namespace nvmigrate {

/// What on this host uses the namespaces of a controller, their partitions included: file systems,
/// swap, holders (dm, md, …), loop devices, the kernel's NVMe target, processes that have them
/// open, and, where none of these is seen, an exclusive claim of the kernel. A namespace that
/// several controllers share counts for each. \param controller its name, nvme1 \throws OsError
std::vector<Use> block_uses(const Sysfs& sysfs, const std::string& controller);

}  // namespace nvmigrate
