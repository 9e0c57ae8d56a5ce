// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/describe.h"

#include <algorithm>
#include <array>
#include <utility>

namespace nvmigrate::cli {
namespace {

constexpr std::array status_words{
    std::pair{FunctionStatus::running, "running"},
    std::pair{FunctionStatus::offline, "offline"},
    std::pair{FunctionStatus::suspended, "suspended"},
    std::pair{FunctionStatus::loading, "loading"},
    std::pair{FunctionStatus::moved, "moved"},
    std::pair{FunctionStatus::unbound, "unbound"},
};

/// Whether its command had more to do with the function; else it was left so on purpose.
bool died_at_work(const Intent& intent) { return intent.details.contains(unfinished_detail); }

std::string moved_text(const Intent& intent) {
  const auto destination = intent.details.find("destination");
  const bool known = destination != intent.details.end();
  return "must not run: its state runs " + (known ? "in " + destination->second : "elsewhere");
}

/// What an intent came to when its command is at work no more.
std::string outcome_of(const Intent& intent) {
  switch (intent.kind) {
    case IntentKind::suspended:
      return died_at_work(intent) ? "was left suspended by a command that died" : "is suspended";
    case IntentKind::loading:
      return intent.committed ? "holds the whole state of a transfer and is not yet resumed"
                              : "holds a state that was not loaded to its end";
    case IntentKind::moved:
      return moved_text(intent);
    case IntentKind::unbound:
      return "was taken from its driver and not yet given to another";
    case IntentKind::provisioning:
      return "is provisioned in part";
  }
  return {};
}

std::string work_of(const Intent& intent) {
  switch (intent.kind) {
    case IntentKind::suspended:
      return "is being suspended";
    case IntentKind::loading:
      return "is being loaded";
    case IntentKind::moved:
      return "is being moved";
    case IntentKind::unbound:
      return "is changing its driver";
    case IntentKind::provisioning:
      return "is being provisioned";
  }
  return {};
}

Json json_of(const FlexibleResources& resources) {
  return {{"supported", resources.supported},
          {"total", resources.total},
          {"assigned", resources.assigned},
          {"free", resources.free()},
          {"primary", resources.primary},
          {"private", resources.private_},
          {"per_secondary", resources.per_secondary},
          {"granularity", resources.granularity}};
}

Json json_of(const Binding& binding) {
  return {{"driver", binding.driver},
          {"original_driver", or_null(binding.original_driver)},
          {"original_override", or_null(binding.original_override)},
          {"time", binding.time}};
}

Json intents_json(const std::vector<Intent>& intents, const std::string& device) {
  Json list = Json::array();
  for (const auto& intent : intents) {
    list.push_back(cli::json_of(intent, device));
    if (is_overshadowed(intent, intents)) list.back()["remedy"] = nullptr;
  }
  return list;
}

std::string online_word(const ControlledFunction& function) {
  if (!function.online) return {};
  return *function.online ? "online" : "offline";
}

std::string count_of(const ControlledFunction& function, std::uint16_t count) {
  return function.secondary ? std::to_string(count) : std::string{};
}

/// Nothing for what is as one would expect: running, or offline as the column of states says.
std::string remarkable_status(const ControlledFunction& function) {
  const auto status = status_of(function);
  const bool plain = status == FunctionStatus::running || status == FunctionStatus::offline;
  return plain ? std::string{} : std::string{to_string(status)};
}

std::string version_text(std::uint32_t version) {
  return std::to_string(version >> 16U) + '.' + std::to_string((version >> 8U) & 0xFFU) +
         ((version & 0xFFU) == 0 ? "" : '.' + std::to_string(version & 0xFFU));
}

}  // namespace

std::string_view to_string(FunctionStatus status) noexcept {
  for (const auto& [known, word] : status_words) {
    if (known == status) return word;
  }
  return "running";
}

FunctionStatus status_of(const ControlledFunction& function) noexcept {
  static constexpr std::array by_weight{
      std::pair{IntentKind::moved, FunctionStatus::moved},
      std::pair{IntentKind::loading, FunctionStatus::loading},
      std::pair{IntentKind::suspended, FunctionStatus::suspended},
      std::pair{IntentKind::unbound, FunctionStatus::unbound},
  };
  const auto stands = [&function](IntentKind kind) {
    return std::any_of(function.intents.begin(), function.intents.end(),
                       [kind](const auto& one) { return one.kind == kind && !one.stale; });
  };
  const auto committed = std::any_of(function.intents.begin(), function.intents.end(),
                                     [](const auto& one) { return one.committed && !one.stale; });
  if (committed) return FunctionStatus::loading;
  for (const auto& [kind, status] : by_weight) {
    if (stands(kind)) return status;
  }
  if (function.frozen == true) return FunctionStatus::suspended;
  return function.online == false ? FunctionStatus::offline : FunctionStatus::running;
}

std::string label_of(const ControlledFunction& function) {
  return label_of(function.cntlid, function.vfn);
}

std::string label_of(std::uint16_t cntlid, unsigned vfn) {
  const auto id = std::to_string(cntlid);
  return vfn == 0 ? id : id + " (vf " + std::to_string(vfn) + ")";
}

std::string vfio_node(const ControlledFunction& function) {
  if (function.vfio.device) return *function.vfio.device;
  return function.vfio.group.value_or(std::string{});
}

bool is_overshadowed(const Intent& intent, const std::vector<Intent>& intents) {
  return intent.kind == IntentKind::suspended && !intent.stale &&
         std::any_of(intents.begin(), intents.end(), [](const Intent& other) {
           return other.kind == IntentKind::loading || other.kind == IntentKind::moved;
         });
}

std::string remedy_of(const Intent& intent, const std::string& device) {
  const auto id = ' ' + std::to_string(intent.cntlid);
  if (intent.stale) return "nvmigrate resume " + device + id;
  switch (intent.kind) {
    case IntentKind::suspended:
      return "nvmigrate resume " + device + id;
    case IntentKind::loading:
      return intent.committed ? "nvmigrate resume " + device + id
                              : "nvmigrate import " + device + id + " -f FILE";
    case IntentKind::unbound:
      return "nvmigrate unbind " + device + id;
    case IntentKind::provisioning:
      return "nvmigrate doctor " + device + " --repair";
    case IntentKind::moved:
      return {};
  }
  return {};
}

std::string account_of(const Intent& intent, const Topology& topology) {
  const bool controls = intent.cntlid == topology.identity.cntlid;
  const auto who = controls ? "controlling function " + topology.device
                            : "controlled function " + std::to_string(intent.cntlid);
  const auto by = " (" + intent.command + ", pid " + std::to_string(intent.pid);
  if (intent.at_work) return who + ' ' + work_of(intent) + by + " at work)";
  const auto when = by + ", " + intent.time + ")";
  const auto remedy = remedy_of(intent, topology.device);
  if (intent.stale) {
    return who + " runs; only the journal calls it " + std::string{to_string(intent.kind)} + when +
           ": " + remedy + " has it say so no more";
  }
  return who + ' ' + outcome_of(intent) + when + (remedy.empty() ? "" : ": " + remedy);
}

Json json_of(const Intent& intent, const std::string& device) {
  Json details = Json::object();
  for (const auto& [name, value] : intent.details)
    details[name] = value;
  return {{"kind", to_string(intent.kind)},
          {"controller_id", intent.cntlid},
          {"command", intent.command},
          {"pid", intent.pid},
          {"time", intent.time},
          {"at_work", intent.at_work},
          {"committed", intent.committed},
          {"stale", intent.stale},
          {"details", details},
          {"remedy", text_or_null(intent.at_work ? std::string{} : remedy_of(intent, device))}};
}

Json json_of(const ControlledFunction& function, const std::string& device) {
  const auto& pci = function.pci;
  const bool vf = function.vfn != 0;
  return {{"controller_id", function.cntlid},
          {"virtual_function", vf ? Json(function.vfn) : Json(nullptr)},
          {"address", pci ? Json(pci->address) : Json(nullptr)},
          {"secondary", function.secondary},
          {"controls", function.controls},
          {"online", or_null(function.online)},
          {"status", to_string(status_of(function))},
          {"queues", function.secondary ? Json(function.queues) : Json(nullptr)},
          {"interrupts", function.secondary ? Json(function.interrupts) : Json(nullptr)},
          {"driver", pci ? or_null(pci->driver) : Json(nullptr)},
          {"driver_override", pci ? or_null(pci->override_to) : Json(nullptr)},
          {"kernel_name", or_null(function.kernel_name)},
          {"iommu_group", pci ? or_null(pci->iommu_group) : Json(nullptr)},
          {"vfio_group", or_null(function.vfio.group)},
          {"vfio_device", or_null(function.vfio.device)},
          {"marked", function.marked},
          {"suspended", function.frozen.value_or(function.has(IntentKind::suspended))},
          {"binding", function.binding ? json_of(*function.binding) : Json(nullptr)},
          {"intents", intents_json(function.intents, device)}};
}

Json json_of(const ControllerIdentity& identity) {
  return {{"controller_id", identity.cntlid},
          {"subsystem_nqn", identity.subsystem_nqn},
          {"model", identity.model},
          {"serial", identity.serial},
          {"firmware", identity.firmware},
          {"pci_vendor", identity.vendor},
          {"nvme_version", version_text(identity.version)},
          {"max_transfer", identity.max_transfer},
          {"virtualization_management", identity.virtualization_management},
          {"live_migration", identity.live_migration}};
}

Json json_of(const PrimaryResources& resources) {
  return {{"queues", json_of(resources.queues)}, {"interrupts", json_of(resources.interrupts)}};
}

Json json_of(const Topology& topology) {
  Json document{{"device", topology.device},
                {"address", text_or_null(topology.address)},
                {"simulated", topology.simulated}};
  document.update(json_of(topology.identity));
  document["vfs"] = {{"total", topology.sriov.total},
                     {"enabled", topology.sriov.enabled},
                     {"autoprobe", topology.sriov.autoprobe}};
  document["resources"] = topology.resources ? json_of(*topology.resources) : Json(nullptr);
  document["intents"] = intents_json(topology.intents, topology.device);
  return document;
}

Json functions_json(const Topology& topology) {
  Json list = Json::array();
  for (const auto& function : topology.functions) {
    list.push_back(json_of(function, topology.device));
  }
  return list;
}

Table table_of(const Topology& topology) {
  Table table{{"ID", "VF", "ADDRESS", "STATE", "VQ", "VI", "DRIVER", "NAME", "GROUP", "VFIO",
               "MARK", "STATUS"}};
  for (const std::size_t numbers : {0U, 1U, 4U, 5U})
    table.align_right(numbers);
  for (const auto& one : topology.functions) {
    const auto& pci = one.pci;
    const bool grouped = pci && pci->iommu_group;
    table.add({std::to_string(one.cntlid), one.vfn == 0 ? "" : std::to_string(one.vfn),
               pci ? pci->address : "", online_word(one), count_of(one, one.queues),
               count_of(one, one.interrupts), pci ? pci->driver.value_or("") : "",
               one.kernel_name.value_or(""), grouped ? std::to_string(*pci->iommu_group) : "",
               vfio_node(one), one.marked ? "yes" : "", remarkable_status(one)});
  }
  return table;
}

Json text_or_null(const std::string& text) { return text.empty() ? Json(nullptr) : Json(text); }

}  // namespace nvmigrate::cli
