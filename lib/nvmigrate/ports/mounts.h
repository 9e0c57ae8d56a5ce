// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>
#include <vector>

#include "nvmigrate/ports/sysfs.h"

namespace nvmigrate {

/// Where a block device is mounted (/proc/self/mountinfo, proc(5)), each place once.
/// \param number `major:minor` of the device; \param node its path, for file systems such as btrfs
/// that show a number of their own
std::vector<std::string> mount_points(const Sysfs& proc, const std::string& number,
                                      const std::string& node);

/// Whether a block device is in /proc/swaps.
bool is_swap(const Sysfs& proc, const std::string& node);

/// A field of /proc/self/mountinfo or /proc/swaps with its octal escapes (\040) undone.
std::string unescaped(const std::string& field);

}  // namespace nvmigrate
