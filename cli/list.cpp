// SPDX-License-Identifier: LGPL-2.1-or-later
#include <algorithm>

#include "cli/commands_table.h"
#include "cli/describe.h"
#include "cli/render.h"
#include "cli/served.h"
#include "plugins/registry.h"

namespace nvmigrate::cli {
namespace {

std::vector<std::string> everything(Context& context) {
  std::vector<std::string> devices;
  for (const auto& provider : providers()) {
    for (auto& device : provider.all(context.io(), context.folders()))
      devices.push_back(device);
  }
  return devices;
}

std::string headline(const Topology& topology) {
  const auto& identity = topology.identity;
  std::string line = topology.device;
  if (!topology.address.empty()) line += "  " + topology.address;
  line += "  controller " + std::to_string(identity.cntlid);
  if (!identity.model.empty()) line += "  " + identity.model;
  if (topology.simulated) line += "  (simulated)";
  return line + '\n';
}

std::string facts(const Topology& topology) {
  std::string line = topology.identity.live_migration ? "  live migration" : "  no live migration";
  if (topology.sriov.total != 0) {
    line +=
        ", " + std::to_string(topology.sriov.enabled) + " of " + plural(topology.sriov.total, "VF");
  }
  if (topology.resources) {
    line += ", " + plural(topology.resources->queues.free(), "queue") + " and " +
            plural(topology.resources->interrupts.free(), "interrupt") + " free";
  }
  return line + '\n';
}

std::string stranger(const ControlledFunction& function, const Topology& topology) {
  const auto id = topology.device + " " + std::to_string(function.cntlid);
  return "controlled function " + label_of(function) +
         " is suspended, and no record says by whom: nvmigrate resume " + id +
         ", or nvmigrate suspend " + id + " to keep it so on record";
}

std::string accounts(const Topology& topology) {
  std::string text;
  const auto append = [&](const std::vector<Intent>& intents) {
    for (const auto& intent : intents) {
      if (is_overshadowed(intent, intents)) continue;
      text += std::string(intent.at_work ? "  * " : "  ! ") + account_of(intent, topology) + '\n';
    }
  };
  append(topology.intents);
  for (const auto& function : topology.functions) {
    append(function.intents);
    if (function.suspended_by_others()) text += "  ! " + stranger(function, topology) + '\n';
  }
  return text;
}

std::string text_of(const Topology& topology) {
  std::string text = headline(topology) + facts(topology);
  if (!topology.functions.empty()) {
    text += table_of(topology).text(2);
  } else if (topology.sriov.total != 0) {
    text += "  controls no function yet: nvmigrate provision " + topology.device + " --vfs N\n";
  }
  return text + accounts(topology);
}

void add(Outcome& outcome, const Topology& topology) {
  Json one = json_of(topology);
  one["functions"] = functions_json(topology);
  outcome.document["devices"].push_back(std::move(one));
  outcome.text += (outcome.text.empty() ? "" : "\n") + text_of(topology);
}

void add_failure(Context& context, Outcome& outcome, const std::string& device,
                 const Error& error) {
  context.warn(device + ": " + error.what());
  Json failure = error_json(error);
  failure["device"] = device;
  outcome.document["failed"].push_back(std::move(failure));
  outcome.status = ExitStatus::partial;
}

std::vector<std::string> without_doubles(const std::vector<std::string>& words) {
  std::vector<std::string> kept;
  for (const auto& word : words) {
    if (std::find(kept.begin(), kept.end(), word) == kept.end()) kept.push_back(word);
  }
  return kept;
}

Outcome list(Context& context, const std::vector<std::string>& named) {
  const auto devices = without_doubles(named.empty() ? everything(context) : named);
  Outcome outcome{.document = {{"devices", Json::array()}, {"failed", Json::array()}}};
  for (const auto& device : devices) {
    try {
      auto subject = context.open(device);
      add(outcome, whole_account(context, subject));
    } catch (const Interrupted&) {
      throw;
    } catch (const Error& error) {
      if (!named.empty() && devices.size() == 1) throw;
      add_failure(context, outcome, device, error);
    }
  }
  if (devices.empty()) {
    context.note("no NVMe controller here; 'nvmigrate sim create NAME' makes a simulated one");
  }
  return outcome;
}

}  // namespace

Runner declare_list(Options& options) {
  const auto devices = std::make_shared<std::vector<std::string>>();
  options.positionals("DEVICE", *devices,
                      "Controlling functions; without any, all there are, simulated ones too",
                      Offer::device);
  return [devices](Context& context) { return list(context, *devices); };
}

}  // namespace nvmigrate::cli
