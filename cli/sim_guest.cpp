// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/commands_table.h"
#include "cli/sim.h"
#include "cli/text/describe.h"
#include "cli/text/table.h"
#include "nvmigrate/conditions/guest.h"
#include "plugins/sim/sim.h"

namespace nvmigrate::cli {
namespace {

struct GuestOptions {
  std::string device, id;
  std::optional<std::uint64_t> queues;
  bool empty = false, dry_run = false;

  void declare(Options& options) {
    options.positional("DEVICE", device, "Controlling function, sim:NAME", Completes::device);
    options.positional("ID", id, "Controlled function", Completes::functions);
    options.flag("--dry-run", dry_run, "Print what would be done; change nothing");
  }
};

std::optional<unsigned> pairs_of(const GuestOptions& options) {
  if (options.empty && options.queues.value_or(0) != 0) {
    throw usage_error("--empty cannot be combined with --queues");
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

/// A suspended function holds a guest; the records say how to end that.
void refuse_held(Context& context, const Remedy& resume) {
  const auto session = context.look(resume.device);
  Findings findings;
  for (const auto& fact : guest_facts(*session, session->ask(*resume.function))) {
    auto& found = findings.emplace_back(told(fact));
    found.severity = Severity::blocker;
    name_backend(*session, *resume.function, found.remedies);
  }
  refuse_if_any_stands("start a guest", findings);
}

Outcome start(Context& context, const GuestOptions& options) {
  const auto pairs = pairs_of(options);
  try {
    return change_function(context, options, "has a guest now", "would get a guest",
                           [&](sim::Subsystem& now, sim::Function& function) {
                             sim::start_guest(now, function, pairs);
                           });
  } catch (const Error& error) {
    for (const auto& remedy : error.remedies()) {
      if (remedy.action == Remedy::Action::resume) refuse_held(context, remedy);
    }
    throw;
  }
}

Outcome stop(const Context& context, const GuestOptions& options) {
  return change_function(context, options, "no longer has a guest", "would lose its guest",
                         [](sim::Subsystem&, sim::Function& function) {
                           if (function.guest) sim::reset(function);
                         });
}

struct StatusOptions {
  std::string device, id;
  std::optional<std::string> source_device, source_id;
};

Json object_of(const sim::GuestReport& report) {
  Json json{{"device", report.device},
            {"function", report.function},
            {"controller_id", report.cntlid},
            {"state", report.state},
            {"progress", report.progress}};
  add_queues(json, report.queues);
  return json;
}

std::string lines_of(const sim::GuestReport& report) {
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
                      "for example --continues-from sim:a vf1");
  }
  const auto report = sim::guest_report(context.folders(), options.device, options.id);
  Outcome outcome{.document = object_of(report), .text = lines_of(report)};
  if (options.source_device) {
    add_proof(outcome,
              sim::guest_report(context.folders(), *options.source_device, *options.source_id),
              report);
  }
  return outcome;
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

Runner declare_sim_guest_status(Options& options) {
  const auto chosen = std::make_shared<StatusOptions>();
  options.positional("DEVICE", chosen->device, "Controlling function, sim:NAME", Completes::device);
  options.positional("ID", chosen->id, "Controlled function", Completes::functions);
  options.optional_positional("SOURCE_ID", chosen->source_id,
                              "Controlled function of --continues-from");
  options.text("--continues-from", chosen->source_device,
               "Prove that it continues where that of SOURCE_ID on this device stopped", "DEVICE",
               Completes::device);
  return [chosen](Context& context) { return status(context, *chosen); };
}

}  // namespace nvmigrate::cli
