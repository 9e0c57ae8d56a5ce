// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/commands_table.h"
#include "cli/sim_words.h"
#include "cli/table.h"
#include "plugins/sim/sim.h"

namespace nvmigrate::cli {
namespace {

struct StatusOptions {
  std::string device, id;
  std::optional<std::string> source_device, source_id;
};

Json json_of(const sim::GuestReport& report) {
  Json json{{"device", report.device},
            {"function", report.function},
            {"controller_id", report.cntlid},
            {"state", report.state},
            {"progress", report.progress}};
  add_queues(json, report.queues);
  return json;
}

std::string text_of(const sim::GuestReport& report) {
  Description about;
  about.add("function", report.function + " on " + report.device + " (simulated)");
  about.add("guest", report.state);
  if (report.state == "none") return about.text();
  about.add("progress", std::to_string(report.progress) + " I/Os");
  Table table{{"QUEUE", "ID", "ENTRIES", "HEAD", "TAIL", "PHASE"}};
  for (const auto& queue : report.queues.submission) {
    table.add({"submission", std::to_string(queue.id), std::to_string(queue.size + 1),
               std::to_string(queue.head), std::to_string(queue.tail), ""});
  }
  for (const auto& queue : report.queues.completion) {
    table.add({"completion", std::to_string(queue.id), std::to_string(queue.size + 1),
               std::to_string(queue.head), std::to_string(queue.tail), queue.phase() ? "1" : "0"});
  }
  return about.text() + (table.empty() ? "" : table.text());
}

std::string sentence(const sim::GuestReport& from, const sim::GuestReport& to, bool continues) {
  const std::string as = from.function == to.function ? "" : " as " + to.function;
  return "the guest of " + from.function + (continues ? " continues" : " does not continue") +
         " on " + to.device + as + " exactly where it stopped on " + from.device + "\n";
}

void add_proof(Outcome& outcome, const sim::GuestReport& from, const sim::GuestReport& to) {
  const auto differences = sim::discontinuities(from, to);
  outcome.document["continues_from"] = {
      {"device", from.device}, {"function", from.function}, {"controller_id", from.cntlid}};
  outcome.document["continues"] = differences.empty();
  outcome.document["differences"] = differences;
  outcome.text += sentence(from, to, differences.empty());
  for (const auto& difference : differences)
    outcome.text += "  " + difference + "\n";
  if (!differences.empty()) outcome.status = ExitStatus::partial;
}

Outcome status(const Context& context, const StatusOptions& options) {
  if (options.source_device.has_value() != options.source_id.has_value()) {
    throw usage_error("--continues-from needs a device and a function",
                      "--continues-from sim:a vf1");
  }
  const auto report = sim::guest_report(context.folders(), options.device, options.id);
  Outcome outcome{.document = json_of(report), .text = text_of(report)};
  if (options.source_device) {
    add_proof(outcome,
              sim::guest_report(context.folders(), *options.source_device, *options.source_id),
              report);
  }
  return outcome;
}

}  // namespace

Runner declare_sim_guest_status(Options& options) {
  const auto chosen = std::make_shared<StatusOptions>();
  options.positional("DEVICE", chosen->device, "Controlling function, sim:NAME", Offer::device);
  options.positional("ID", chosen->id, "Controlled function", Offer::functions);
  options.optional_positional("SOURCE_ID", chosen->source_id,
                              "Controlled function of --continues-from");
  options.text("--continues-from", chosen->source_device,
               "Prove that it continues where that of SOURCE_ID on this device stopped", "DEVICE",
               Offer::device);
  return [chosen](Context& context) { return status(context, *chosen); };
}

}  // namespace nvmigrate::cli
