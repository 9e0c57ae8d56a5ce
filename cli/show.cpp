// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/commands_table.h"
#include "cli/text/describe.h"
#include "cli/text/fields.h"
#include "cli/text/findings.h"
#include "cli/text/functions_table.h"
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

/// Those that would serve the device if they were named.
Json names_of_usable(Session& session) {
  const auto* used = session.serving();
  Json names = Json::array();
  for (const auto& asked : session.asked_backends()) {
    if (asked.query && &asked != used) names.push_back(asked.row->name);
  }
  return names;
}

std::string why_chosen(const BackendChoice& choice) {
  switch (choice.why) {
    case BackendChoice::Why::named:
      return "named with --backend";
    case BackendChoice::Why::mark:
      return "recorded with its mark";
    case BackendChoice::Why::first:
      break;
  }
  return "the first that serves it";
}

std::string backend_text(Session& session, std::uint16_t cntlid) {
  const auto choice = session.chosen(cntlid);
  const auto reason = session.unable(cntlid);
  const auto name =
      choice.serving != nullptr ? std::string{choice.serving->row->name} : choice.name;
  if (name.empty()) return "none serves " + session.device();
  const auto text =
      name + ", " + why_chosen(choice) +
      (choice.differs ? "; its mark records " + session.recorded_backend(cntlid) : "");
  if (choice.serving == nullptr) return text + "; it does not serve " + session.device();
  return reason.empty() ? text : text + "; not for this function: " + reason;
}

Json migration_json(Session& session) {
  const auto* first = session.serving();
  Json refusals = Json::array();
  for (const auto& asked : session.asked_backends()) {
    if (!asked.query) refusals.push_back({{"backend", asked.row->name}, {"reason", asked.reason}});
  }
  const auto why = session.chosen().why;
  return {{"backend", first ? Json(first->row->name) : Json(nullptr)},
          {"chosen_as", first ? Json(to_string(why)) : Json(nullptr)},
          {"command_set", first ? Json(first->row->command_set) : Json(nullptr)},
          {"state_formats", first ? json_of(first->query->formats) : Json(nullptr)},
          {"chunk", first ? Json(first->query->chunk) : Json(nullptr)},
          {"limits", json_of(session.limits())},
          {"by_name", names_of_usable(session)},
          {"refused_by", refusals}};
}

std::string without_backend(Session& session) {
  if (const auto name = session.chosen().name; !name.empty()) return "not by backend " + name;
  if (!names_of_usable(session).empty()) return "only by a backend that is named";
  return session.identity().live_migration ? "yes, but no backend serves it" : "no";
}

void describe_migration(Description& text, Session& session) {
  const auto* first = session.serving();
  text.add("live migration",
           first != nullptr
               ? "yes, by backend " + std::string{first->row->name} + " (" +
                     std::string{first->row->command_set} + "), " + why_chosen(session.chosen())
               : without_backend(session),
           first != nullptr ? Tone::plain : Tone::warning);
  for (const auto& asked : session.asked_backends()) {
    const std::string name{asked.row->name};
    if (!asked.query) text.add("not by backend", name + ": " + asked.reason);
    if (asked.query && &asked != first) {
      text.add("also by backend",
               name + " (" + std::string{asked.row->command_set} + "), " +
                   (is_default(session, asked) ? "when none is named" : "with --backend " + name));
    }
  }
  if (first == nullptr) return;
  for (const auto version : first->query->formats.versions) {
    text.add("state format", "NVMe controller state, version " + std::to_string(version));
  }
  for (const auto& uuid : first->query->formats.vendors)
    text.add("state format", "vendor " + nvmigrate::to_string(uuid));
  text.add("data per command", format_size(first->query->chunk) + " of at most " +
                                   format_size(session.limits().most()) + " (" +
                                   text_of(session.limits()) + ")");
}

/// Who holds the flexible resources.
std::string resources_text(const PrimaryResources& resources, const Screen& screen) {
  Table table{
      {"RESOURCE", "FREE", "TOTAL", "FUNCTIONS", "CONTROLLING", "MOST EACH", "STEP", "PRIVATE"}};
  for (std::size_t column = 1; column <= 7; ++column)
    table.align_right(column);
  const auto add = [&](const char* name, const FlexibleResources& one) {
    if (!one.supported) return;
    table.add(
        {name, std::to_string(one.free()), std::to_string(one.total), std::to_string(one.assigned),
         std::to_string(one.primary), std::to_string(one.per_secondary),
         one.granularity < 2 ? "" : std::to_string(one.granularity), std::to_string(one.private_)});
  };
  add("queues", resources.queues);
  add("interrupts", resources.interrupts);
  return table.empty() ? "" : '\n' + table.text(2, screen);
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

std::string identity_text(const ControllerIdentity& identity) {
  std::vector<std::string> parts;
  if (!identity.model.empty()) parts.push_back(identity.model);
  if (!identity.serial.empty()) parts.push_back("serial " + identity.serial);
  if (!identity.firmware.empty()) parts.push_back("firmware " + identity.firmware);
  return joined(parts, ", ");
}

void describe(Description& text, const Topology& topology, const std::string& version) {
  const auto& identity = topology.identity;
  text.add("controlling function", topology.device +
                                       (topology.address.empty() ? "" : " at " + topology.address) +
                                       (topology.simulated ? " (simulated)" : ""));
  text.add("controller id", std::to_string(identity.cntlid) + " (" + to_hex(identity.cntlid) + ")");
  text.add("model", identity_text(identity));
  text.add("subsystem", identity.subsystem_nqn);
  text.add("NVMe", version +
                       (identity.virtualization_management ? ", virtualization management" : "") +
                       (identity.namespace_management ? ", namespace management" : ""));
  text.add("VFs", vfs_text(topology.sriov));
  text.add("namespaces", namespaces_text(topology, topology.namespaces));
}

Outcome controlling(Session& session, const Screen& screen) {
  session.tolerate_unreadable_lists();
  drop_ended_records(session);
  auto account = account_of(session);
  session.ask_namespace_shapes();
  for (auto& found : check_effects(session))
    account.push_back(std::move(found));
  const auto& topology = session.topology();
  Outcome outcome{.document = json_of(topology), .coloured = true};
  outcome.document["migration"] = migration_json(session);
  outcome.document["command_effects"] = effects_json(session.effects());
  outcome.document["functions"] = functions_json(topology);
  outcome.document["findings"] = json_of(account);

  Description text;
  describe(text, topology, outcome.document.at("nvme_version").get<std::string>());
  describe_migration(text, session);
  for (const auto& one : session.effects().commands)
    text.add("command effects", effects_text(one));
  outcome.text = text.text(0, screen);
  if (!account.empty()) outcome.text += '\n' + account_text(account, 0, screen);
  if (topology.resources) outcome.text += resources_text(*topology.resources, screen);
  if (!topology.functions.empty()) {
    outcome.text += '\n' + functions_table(topology, {}, 2, screen);
  }
  return outcome;
}

std::string driver_text(const ControlledFunction& function) {
  if (!function.pci) return {};
  std::string text = function.pci->driver.value_or("none");
  if (function.kernel_name) text += " (" + *function.kernel_name + ")";
  if (function.binding) text += ", before: " + function.binding->original_driver.value_or("none");
  return text;
}

/// Of the worst finding.
Tone tone_of(const Findings& account) {
  auto worst = Tone::plain;
  for (const auto& found : account) {
    if (found.severity == Severity::problem) return Tone::problem;
    if (found.severity == Severity::warning) worst = Tone::warning;
  }
  return worst;
}

Outcome controlled(Session& session, const std::string& word, const Screen& screen) {
  const auto cntlid = select_one(session.topology(), word, "show").cntlid;
  drop_ended_records(session);
  const auto account = account_of(session, cntlid);
  session.ask_namespace_shapes();
  const auto& topology = session.topology();
  const auto& function = session.function(cntlid);
  const auto choice = session.chosen(cntlid);
  Outcome outcome{
      .document = {{"device", topology.device},
                   {"address", text_or_null(topology.address)},
                   {"simulated", topology.simulated},
                   {"function", json_of(function)},
                   {"backend",
                    choice.serving != nullptr ? Json(choice.serving->row->name) : Json(nullptr)},
                   {"chosen_as", to_string(choice.why)},
                   {"backend_cannot", text_or_null(session.unable(cntlid))},
                   {"findings", json_of(account)}},
      .coloured = true};
  Description text;
  text.add("controlled function", label_of(function) + (topology.simulated ? " (simulated)" : ""));
  text.add("controlling function",
           topology.device + (topology.address.empty() ? "" : " at " + topology.address));
  text.add("status", status_text(function), tone_of(account));
  text.add("marked", yes_or_no(function.marked));
  text.add("backend", backend_text(session, cntlid));
  text.add("address", function.pci ? function.pci->address : "");
  text.add("driver", driver_text(function));
  text.add("vfio device", function.vfio.device.value_or(""));
  text.add("vfio group", function.vfio.group.value_or(""));
  if (function.pci && function.pci->iommu_group) {
    text.add("IOMMU group", std::to_string(*function.pci->iommu_group));
  }
  if (function.secondary) {
    text.add("resources",
             plural(function.queues, "queue") + ", " + plural(function.interrupts, "interrupt"));
  }
  text.add("namespaces", namespaces_text(topology, function.namespaces));
  outcome.text = text.text(0, screen);
  if (!account.empty()) outcome.text += '\n' + account_text(account, 0, screen);
  return outcome;
}

Outcome show(Context& context, const ShowOptions& options) {
  const auto session = context.open(options.device);
  const auto screen = context.screen();
  return options.function ? controlled(*session, *options.function, screen)
                          : controlling(*session, screen);
}

}  // namespace

Runner declare_show(Options& options) {
  const auto given = std::make_shared<ShowOptions>();
  options.device("DEVICE", given->device, "The controlling function");
  options.optional_positional("ID", given->function,
                              "One controlled function: 3, 0x3, vf2 or a PCI address",
                              Completes::functions);
  options.backend();
  return [given](Context& context) { return show(context, *given); };
}

}  // namespace nvmigrate::cli
