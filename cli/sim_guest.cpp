// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/commands_table.h"
#include "cli/describe.h"
#include "cli/sim_words.h"
#include "plugins/sim/sim.h"

namespace nvmigrate::cli {
namespace {

struct GuestOptions {
  std::string device, id;
  std::optional<std::uint64_t> queues;
  bool empty = false, dry_run = false;

  void declare(Options& options) {
    options.positional("DEVICE", device, "Controlling function, sim:NAME", Offer::device);
    options.positional("ID", id, "Controlled function", Offer::functions);
    options.flag("--dry-run", dry_run, "Say what would be done, and do nothing");
  }
};

std::optional<unsigned> pairs_of(const GuestOptions& options) {
  if (options.empty && options.queues.value_or(0) != 0) {
    throw usage_error("--empty has no I/O queues, --queues has some");
  }
  if (options.empty) return 0U;
  if (!options.queues) return std::nullopt;
  return static_cast<unsigned>(*options.queues);
}

/// Does `act` to the function that the options name.
Outcome change_function(const Context& context, const GuestOptions& options,
                        const std::string& done, const std::string& planned,
                        const std::function<void(sim::Subsystem&, sim::Function&)>& act) {
  const auto place = sim::place_of(options.device);
  std::uint16_t cntlid = 0, vfn = 0;
  const bool changed = change_sim(context, place, options.dry_run, [&](sim::Subsystem& now) {
    cntlid = now.named(options.id, place.controlling).id;
    auto& function = now.functions[cntlid];
    vfn = function.vfn;
    act(now, function);
  });
  auto outcome = sim_outcome(
      options.device, options.dry_run, changed,
      "controlled function " + label_of(cntlid, vfn) + ' ' + (options.dry_run ? planned : done));
  outcome.document["controller_id"] = cntlid;
  outcome.document["function"] = options.id;
  return outcome;
}

Outcome start(const Context& context, const GuestOptions& options) {
  const auto pairs = pairs_of(options);
  return change_function(context, options, "has a guest now", "would get a guest",
                         [&](sim::Subsystem& now, sim::Function& function) {
                           sim::start_guest(now, function, pairs);
                         });
}

Outcome stop(const Context& context, const GuestOptions& options) {
  return change_function(context, options, "has no guest any more", "would lose its guest",
                         [](sim::Subsystem&, sim::Function& function) {
                           if (function.guest) sim::reset(function);
                         });
}

}  // namespace

Runner declare_sim_guest_start(Options& options) {
  const auto chosen = std::make_shared<GuestOptions>();
  chosen->declare(options);
  options.number("--queues", chosen->queues, "I/O queue pairs [up to 2]", 0, 0xFFFF);
  options.flag("--empty", chosen->empty,
               "Enabled without I/O queues, as a VMM prepares a destination");
  return [chosen](Context& context) { return start(context, *chosen); };
}

Runner declare_sim_guest_stop(Options& options) {
  const auto chosen = std::make_shared<GuestOptions>();
  chosen->declare(options);
  return [chosen](Context& context) { return stop(context, *chosen); };
}

}  // namespace nvmigrate::cli
