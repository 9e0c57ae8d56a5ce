// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "nvmigrate/base/io.h"
#include "nvmigrate/ports/device.h"
#include "nvmigrate/ports/sysfs.h"

namespace nvmigrate {

struct Folders;

/// Whether a device string names a device of the kernel's nvme driver: a path, a name such as
/// nvme0, a PCI address, or any other word without the prefix of another provider ("sim:").
bool owns_linux(std::string_view device);

/// Opens a controller of the kernel's nvme driver: /dev/nvme0 or another path to its character
/// device, nvme0, or the PCI address of a function bound to nvme. Nothing is sent to it. A
/// character device that a program answers for (CUSE) is taken for a simulation without a PCI
/// address. \throws not_found when it does not exist or is not an NVMe controller;
/// Error(permission); OsError
std::unique_ptr<Device> open_linux(Io& io, const Folders& folders, const std::string& device);

/// The character devices of all PCIe controllers that are not VFs and not being deleted, in the
/// order of their numbers. \throws OsError
std::vector<std::string> all_linux(Io& io, const Folders& folders);

/// As open_linux, below another root.
std::unique_ptr<Device> open_linux_device(Io& io, const Sysroot& root, const std::string& device);
/// As all_linux, below another root.
std::vector<std::string> all_linux_devices(Io& io, const Sysroot& root);

}  // namespace nvmigrate
