// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/text/describe.h"

#include <algorithm>

#include "nvmigrate/base/numbers.h"
#include "nvmigrate/session/custody.h"

namespace nvmigrate::cli {
namespace {

using Ids = std::vector<std::uint32_t>;

Json object_of(const FlexibleResources& resources) {
  return {{"supported", resources.supported},
          {"total", resources.total},
          {"assigned", resources.assigned},
          {"free", resources.free()},
          {"primary", resources.primary},
          {"private", resources.private_},
          {"per_secondary", resources.per_secondary},
          {"granularity", resources.granularity}};
}

Json object_of(const PrimaryResources& resources) {
  return {{"queues", object_of(resources.queues)}, {"interrupts", object_of(resources.interrupts)}};
}

Json object_of(const Binding& binding) {
  return {{"driver", binding.driver},
          {"original_driver", or_null(binding.original_driver)},
          {"original_override", or_null(binding.original_override)},
          {"time", binding.time}};
}

Json object_of(const WantedResources& wanted) {
  return {{"queues", wanted.queues},
          {"interrupts", wanted.interrupts},
          {"granted_queues", wanted.granted_queues},
          {"granted_interrupts", wanted.granted_interrupts},
          {"namespaces", wanted.namespaces}};
}

Json intents_json(const std::vector<Intent>& intents) {
  Json list = Json::array();
  for (const auto& intent : intents)
    list.push_back(json_of(intent));
  return list;
}

std::string version_text(std::uint32_t version) {
  return std::to_string(version >> 16U) + '.' + std::to_string((version >> 8U) & 0xFFU) +
         ((version & 0xFFU) == 0 ? "" : '.' + std::to_string(version & 0xFFU));
}

Json object_of(const ControllerIdentity& identity) {
  return {{"controller_id", identity.cntlid},
          {"subsystem_nqn", identity.subsystem_nqn},
          {"model", identity.model},
          {"serial", identity.serial},
          {"firmware", identity.firmware},
          {"pci_vendor", identity.vendor},
          {"nvme_version", version_text(identity.version)},
          {"max_transfer", identity.max_transfer},
          {"virtualization_management", identity.virtualization_management},
          {"namespace_management", identity.namespace_management},
          {"live_migration", identity.live_migration}};
}

/// 0: not known
std::uint64_t bytes_of(const Topology& topology, std::uint32_t nsid) {
  for (const auto& shape : topology.namespace_shapes) {
    if (shape.nsid == nsid) return shape.blocks * shape.block_size;
  }
  return 0;
}

Json sizes_json(const Topology& topology) {
  Json list = Json::array();
  for (const auto& shape : topology.namespace_shapes) {
    list.push_back({{"namespace_id", shape.nsid}, {"bytes", shape.blocks * shape.block_size}});
  }
  return list;
}

bool went_offline(const ControlledFunction& function) {
  return custody_of(function) == Custody::offline && function.lost_resources();
}

}  // namespace

bool is_default(Session& session, const Serving& one) {
  const auto& asked = session.asked_backends();
  const auto first = std::find_if(asked.begin(), asked.end(), [](const Serving& each) {
    return each.query && !each.row->only_by_name;
  });
  return first != asked.end() && &*first == &one;
}

std::string label_of(const ControlledFunction& function) {
  return label_of(function.cntlid, function.vfn);
}

std::string label_of(std::uint16_t cntlid, unsigned vfn) {
  const auto id = std::to_string(cntlid);
  return vfn == 0 ? id : id + " (vf " + std::to_string(vfn) + ")";
}

std::string status_text(const ControlledFunction& function) {
  return went_offline(function) ? "offline since a reset?"
                                : std::string{to_string(custody_of(function))};
}

std::string namespaces_text(const std::optional<std::vector<std::uint32_t>>& ids) {
  if (!ids) return {};
  return ids->empty() ? "none" : ranges_of(*ids);
}

std::string namespaces_text(const Topology& topology, const std::optional<Ids>& ids) {
  if (!ids || ids->empty()) return namespaces_text(ids);
  std::vector<std::pair<std::uint64_t, Ids>> sizes;
  for (const auto id : *ids) {
    const auto size = bytes_of(topology, id);
    if (sizes.empty() || sizes.back().first != size) sizes.emplace_back(size, Ids{});
    sizes.back().second.push_back(id);
  }
  std::string text;
  for (const auto& [size, same] : sizes) {
    text += (text.empty() ? "" : "; ") + ranges_of(same);
    if (size != 0) text += ", " + format_size(size) + (same.size() > 1 ? " each" : "");
  }
  return text;
}

std::string vfio_node(const VfioNodes& nodes) {
  if (nodes.device) return *nodes.device;
  return nodes.group.value_or(std::string{});
}

Json json_of(const Intent& intent) {
  return {{"kind", to_string(intent.kind)},
          {"controller_id", intent.cntlid},
          {"command", intent.command},
          {"pid", intent.pid},
          {"time", intent.time},
          {"in_progress", intent.in_progress},
          {"stale", intent.stale},
          {"details", intent.details}};
}

Json json_of(const ControlledFunction& function) {
  const auto& pci = function.pci;
  return {{"controller_id", function.cntlid},
          {"virtual_function", vfn_or_null(function.vfn)},
          {"address", pci ? Json(pci->address) : Json(nullptr)},
          {"secondary", function.secondary},
          {"controls", function.controls},
          {"foreign", function.foreign()},
          {"online", or_null(function.online)},
          {"status", to_string(custody_of(function))},
          {"queues", function.secondary ? Json(function.queues) : Json(nullptr)},
          {"interrupts", function.secondary ? Json(function.interrupts) : Json(nullptr)},
          {"namespaces", or_null(function.namespaces)},
          {"wanted", function.wanted ? object_of(*function.wanted) : Json(nullptr)},
          {"resources_lost", function.lost_resources()},
          {"driver", pci ? or_null(pci->driver) : Json(nullptr)},
          {"driver_override", pci ? or_null(pci->override_to) : Json(nullptr)},
          {"kernel_name", or_null(function.kernel_name)},
          {"iommu_group", pci ? or_null(pci->iommu_group) : Json(nullptr)},
          {"vfio_group", or_null(function.vfio.group)},
          {"vfio_device", or_null(function.vfio.device)},
          {"marked", function.marked},
          {"backend", text_or_null(function.backend)},
          {"suspended", function.held()},
          {"binding", function.binding ? object_of(*function.binding) : Json(nullptr)},
          {"intents", intents_json(function.intents)}};
}

Json json_of(const Topology& topology) {
  Json document{{"device", topology.device},
                {"address", text_or_null(topology.address)},
                {"simulated", topology.simulated}};
  document.update(object_of(topology.identity));
  document["vfs"] = {{"total", topology.sriov.total},
                     {"enabled", topology.sriov.enabled},
                     {"autoprobe", topology.sriov.autoprobe}};
  document["resources"] = topology.resources ? object_of(*topology.resources) : Json(nullptr);
  document["namespaces"] = or_null(topology.namespaces);
  document["namespace_sizes"] = sizes_json(topology);
  document["intents"] = intents_json(topology.intents);
  return document;
}

Json functions_json(const Topology& topology) {
  Json list = Json::array();
  for (const auto& function : topology.functions)
    list.push_back(json_of(function));
  return list;
}

Json json_of(const StateFormats& formats) {
  Json vendors = Json::array();
  for (const auto& uuid : formats.vendors)
    vendors.push_back(to_string(uuid));
  return {{"versions", formats.versions}, {"vendors", vendors}};
}

Json json_of(const TransferLimits& limits) {
  const auto or_none = [](std::size_t limit) { return limit == 0 ? Json(nullptr) : Json(limit); };
  return {{"most", limits.most()},
          {"device", or_none(limits.device)},
          {"kernel_known", limits.kernel.has_value()},
          {"kernel", or_none(limits.kernel ? limits.kernel->bytes : 0)},
          {"kernel_segments", or_none(limits.kernel ? limits.kernel->segments : 0)}};
}

std::string text_of(const TransferLimits& limits) {
  const auto device = limits.device == 0 ? "no MDTS" : "MDTS " + format_size(limits.device);
  const auto& kernel = limits.kernel;
  if (!kernel) return device + ", limits of the kernel not known";
  if (kernel->most() == 0) return device + ", no limit of the kernel";
  return device + ", kernel " + format_size(kernel->bytes) + " in " +
         std::to_string(kernel->segments) + " segments";
}

}  // namespace nvmigrate::cli
