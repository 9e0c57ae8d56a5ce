// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>
#include <vector>

#include "nvmigrate/ports/sysfs.h"

namespace nvmigrate {

/// What in the kernel uses a block device, or a controller, by its node and shows it neither as a
/// holder nor as a claim: loop devices (/sys/block/loopN/loop/backing_file), and the kernel's NVMe
/// target (nvmet in configfs: namespaces that are enabled, and passthrough of a controller). A
/// phrase each: `backs loop0`. \throws OsError
std::vector<std::string> kernel_users(const Sysfs& sysfs, const std::string& node);

}  // namespace nvmigrate
