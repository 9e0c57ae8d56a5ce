// SPDX-License-Identifier: LGPL-2.1-or-later
#include <algorithm>
#include <utility>

#include "cli/commands_table.h"
#include "cli/sim.h"
#include "cli/text/findings.h"
#include "cli/text/table.h"
#include "nvmigrate/base/numbers.h"
#include "plugins/sim/answers.h"
#include "plugins/sim/sim.h"

namespace nvmigrate::cli {
namespace {

struct Counts {
  std::size_t online = 0, guests = 0, suspended = 0;
};

Counts counts_of(const sim::Subsystem& subsystem) {
  Counts counts;
  for (const auto& function : subsystem.functions) {
    if (function.kind == sim::Kind::controlling) continue;
    counts.online += function.online ? 1U : 0U;
    counts.guests += function.guest ? 1U : 0U;
    counts.suspended += function.suspended() ? 1U : 0U;
  }
  return counts;
}

void add_row(Json& list, Table& table, const sim::Subsystem& subsystem) {
  const auto counts = counts_of(subsystem);
  const auto& p = subsystem.parameters;
  list.push_back({{"device", "sim:" + subsystem.name},
                  {"subsystem_nqn", p.nqn},
                  {"personality", to_string(p.personality)},
                  {"controlling", p.controlling},
                  {"functions", subsystem.functions.size() - p.controlling},
                  {"online", counts.online},
                  {"guests", counts.guests},
                  {"suspended", counts.suspended},
                  {"damaged", nullptr}});
  table.add({"sim:" + subsystem.name, std::string(to_string(p.personality)),
             std::to_string(subsystem.functions.size() - p.controlling),
             std::to_string(counts.online), std::to_string(counts.guests),
             std::to_string(counts.suspended)});
}

/// `; remove it: nvmigrate sim destroy demo`, as far as the error says so.
std::string next_step(const Error& error) {
  auto text = error.advice().empty() ? "" : "; " + error.advice();
  for (const auto& remedy : error.remedies())
    text += ": " + line_of(command_of(remedy));
  return text;
}

Outcome list(Context& context) {
  Outcome outcome;
  Json subsystems = Json::array();
  Table table{{"DEVICE", "PERSONALITY", "FUNCTIONS", "ONLINE", "GUESTS", "SUSPENDED"}};
  for (const auto& name : sim::names(context.folders())) {
    try {
      add_row(subsystems, table, *sim::Store(context.folders().sim, name).read());
    } catch (const Error& error) {
      context.warn(error.what() + next_step(error));
      subsystems.push_back({{"device", "sim:" + name}, {"damaged", error.what()}});
    }
  }
  outcome.document["subsystems"] = std::move(subsystems);
  outcome.text = table.empty() ? "no simulated subsystems\n" : table.text();
  return outcome;
}

std::string guest_word(const sim::Function& function) {
  if (function.suspended()) return function.loaded ? "loaded" : "suspended";
  return function.guest ? "running" : "";
}

std::string driver_word(const sim::Function& function) { return function.driver.value_or(""); }

std::string namespaces_word(const sim::Function& function) {
  return ranges_of(std::vector(function.namespaces.begin(), function.namespaces.end()));
}

/// Flexible queues and interrupts, also those that a controlling function holds itself.
std::pair<unsigned, unsigned> resources_of(const sim::Subsystem& subsystem,
                                           const sim::Function& function) {
  if (function.kind != sim::Kind::controlling) return {function.vq, function.vi};
  const auto& primary = subsystem.primaries.at(function.id);
  return {primary.vq, primary.vi};
}

Json object_of(const sim::Subsystem& subsystem, const sim::Function& function) {
  const auto [queues, interrupts] = resources_of(subsystem, function);
  const bool present = subsystem.present(function);
  Json json{{"controller_id", function.id},
            {"kind", to_string(function.kind)},
            {"virtual_function", function.vfn == 0 ? Json() : Json(function.vfn)},
            {"address", present ? Json(subsystem.address_of(function)) : Json()},
            {"online", function.online},
            {"queues", queues},
            {"interrupts", interrupts},
            {"namespaces", function.namespaces},
            {"driver", function.driver ? Json(*function.driver) : Json()},
            {"suspended", function.suspended()},
            {"loaded", function.loaded.has_value()},
            {"guest", function.guest.has_value()}};
  json["uses"] = Json::array();
  for (const auto& use : function.uses) {
    json["uses"].push_back({{"kind", use.kind}, {"object", use.object}});
  }
  return json;
}

Json formats_of(const sim::Parameters& p) {
  Json vendors = Json::array();
  for (const auto& uuid : p.vendor_uuids)
    vendors.push_back(nvmigrate::to_string(uuid));
  return {{"versions", p.versions},
          {"vendors", std::move(vendors)},
          {"renumbered", p.renumber_formats},
          {"state_size", p.state_size ? Json(*p.state_size) : Json()}};
}

Json document_of(const sim::Subsystem& subsystem) {
  const auto& p = subsystem.parameters;
  Json functions = Json::array();
  for (const auto& function : subsystem.functions) {
    functions.push_back(object_of(subsystem, function));
  }
  Json owners = Json::array();
  for (const auto& [node, owner] : subsystem.owners) {
    owners.push_back({{"node", node}, {"user", owner.first}, {"group", owner.second}});
  }
  return {{"device", "sim:" + subsystem.name},
          {"simulated", true},
          {"subsystem_nqn", p.nqn},
          {"model", p.model},
          {"firmware", p.firmware},
          {"personality", to_string(p.personality)},
          {"migration", p.migration},
          {"max_transfer", *p.mdts},
          {"seed", p.seed},
          {"formats", formats_of(p)},
          {"namespaces",
           {{"count", p.namespaces},
            {"size", p.namespace_size},
            {"block_size", p.block_size},
            {"shared", !p.private_namespaces}}},
          {"changes", subsystem.generation},
          {"functions", std::move(functions)},
          {"node_owners", std::move(owners)}};
}

std::string lines_of(const sim::Subsystem& subsystem) {
  const auto& p = subsystem.parameters;
  Description about;
  about.add("subsystem", "sim:" + subsystem.name + " (simulated)");
  about.add("nqn", p.nqn);
  about.add("model", p.model + ", firmware " + p.firmware);
  about.add("personality", std::string(to_string(p.personality)));
  about.add("migration", p.migration ? "yes" : "no");
  about.add("max transfer", *p.mdts == 0 ? "no limit" : format_size(*p.mdts));
  about.add("state size", p.state_size ? format_size(*p.state_size) : "");
  about.add("namespaces", std::to_string(p.namespaces) + " of " + format_size(p.namespace_size) +
                              (p.private_namespaces ? ", private" : ""));
  Table table{{"ID", "KIND", "VF", "ADDRESS", "STATE", "VQ", "VI", "NS", "DRIVER", "GUEST"}};
  for (const auto& function : subsystem.functions) {
    const bool flexible = function.is_secondary() || function.kind == sim::Kind::controlling;
    const auto [queues, interrupts] = resources_of(subsystem, function);
    table.add({std::to_string(function.id), std::string(to_string(function.kind)),
               function.vfn == 0 ? "" : std::to_string(function.vfn),
               subsystem.present(function) ? subsystem.address_of(function) : "",
               function.online ? "online" : "offline", flexible ? std::to_string(queues) : "",
               flexible ? std::to_string(interrupts) : "", namespaces_word(function),
               driver_word(function), guest_word(function)});
  }
  return about.text() + "\n" + table.text();
}

}  // namespace

Runner declare_sim_list(Options& /*options*/) {
  return [](Context& context) { return list(context); };
}

Runner declare_sim_show(Options& options) {
  const auto name = std::make_shared<std::string>();
  options.positional("NAME", *name, "Simulated subsystem", Completes::device);
  return [name](Context& context) {
    sim::Store store(context.folders().sim, sim_place(*name).name);
    const auto subsystem = store.read();
    return Outcome{.document = document_of(*subsystem), .text = lines_of(*subsystem)};
  };
}

}  // namespace nvmigrate::cli
