// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/commands_table.h"
#include "cli/describe.h"
#include "cli/findings.h"
#include "nvmigrate/account/account.h"
#include "nvmigrate/base/numbers.h"
#include "nvmigrate/conditions/selection.h"
#include "nvmigrate/nvme/commands.h"
#include "nvmigrate/session/custody.h"

namespace nvmigrate::cli {
namespace {

struct ShowOptions {
  std::string device;
  std::optional<std::string> function;
};

std::string yes_or_no(bool value) { return value ? "yes" : "no"; }

Json migration_json(Session& session) {
  const auto* first = session.serving();
  Json refusals = Json::array();
  for (const auto& asked : session.asked_backends()) {
    if (!asked.query) refusals.push_back({{"backend", asked.row->name}, {"reason", asked.reason}});
  }
  return {{"backend", first ? Json(first->row->name) : Json(nullptr)},
          {"command_set", first ? Json(first->row->command_set) : Json(nullptr)},
          {"state_formats", first ? json_of(first->query->formats) : Json(nullptr)},
          {"chunk", first ? Json(first->query->chunk) : Json(nullptr)},
          {"limits", json_of(session.limits())},
          {"refused_by", refusals}};
}

void describe_migration(Description& text, Session& session) {
  const auto* first = session.serving();
  for (const auto& asked : session.asked_backends()) {
    if (asked.query) continue;
    text.add("backend", std::string{asked.row->name} + " does not serve it: " + asked.reason);
  }
  if (first == nullptr) return;
  text.add("backend", std::string{first->row->name} + ", the first that serves it (" +
                          std::string{first->row->command_set} + ")");
  for (const auto version : first->query->formats.versions) {
    text.add("state format", "NVMe controller state, version " + std::to_string(version));
  }
  for (const auto& uuid : first->query->formats.vendors)
    text.add("state format", "vendor " + nvmigrate::to_string(uuid));
  text.add("state read in pieces of", format_size(first->query->chunk));
  text.add("most in one command",
           format_size(session.limits().most()) + " (" + text_of(session.limits()) + ")");
}

std::string account_text(const Findings& account) {
  std::string text;
  for (const auto& found : account)
    text += text_of(found, "! ", 0);
  return text;
}

std::string resources_text(const FlexibleResources& resources) {
  if (!resources.supported) return "not flexible";
  const auto steps = resources.granularity < 2
                         ? std::string{}
                         : "preferably in steps of " + std::to_string(resources.granularity) + ", ";
  return std::to_string(resources.free()) + " of " + std::to_string(resources.total) + " free, " +
         std::to_string(resources.primary) + " held by the controlling function and " +
         std::to_string(resources.assigned) + " by its functions, at most " +
         std::to_string(resources.per_secondary) + " a function, " + steps +
         std::to_string(resources.private_) + " private to the controlling function";
}

std::string vfs_text(const SriovState& sriov) {
  if (sriov.total == 0) return "no SR-IOV";
  return std::to_string(sriov.enabled) + " of " + std::to_string(sriov.total);
}

std::string_view restriction_word(unsigned restriction) {
  switch (restriction) {
    case 0:
      return "none";
    case 1:
      return "same_namespace";
    case 2:
      return "any_namespace";
    default:
      return "reserved";
  }
}

Json effects_json(const EffectsLog& log) {
  if (log.commands.empty()) return nullptr;
  Json list = Json::array();
  for (const auto& one : log.commands) {
    list.push_back({{"opcode", one.opcode},
                    {"command", command::name_of(one.opcode)},
                    {"supported", one.supported},
                    {"restriction", restriction_word(one.restriction)}});
  }
  return list;
}

std::string effects_text(const CommandEffects& effects) {
  const std::string name{command::name_of(effects.opcode)};
  if (effects.restriction == 0) return {};
  if (effects.restriction > 2) {
    return name + ": a reserved restriction (" + std::to_string(effects.restriction) + ")";
  }
  return name + ": no other command to " +
         (effects.restriction == 1 ? "the same namespace" : "any namespace") + " meanwhile";
}

Outcome controlling(Session& session) {
  session.tolerate_unreadable_lists();
  drop_ended_records(session);
  auto account = account_of(session);
  for (auto& found : check_effects(session))
    account.push_back(std::move(found));
  const auto& topology = session.topology();
  Outcome outcome{.document = json_of(topology)};
  outcome.document["migration"] = migration_json(session);
  outcome.document["command_effects"] = effects_json(session.effects());
  outcome.document["functions"] = functions_json(topology);
  outcome.document["findings"] = json_of(account);

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
  text.add("namespaces", namespaces_text(topology.namespaces));
  text.add("virtualization management", yes_or_no(identity.virtualization_management));
  text.add("host-managed live migration", yes_or_no(identity.live_migration));
  describe_migration(text, session);
  for (const auto& one : session.effects().commands)
    text.add("command effects", effects_text(one));
  text.add("controlled functions", std::to_string(topology.functions.size()));
  outcome.text = text.text();
  if (!topology.functions.empty()) outcome.text += table_of(topology).text(2);
  outcome.text += account_text(account);
  return outcome;
}

std::string driver_text(const ControlledFunction& function) {
  if (!function.pci) return {};
  std::string text = function.pci->driver.value_or("none");
  if (function.kernel_name) text += " (" + *function.kernel_name + ")";
  if (function.binding) text += ", before: " + function.binding->original_driver.value_or("none");
  return text;
}

Outcome controlled(Session& session, const std::string& word) {
  const auto cntlid = select_one(session.topology(), word, "show").cntlid;
  drop_ended_records(session);
  const auto account = account_of(session, cntlid);
  const auto& topology = session.topology();
  const auto& function = session.function(cntlid);
  Outcome outcome{.document = {{"device", topology.device},
                               {"address", text_or_null(topology.address)},
                               {"simulated", topology.simulated},
                               {"function", json_of(function)},
                               {"findings", json_of(account)}}};
  Description text;
  text.add("controlled function", label_of(function) + (topology.simulated ? " (simulated)" : ""));
  text.add("controlling function",
           topology.device + (topology.address.empty() ? "" : " at " + topology.address));
  text.add("address", function.pci ? function.pci->address : "");
  text.add("status", status_text(function));
  if (function.secondary) {
    text.add("queues", std::to_string(function.queues));
    text.add("interrupts", std::to_string(function.interrupts));
  }
  text.add("namespaces", namespaces_text(function.namespaces));
  text.add("driver", driver_text(function));
  if (function.pci && function.pci->iommu_group) {
    text.add("IOMMU group", std::to_string(*function.pci->iommu_group));
  }
  text.add("vfio group", function.vfio.group.value_or(""));
  text.add("vfio device", function.vfio.device.value_or(""));
  text.add("marked", yes_or_no(function.marked));
  outcome.text = text.text() + account_text(account);
  return outcome;
}

Outcome show(Context& context, const ShowOptions& options) {
  const auto session = context.open(options.device);
  return options.function ? controlled(*session, *options.function) : controlling(*session);
}

}  // namespace

Runner declare_show(Options& options) {
  const auto given = std::make_shared<ShowOptions>();
  options.device("DEVICE", given->device, "The controlling function");
  options.optional_positional("ID", given->function,
                              "One controlled function: 3, 0x3, vf2 or a PCI address",
                              Completes::functions);
  return [given](Context& context) { return show(context, *given); };
}

}  // namespace nvmigrate::cli
