// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/commands_table.h"
#include "cli/sim_words.h"
#include "plugins/sim/sim.h"

namespace nvmigrate::cli {
namespace {

struct DestroyOptions {
  std::string name;
  bool dry_run = false;
};

Outcome destroy(const Context& context, const DestroyOptions& options) {
  const auto name = sim_name(options.name);
  if (!options.dry_run) {
    const auto lock = lock_sim(context, name, sim::nqn_of(context.folders(), name));
    sim::destroy(context.folders(), name);
  } else if (!sim::Store(context.folders().sim, name).exists()) {
    throw not_found("there is no simulated subsystem " + name, "see: nvmigrate sim list");
  }
  return sim_outcome("sim:" + name, options.dry_run, true,
                     options.dry_run ? "would be removed" : "removed");
}

}  // namespace

Runner declare_sim_destroy(Options& options) {
  const auto chosen = std::make_shared<DestroyOptions>();
  options.positional("NAME", chosen->name, "Simulated subsystem, damaged or not", Offer::device);
  options.flag("--dry-run", chosen->dry_run, "Say what would be done, and do nothing");
  return [chosen](Context& context) { return destroy(context, *chosen); };
}

}  // namespace nvmigrate::cli
