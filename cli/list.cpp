// SPDX-License-Identifier: LGPL-2.1-or-later
#include <algorithm>

#include "cli/commands_table.h"
#include "cli/describe.h"
#include "cli/findings.h"
#include "nvmigrate/account/account.h"

namespace nvmigrate::cli {
namespace {

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

std::string functions_text(const Topology& topology) {
  if (!topology.functions.empty()) return table_of(topology).text(2);
  if (topology.sriov.total == 0) return {};
  return "  controls no function yet\n" +
         next_steps(
             {}, {{.action = Remedy::Action::provision, .device = topology.device, .count = 1}}, 2);
}

std::string account_text(const Findings& account) {
  std::string text;
  for (const auto& found : account)
    text += text_of(found, found.severity == Severity::ok ? "* " : "! ", 2);
  return text;
}

void add(Outcome& outcome, Session& session) {
  session.tolerate_unreadable_lists();
  drop_ended_records(session);
  const auto account = account_of(session);
  const auto& topology = session.topology();
  Json one = json_of(topology);
  one["functions"] = functions_json(topology);
  one["findings"] = json_of(account);
  outcome.document["devices"].push_back(std::move(one));
  outcome.text += (outcome.text.empty() ? "" : "\n") + headline(topology) + facts(topology) +
                  functions_text(topology) + account_text(account);
}

void add_failure(Context& context, Outcome& outcome, const Error& error) {
  context.warn(error.device() + ": " + error.what());
  outcome.document["failed"].push_back(json_of(error));
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
  std::vector<Error> failures;
  const auto devices =
      named.empty() ? context.workspace().all_devices(&failures) : without_doubles(named);
  Outcome outcome{.document = {{"devices", Json::array()}, {"failed", Json::array()}}};
  for (const auto& device : devices) {
    try {
      add(outcome, *context.open(device));
    } catch (const Interrupted&) {
      throw;
    } catch (Error& error) {
      if (!named.empty() && devices.size() == 1) throw;
      error.set_device(device);
      failures.push_back(error);
    }
  }
  for (const auto& error : failures)
    add_failure(context, outcome, error);
  if (devices.empty() && failures.empty()) {
    context.note("there is no NVMe controller; 'nvmigrate sim create NAME' makes a simulated one");
  }
  return outcome;
}

}  // namespace

Runner declare_list(Options& options) {
  const auto devices = std::make_shared<std::vector<std::string>>();
  options.positionals("DEVICE", *devices,
                      "Controlling functions; without any, all of them, simulated ones included",
                      Completes::device);
  return [devices](Context& context) { return list(context, *devices); };
}

}  // namespace nvmigrate::cli
