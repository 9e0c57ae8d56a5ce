// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/commands_table.h"
#include "cli/sim.h"
#include "nvmigrate/store/journal.h"
#include "plugins/sim/host.h"

namespace nvmigrate::cli {
namespace {

struct ChangeSimOptions {
  std::string name;
  std::optional<std::string> mount, hold, swap, partition, release, reset, reset_controller, object;
  std::optional<std::string> model, firmware;
  bool dry_run = false;
};

sim::Function& function_of(sim::Subsystem& now, const sim::Place& place, const std::string& id) {
  return now.functions[now.named(id, place.controlling).id];
}

void apply_uses(sim::Subsystem& now, const sim::Place& place, const ChangeSimOptions& options) {
  const auto object = options.object.value_or("");
  const auto use = [&](const std::string& id, const sim::HostUse& how) {
    sim::use(now, function_of(now, place, id), how);
  };
  if (options.mount) use(*options.mount, {.kind = "mount", .object = object});
  if (options.hold) use(*options.hold, {.kind = "hold", .object = object});
  if (options.swap) use(*options.swap, {.kind = "swap", .object = ""});
  if (options.partition) use(*options.partition, {.kind = "partition", .object = ""});
  if (options.release) function_of(now, place, *options.release).uses.clear();
}

void apply(sim::Subsystem& now, const sim::Place& place, const ChangeSimOptions& options) {
  apply_uses(now, place, options);
  if (options.reset) sim::reset_function(now, function_of(now, place, *options.reset));
  if (options.reset_controller) {
    sim::reset_controller(now, function_of(now, place, *options.reset_controller));
  }
  if (options.model) now.parameters.model = *options.model;
  if (options.firmware) now.parameters.firmware = *options.firmware;
  now.parameters = sim::completed(now.parameters, now.name);
}

void check(const ChangeSimOptions& options) {
  const bool needs_object = options.mount.has_value() || options.hold.has_value();
  if (options.mount && options.hold) throw usage_error("give one of --mount and --hold at a time");
  if (needs_object && !options.object) {
    throw usage_error(
        options.mount ? "--mount needs an ID and a mount point"
                      : "--hold needs an ID and the name of a holder",
        options.mount ? "for example --mount vf1 /srv" : "for example --hold vf1 dm-0");
  }
  if (!needs_object && options.object) {
    throw usage_error("'" + *options.object + "' needs --mount or --hold");
  }
  const bool any = needs_object || options.swap || options.partition || options.release ||
                   options.reset || options.reset_controller || options.model || options.firmware;
  if (!any) throw usage_error("no change was given");
}

Outcome change(const Context& context, const ChangeSimOptions& options) {
  check(options);
  const auto place = sim_place(options.name);
  const bool changed = change_sim(context, place, options.dry_run,
                                  [&](sim::Subsystem& now) { apply(now, place, options); });
  return sim_outcome("sim:" + place.name, options.dry_run, changed,
                     options.dry_run ? "would be changed" : "changed");
}

struct PowerOptions {
  std::vector<std::string> names;
  bool dry_run = false;
};

/// With the power goes what is kept in the run folder.
Outcome cycle_power(const Context& context, const std::string& word, bool dry_run) {
  const auto name = sim_name(word);
  const bool changed = change_sim(context, {.name = name}, dry_run, sim::power_cycle);
  if (!dry_run) {
    const auto key = sim::key_of(context.folders(), name);
    const auto lock = lock_sim(context, name, key);
    forget_subsystem(context.io(), context.folders(), key);
  }
  return sim_outcome("sim:" + name, dry_run, changed,
                     dry_run ? "would be powered off and on" : "powered off and on");
}

}  // namespace

Runner declare_sim_power_cycle(Options& options) {
  const auto given = std::make_shared<PowerOptions>();
  options.positionals("NAME", given->names, "Simulated subsystems", Completes::device);
  options.required();
  options.flag("--dry-run", given->dry_run, "Print what would be done; change nothing");
  return [given](Context& context) {
    return for_each_sim(context, given->names, given->dry_run, [&](const std::string& name) {
      return cycle_power(context, name, given->dry_run);
    });
  };
}

Runner declare_sim_change(Options& options) {
  const auto chosen = std::make_shared<ChangeSimOptions>();
  options.positional("NAME", chosen->name, "Simulated subsystem", Completes::device);
  options.optional_positional("OBJECT", chosen->object,
                              "Where --mount mounts, or what --hold is held by");
  options.text("--mount", chosen->mount, "Mount the namespace of a function on OBJECT", "ID");
  options.text("--hold", chosen->hold, "Let OBJECT, such as dm-0, hold the namespace", "ID");
  options.text("--swap", chosen->swap, "Use the namespace as swap", "ID");
  options.text("--partition", chosen->partition, "Open a partition of the namespace", "ID");
  options.text("--release", chosen->release, "End all uses of the namespace", "ID");
  options.text("--reset", chosen->reset, "Reset a function, also the controlling one", "ID");
  options.text("--reset-controller", chosen->reset_controller,
               "Reset a controller, but not its PCI function", "ID");
  options.text("--model", chosen->model, "Another model", "TEXT");
  options.text("--firmware", chosen->firmware, "Another firmware revision", "TEXT");
  options.flag("--dry-run", chosen->dry_run, "Print what would be done; change nothing");
  return [chosen](Context& context) { return change(context, *chosen); };
}

}  // namespace nvmigrate::cli
