// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "nvmigrate/ports/pci_bus.h"
#include "nvmigrate/ports/processes.h"
#include "nvmigrate/ports/sysfs.h"

namespace nvmigrate {

/// The number of a device: of a `dev` attribute (`259:4`), else of the node at `path`.
/// \return nothing when neither tells it
std::optional<DeviceNumber> device_number(const Sysfs& sysfs, mode_t kind,
                                          const std::string& attribute, const std::string& path);

/// What uses something, as far as it could be seen.
struct SeenUses {
  std::vector<Use> uses{};
  std::string unseen{};  ///< why there may be more; empty: all were seen
};

/// What on this host uses a controller, its namespaces and their partitions: file systems
/// (/proc/self/mountinfo), swap (/proc/swaps), holders such as dm and md, loop devices, the
/// kernel's NVMe target (nvmet in configfs), and processes that have them open. Only where none of
/// these is seen, an exclusive claim of the kernel. A namespace that several controllers share
/// counts for each of them. \param controller its name, nvme1
/// \param opened asked only when there is a namespace \throws OsError
SeenUses block_uses(const Sysfs& sysfs, const std::string& controller,
                    const std::function<const OpenDevices&()>& opened);

}  // namespace nvmigrate
