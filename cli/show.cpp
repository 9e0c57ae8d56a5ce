// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/commands_table.h"
#include "cli/describe.h"
#include "cli/served.h"
#include "nvmigrate/base/numbers.h"

namespace nvmigrate::cli {
namespace {

struct ShowOptions {
  std::string device;
  std::optional<std::string> function;
};

std::string yes_or_no(bool value) { return value ? "yes" : "no"; }

Json migration_json(const std::vector<Served>& asked) {
  const auto* first = chosen(asked);
  Json refusals = Json::array();
  for (const auto& served : asked) {
    if (!served.query)
      refusals.push_back({{"backend", served.row->name}, {"reason", served.reason}});
  }
  return {{"backend", first ? Json(first->row->name) : Json(nullptr)},
          {"command_set", first ? Json(first->row->command_set) : Json(nullptr)},
          {"state_formats", first ? json_of(first->query->formats) : Json(nullptr)},
          {"chunk", first ? Json(first->query->chunk) : Json(nullptr)},
          {"refused_by", refusals}};
}

void describe(Description& text, const std::vector<Served>& asked) {
  const auto* first = chosen(asked);
  for (const auto& served : asked) {
    if (!served.query) text.add("not by " + std::string{served.row->name}, served.reason);
  }
  if (first == nullptr) return;
  text.add("backend", std::string{first->row->name} + ", the first that serves it (" +
                          std::string{first->row->command_set} + ")");
  for (const auto version : first->query->formats.versions) {
    text.add("state format", "NVMe controller state, version " + std::to_string(version));
  }
  for (const auto& uuid : first->query->formats.vendors)
    text.add("state format", "vendor " + nvmigrate::to_string(uuid));
  text.add("bytes of one command", format_size(first->query->chunk));
}

std::string resources_text(const FlexibleResources& resources) {
  if (!resources.supported) return "not flexible";
  const auto held = resources.primary == 0
                        ? std::string{}
                        : std::to_string(resources.primary) + " held by the controlling function, ";
  return std::to_string(resources.free()) + " of " + std::to_string(resources.total) + " free, " +
         held + "at most " + std::to_string(resources.per_secondary) +
         " a function, preferably in steps of " + std::to_string(resources.granularity) + ", " +
         std::to_string(resources.private_) + " private of the controlling function";
}

std::string vfs_text(const SriovState& sriov) {
  if (sriov.total == 0) return "no SR-IOV";
  return std::to_string(sriov.enabled) + " of " + std::to_string(sriov.total);
}

Outcome controlling(const Topology& topology, const std::vector<Served>& asked) {
  Outcome outcome{.document = json_of(topology)};
  outcome.document["migration"] = migration_json(asked);
  outcome.document["functions"] = functions_json(topology);

  const auto& identity = topology.identity;
  const auto& document = outcome.document;
  Description text;
  text.add("controlling function", topology.device + (topology.simulated ? " (simulated)" : ""));
  text.add("address", topology.address);
  text.add("controller id", std::to_string(identity.cntlid) + " (" + to_hex(identity.cntlid) + ")");
  text.add("subsystem", identity.subsystem_nqn);
  text.add("model", identity.model);
  text.add("serial", identity.serial);
  text.add("firmware", identity.firmware);
  text.add("NVMe", document.at("nvme_version").get<std::string>());
  text.add("VFs", vfs_text(topology.sriov));
  if (topology.resources) {
    text.add("queues", resources_text(topology.resources->queues));
    text.add("interrupts", resources_text(topology.resources->interrupts));
  }
  text.add("virtualization management", yes_or_no(identity.virtualization_management));
  text.add("host-managed live migration", yes_or_no(identity.live_migration));
  describe(text, asked);
  for (const auto& intent : topology.intents)
    text.add("journal", account_of(intent, topology));
  text.add("controlled functions", std::to_string(topology.functions.size()));
  outcome.text = text.text();
  if (!topology.functions.empty()) outcome.text += table_of(topology).text(2);
  return outcome;
}

std::string driver_text(const ControlledFunction& function) {
  if (!function.pci) return {};
  std::string text = function.pci->driver.value_or("none");
  if (function.kernel_name) text += " (" + *function.kernel_name + ")";
  if (function.binding) text += ", was " + function.binding->original_driver.value_or("none");
  return text;
}

Outcome controlled(const Topology& topology, const ControlledFunction& function) {
  Outcome outcome{.document = {{"device", topology.device},
                               {"address", text_or_null(topology.address)},
                               {"simulated", topology.simulated},
                               {"function", json_of(function, topology.device)}}};
  Description text;
  text.add("controlled function", to_hex(function.cntlid) + " = " + label_of(function) +
                                      (topology.simulated ? " (simulated)" : ""));
  text.add("controlling function",
           topology.device + (topology.address.empty() ? "" : " at " + topology.address));
  text.add("address", function.pci ? function.pci->address : "");
  text.add("status", std::string{to_string(status_of(function))});
  if (function.secondary) {
    text.add("queues", std::to_string(function.queues));
    text.add("interrupts", std::to_string(function.interrupts));
  }
  text.add("driver", driver_text(function));
  if (function.pci && function.pci->iommu_group) {
    text.add("IOMMU group", std::to_string(*function.pci->iommu_group));
  }
  text.add("vfio group", function.vfio.group.value_or(""));
  text.add("vfio device", function.vfio.device.value_or(""));
  text.add("marked", yes_or_no(function.marked));
  for (const auto& intent : function.intents)
    text.add("journal", account_of(intent, topology));
  outcome.text = text.text();
  return outcome;
}

Outcome show(Context& context, const ShowOptions& options) {
  auto subject = context.open(options.device);
  const auto topology = whole_account(context, subject);
  if (options.function) return controlled(topology, select_one(topology, *options.function));
  return controlling(topology, ask_backends(subject.device->admin()));
}

}  // namespace

Runner declare_show(Options& options) {
  const auto given = std::make_shared<ShowOptions>();
  options.positional("DEVICE", given->device, "The controlling function", Offer::device);
  options.optional_positional("ID", given->function,
                              "One controlled function: 3, 0x3, vf2 or a PCI address",
                              Offer::functions);
  return [given](Context& context) { return show(context, *given); };
}

}  // namespace nvmigrate::cli
