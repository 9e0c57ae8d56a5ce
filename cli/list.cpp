// SPDX-License-Identifier: LGPL-2.1-or-later
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <set>

#include "cli/commands_table.h"
#include "cli/text/describe.h"
#include "cli/text/fields.h"
#include "cli/text/findings.h"
#include "cli/text/functions_table.h"
#include "cli/text/render.h"
#include "cli/text/watch.h"
#include "nvmigrate/account/account.h"

namespace nvmigrate::cli {
namespace {

struct Listing {
  std::vector<std::string> devices, fields;
  std::string format = "table";
  std::optional<std::uint64_t> every;  ///< seconds

  [[nodiscard]] bool for_reader() const { return format == "table"; }
};

/// A controlling function at one moment.
struct Listed {
  Topology topology;
  Findings account;
  std::string migration;  ///< whether, and how, its functions can be migrated
};

struct Found {
  std::vector<Listed> devices;
  std::vector<Error> failures;
};

std::string headline(const Topology& topology, const Screen& screen) {
  std::string line = painted(screen, one_line(topology.device), Tone::strong);
  if (!topology.address.empty()) line += "  " + topology.address;
  return line + (topology.simulated ? "  (simulated)\n" : "\n");
}

/// Backends that need not be named, or that a mark names; else those that could be named.
std::string migration_of(Session& session) {
  if (session.identity().live_migration) return "live migration";
  std::set<std::string> used, nameable;
  for (const auto& function : session.topology().functions) {
    if (function.marked && !function.backend.empty()) used.insert(function.backend);
  }
  for (const auto& one : session.asked_backends()) {
    if (one.query) (one.row->only_by_name ? nameable : used).emplace(one.row->name);
  }
  if (!used.empty()) return fmt::format("live migration by backend {}", fmt::join(used, ", "));
  if (nameable.empty()) return "no live migration";
  return fmt::format("live migration only by backend {}, which a mark has to name",
                     fmt::join(nameable, ", "));
}

std::string facts(const Topology& topology, const std::string& migration, const Screen& screen) {
  const auto& identity = topology.identity;
  auto line = "controller " + std::to_string(identity.cntlid) + ", " +
              (identity.model.empty() ? "" : one_line(identity.model) + ", ");
  line += migration;
  if (topology.sriov.total != 0) {
    line +=
        ", " + std::to_string(topology.sriov.enabled) + " of " + plural(topology.sriov.total, "VF");
  }
  if (topology.resources) {
    line += ", " + plural(topology.resources->queues.free(), "queue") + " and " +
            plural(topology.resources->interrupts.free(), "interrupt") + " free";
  }
  return "  " + wrapped(line, 2, screen.width) + '\n';
}

std::string functions_text(const Topology& topology, const Listing& given, const Screen& screen) {
  if (!topology.functions.empty()) return functions_table(topology, given.fields, 2, screen);
  if (topology.sriov.total == 0) return {};
  return "  controls no function yet\n" +
         next_steps(
             {}, {{.action = Remedy::Action::provision, .device = topology.device, .count = 1}}, 2);
}

Listed look_at(Session& session) {
  session.tolerate_unreadable_lists();
  drop_ended_records(session);
  auto account = account_of(session);
  session.ask_namespace_shapes();
  auto migration = migration_of(session);
  return {session.topology(), std::move(account), std::move(migration)};
}

std::vector<std::string> without_doubles(const std::vector<std::string>& words) {
  std::vector<std::string> kept;
  for (const auto& word : words) {
    if (std::find(kept.begin(), kept.end(), word) == kept.end()) kept.push_back(word);
  }
  return kept;
}

Found look(Context& context, const std::vector<std::string>& named) {
  Found found;
  const auto devices =
      named.empty() ? context.workspace().all_devices(&found.failures) : without_doubles(named);
  for (const auto& device : devices) {
    try {
      found.devices.push_back(look_at(*context.open(device)));
    } catch (const Interrupted&) {
      throw;
    } catch (Error& error) {
      if (!named.empty() && devices.size() == 1) throw;
      error.set_device(device);
      found.failures.push_back(error);
    }
  }
  return found;
}

Json document_of(const Found& found) {
  Json document{{"devices", Json::array()}, {"failed", Json::array()}};
  for (const auto& [topology, account, migration] : found.devices) {
    Json one = json_of(topology);
    one["functions"] = functions_json(topology);
    one["findings"] = json_of(account);
    document["devices"].push_back(std::move(one));
  }
  for (const auto& error : found.failures)
    document["failed"].push_back(json_of(error));
  return document;
}

std::string listing_of(const Found& found, const Listing& given, const Screen& screen) {
  std::string text;
  for (const auto& [topology, account, migration] : found.devices) {
    text += (text.empty() ? "" : "\n") + headline(topology, screen) +
            facts(topology, migration, screen) + functions_text(topology, given, screen) +
            account_text(account, 2, screen);
  }
  return text;
}

std::string rows_of(const Found& found, const Listing& given) {
  std::vector<const Topology*> devices;
  for (const auto& one : found.devices)
    devices.push_back(&one.topology);
  return given.format == "tsv" ? as_tsv(devices, given.fields)
                               : as_variables(devices, given.fields);
}

std::string told_of(const Error& error) { return error.device() + ": " + error.what(); }

constexpr const char* nothing_there =
    "there is no NVMe controller; 'nvmigrate sim create NAME' makes a simulated one";

Outcome list(Context& context, const Listing& given) {
  const auto found = look(context, given.devices);
  Outcome outcome{.document = document_of(found)};
  outcome.coloured = given.for_reader();
  outcome.raw_text = !given.for_reader();
  outcome.text =
      given.for_reader() ? listing_of(found, given, context.screen()) : rows_of(found, given);
  for (const auto& error : found.failures) {
    context.warn(told_of(error));
    outcome.status = ExitStatus::partial;
  }
  if (found.devices.empty() && found.failures.empty()) context.note(nothing_there);
  return outcome;
}

/// One frame of --watch. A device that cannot be read does not end it.
std::string drawing(Context& context, const Listing& given) {
  const auto screen = context.screen();
  try {
    const auto found = look(context, given.devices);
    auto text = listing_of(found, given, screen);
    for (const auto& error : found.failures)
      text += painted(screen, "! ", Tone::problem) + one_line(told_of(error)) + '\n';
    return text.empty() ? std::string{nothing_there} + '\n' : text;
  } catch (const Interrupted&) {
    throw;
  } catch (const Error& error) {
    return painted(screen, "! ", Tone::problem) + headline_of(error) + '\n' + details_of(error);
  }
}

Outcome run(Context& context, const Listing& given) {
  const bool json = context.globals().output == OutputFormat::json;
  if (json && (!given.fields.empty() || !given.for_reader())) {
    throw usage_error("--fields and --format are not for -o json",
                      "the JSON document has all fields");
  }
  if (!given.every) return list(context, given);
  if (json || !given.for_reader()) throw usage_error("--watch shows a table, and nothing else");
  watch(context, *given.every, [&] { return drawing(context, given); });
  return {};
}

}  // namespace

Runner declare_list(Options& options) {
  const auto given = std::make_shared<Listing>();
  options.positionals("DEVICE", given->devices,
                      "Controlling functions; without any, all of them, simulated ones included",
                      Completes::device);
  options.choice("--format", given->format, {"table", "tsv", "env"},
                 "A table for people, or for scripts a line with tabs or a block of NAME=VALUE for "
                 "each function");
  options.list("--fields", given->fields, field_names(), "What is told of each function", "LIST");
  options.flag_with_number("--watch", given->every, 2, 1, 3600,
                           "Draw the table again every 2 or SECONDS seconds, until Ctrl-C",
                           "SECONDS");
  for (const auto* option : {"--format", "--fields", "--watch"})
    options.goes_before_setting(option, "--output-format");
  return [given](Context& context) { return run(context, *given); };
}

}  // namespace nvmigrate::cli
