// SPDX-License-Identifier: LGPL-2.1-or-later
#include <algorithm>

#include "cli/commands_table.h"
#include "cli/sim_words.h"
#include "cli/table.h"
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

void add(Json& list, Table& table, const sim::Subsystem& subsystem) {
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

Outcome list(Context& context) {
  Outcome outcome;
  Json subsystems = Json::array();
  Table table{{"DEVICE", "PERSONALITY", "FUNCTIONS", "ONLINE", "GUESTS", "SUSPENDED"}};
  for (const auto& name : sim::names(context.folders())) {
    try {
      add(subsystems, table, *sim::Store(context.folders().sim, name).read());
    } catch (const Error& error) {
      context.warn(error.what() + (error.hint().empty() ? "" : "; " + error.hint()));
      subsystems.push_back({{"device", "sim:" + name}, {"damaged", error.what()}});
    }
  }
  outcome.document["subsystems"] = std::move(subsystems);
  outcome.text = table.empty() ? "no simulated subsystems\n" : table.text();
  return outcome;
}

}  // namespace

Runner declare_sim_list(Options& /*options*/) {
  return [](Context& context) { return list(context); };
}

}  // namespace nvmigrate::cli
