// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "nvmigrate/host/access.h"

namespace nvmigrate {

/// Gives the VFs there were before, destroyed since and made again, what they had then: mark,
/// binding record, driver and override. The owner of a vfio node is not known, so not restored.
/// \param timeout for the driver of one function
/// \return what failed, a sentence each
std::vector<std::string> restore_functions(const HostAccess& access, const Topology& before,
                                           std::chrono::milliseconds timeout);

}  // namespace nvmigrate
