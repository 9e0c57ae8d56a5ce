// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/host/shared_node.h"

#include <fmt/core.h>

namespace nvmigrate {

std::string in_numbers(const Owner& owner) { return fmt::format("{}:{}", owner.user, owner.group); }

std::optional<Fact> fact_of_shared_node(const std::string& device, const VfioNodes& nodes,
                                        const Owner& user) {
  if (!nodes.group && !nodes.device) return std::nullopt;
  const bool by_iommufd = nodes.by_iommufd() || !nodes.group;
  const auto& rights = by_iommufd ? nodes.iommufd : nodes.container;
  Fact fact{.code = "no_shared_node",
            .device = device,
            .words = {{"node", by_iommufd ? "/dev/iommu" : "/dev/vfio/vfio"}}};
  if (!rights) {
    fact.remedies = {{.action = Remedy::Action::load_module,
                      .object = by_iommufd ? "iommufd" : "vfio_iommu_type1"}};
    return fact;
  }
  if (rights->admit(user)) return std::nullopt;
  fact.code = "shared_node_closed";
  fact.words.insert(fact.words.end(), {{"asked", in_numbers(user)},
                                       {"is", in_numbers(rights->owner)},
                                       {"mode", fmt::format("{:04o}", rights->mode)}});
  return fact;
}

}  // namespace nvmigrate
