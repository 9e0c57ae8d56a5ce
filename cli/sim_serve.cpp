// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/commands_table.h"
#include "cli/sim.h"
#include "nvmigrate/ports/nvme_class.h"
#include "plugins/cuse/serve.h"

namespace nvmigrate::cli {
namespace {

struct ServeSimOptions {
  std::string name, node;
};

/// The name of the node in /dev.
std::string node_name(std::string word) {
  if (word.starts_with("/dev/")) word.erase(0, 5);
  if (controller_number(word)) return word;
  throw usage_error("'" + word + "' is not the name of an NVMe controller", "give --dev nvme9");
}

Outcome serve_sim(Context& context, const ServeSimOptions& options) {
  const auto name = node_name(options.node);
  const auto device = (options.name.starts_with("sim:") ? "" : "sim:") + options.name;
  const auto& workspace = context.workspace();
  const auto open = [&] {
    return workspace.wrap(open_sim(context.io(), context.folders(), device));
  };
  static_cast<void>(open());  // it is there, and it is on this host
  const auto ready = [&] {
    context.note(device + " is /dev/" + name + " until this command ends");
  };
  const auto answered = cuse::serve(context.io(), {.name = name, .open = open, .ready = ready});
  Outcome outcome;
  outcome.document = {{"device", device}, {"node", "/dev/" + name}, {"calls", answered}};
  outcome.text = "/dev/" + name + ": " + std::to_string(answered) + " calls answered\n";
  return outcome;
}

}  // namespace

Runner declare_sim_serve(Options& options) {
  const auto given = std::make_shared<ServeSimOptions>();
  options.positional("NAME", given->name,
                     "Simulated subsystem, or NAME/ID of another controlling function",
                     Completes::device);
  options.text("--dev", given->node, "The character device, /dev/nvme9", "NODE");
  options.required();
  return [given](Context& context) { return serve_sim(context, *given); };
}

}  // namespace nvmigrate::cli
