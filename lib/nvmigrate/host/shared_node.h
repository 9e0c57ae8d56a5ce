// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <optional>
#include <string>

#include "nvmigrate/conditions/fact.h"
#include "nvmigrate/ports/pci_function.h"

namespace nvmigrate {

/// What keeps a VM of this user from the node that all VMs share, /dev/vfio/vfio or /dev/iommu,
/// without which those of a function are of no use to it; nothing, where the function has none.
[[nodiscard]] std::optional<Fact> fact_of_shared_node(const std::string& device,
                                                      const VfioNodes& nodes, const Owner& user);

/// `1000:1000`
[[nodiscard]] std::string in_numbers(const Owner& owner);

}  // namespace nvmigrate
