// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>
#include <vector>

#include "nvmigrate/ports/pci_bus.h"
#include "nvmigrate/ports/sysfs.h"

namespace nvmigrate {

/// What on this host uses a controller, its namespaces and their partitions: file systems
/// (/proc/self/mountinfo), swap (/proc/swaps), holders such as dm and md, loop devices, the
/// kernel's NVMe target (nvmet in configfs), and processes that have them open. Only where none of
/// these is seen, an exclusive claim of the kernel. A namespace that several controllers share
/// counts for each of them. \param controller its name, nvme1 \throws OsError
std::vector<Use> block_uses(const Sysfs& sysfs, const std::string& controller);

}  // namespace nvmigrate
