// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/migrate/export.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "cli/commands_table.h"
#include "cli/describe.h"
#include "cli/migration.h"
#include "cli/progress.h"

namespace nvmigrate::cli {
namespace {

struct Given {
  std::string device, ids;
  std::optional<std::string> file, folder;
  std::string then = "keep", progress = "auto";
  FormatOptions formats;
  std::vector<std::string> allowed;
  std::optional<std::uint64_t> parallel;
  bool raw = false, notice = false, dry_run = false;
};

using Jobs = std::vector<std::pair<std::uint16_t, std::string>>;

Jobs jobs_of(const Given& given, const Topology& topology) {
  const auto functions = select(topology, given.ids);
  if (given.file && functions.size() != 1) {
    throw usage_error("-f takes the state of one function, and " + given.ids + " means " +
                          std::to_string(functions.size()),
                      "--dir FOLDER writes a file each");
  }
  Jobs jobs;
  for (const auto* function : functions) {
    jobs.emplace_back(function->cntlid, given.file ? *given.file
                                                   : *given.folder + "/controller-" +
                                                         std::to_string(function->cntlid) +
                                                         (given.raw ? ".raw" : ".nvmstate"));
  }
  return jobs;
}

ExportOptions options_of(const Given& given, const StateFormats& formats,
                         ProgressDisplay& display) {
  ExportOptions options;
  options.formats = given.formats.choice(formats);
  options.raw = given.raw;
  options.resume = given.then == "resume";
  options.notice = given.notice;
  options.allowed = given.allowed;
  options.dry_run = given.dry_run;
  options.progress = display.callback();
  return options;
}

std::vector<ExportOutcome> export_to_output(const Context& context, MigrationSide& side,
                                            std::uint16_t cntlid, const ExportOptions& options) {
  return {{.cntlid = cntlid,
           .result = export_to_descriptor(context.io(), side, cntlid, context.environment().output,
                                          "standard output", options),
           .failure = nullptr}};
}

Json function_json(const ExportOutcome& outcome, const std::string& file) {
  Json one{
      {"controller_id", outcome.cntlid}, {"file", file}, {"changed", outcome.result.has_value()}};
  if (outcome.result) {
    const auto& result = *outcome.result;
    one["formats"] = json_of(result.formats);
    one["suspended_before"] = result.suspended_before;
    one["suspended"] = result.suspended;
    one["resumed"] = result.resumed;
    add(one, result.figures);
    one["file_bytes"] = result.file_bytes;
    one["sha256"] = result.sha256 ? Json(nvmigrate::to_string(*result.sha256)) : Json(nullptr);
    one["findings"] = json_of(result.findings);
  }
  one["error"] = failure_json(outcome.failure);
  return one;
}

std::string function_text(const ExportOutcome& outcome, const std::string& label,
                          const std::string& file, bool dry_run) {
  const auto who = "controlled function " + label + ": ";
  if (outcome.failure) return failure_text(outcome.failure) + '\n';
  const auto& result = *outcome.result;
  const auto where = file == "-" ? "standard output" : file;
  if (dry_run) {
    return who + "would be read into " + where + ", and would then " +
           (result.suspended ? "stay suspended\n" : "run\n");
  }
  return who + text_of(result.figures) + "\n  in " + where + ", SHA-256 of the state " +
         (result.sha256 ? nvmigrate::to_string(*result.sha256) : "") + "; the function " +
         (result.suspended ? "stays suspended\n" : "runs\n") + text_of(result.findings);
}

Outcome report(Context& context, const Given& given, const MigrationSide& side, const Jobs& jobs,
               const std::vector<ExportOutcome>& outcomes) {
  std::vector<std::exception_ptr> failures;
  Json functions = Json::array();
  Outcome outcome;
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    failures.push_back(outcomes[i].failure);
    functions.push_back(function_json(outcomes[i], jobs[i].second));
    outcome.text += function_text(outcomes[i], label_of(side.function(outcomes[i].cntlid)),
                                  jobs[i].second, given.dry_run);
  }
  outcome.status = status_of(failures);
  tell_failures(context, failures);
  outcome.on_stderr = given.file == "-" && !given.dry_run;
  outcome.document = {
      {"device", given.device},
      {"dry_run", given.dry_run},
      {"changed", std::find(failures.begin(), failures.end(), nullptr) != failures.end()},
      {"functions", std::move(functions)}};
  return outcome;
}

void check_folder(const Context& context, const std::string& folder) {
  struct stat about {};
  if (context.io().stat(folder, about) != 0) {
    if (errno != ENOENT) throw OsError(errno, "look at", folder);
    throw not_found("there is no folder " + folder, "mkdir " + folder);
  }
  if (!S_ISDIR(about.st_mode)) throw not_found(folder + " is no folder", "name one, or use -f");
}

void check(const Context& context, const Given& given) {
  if (given.file.has_value() == given.folder.has_value()) {
    throw usage_error("give either -f FILE for one function or --dir FOLDER for several");
  }
  if (given.file == "-" && ::isatty(context.environment().output) == 1) {
    throw refused("standard output is a terminal, and a state is no text",
                  "redirect it into a file or a pipe");
  }
  if (given.folder) check_folder(context, *given.folder);
}

Outcome run(Context& context, const Given& given) {
  check(context, given);
  MigrationAccess access(
      context, given.dry_run ? context.open(given.device) : context.open_to_change(given.device));
  const auto jobs = jobs_of(given, access.topology());
  ProgressDisplay display(context, given.progress);
  const auto options = options_of(given, access.side().query.formats, display);
  const auto outcomes =
      given.file == "-" ? export_to_output(context, access.side(), jobs.front().first, options)
                        : export_many(context.io(), access.side(), jobs,
                                      static_cast<unsigned>(given.parallel.value_or(4)), options);
  return report(context, given, access.side(), jobs, outcomes);
}

}  // namespace

Runner declare_export(Options& options) {
  const auto given = std::make_shared<Given>();
  options.positional("DEVICE", given->device, "The controlling function", Offer::device);
  options.positional("IDS", given->ids, "The controlled functions", Offer::marked_functions);
  options.text("-f,--file", given->file, "Where the state goes; - is standard output", "FILE",
               Offer::state_file);
  options.alternative();
  options.text("--dir", given->folder, "One file each, controller-ID.nvmstate, in this folder",
               "FOLDER", Offer::folder);
  options.alternative();
  options.choice("--then", given->then, {"keep", "resume"},
                 "What becomes of the functions: they stay suspended, or run as soon as all was "
                 "read");
  options.flag("--raw", given->raw,
               "Write the plain controller state of the specification, no state file");
  given->formats.declare(options);
  options.flag("--notice", given->notice,
               "Announce each Suspend to the device first (a notification, STYPE 0)");
  options.number("--parallel", given->parallel,
                 "How many are read at once with --dir, 4 by default; the kernel sends no more "
                 "than 30 commands at once",
                 1, 30);
  declare_allow(options, given->allowed, "export");
  declare_progress(options, given->progress);
  declare_dry_run(options, given->dry_run);
  return [given](Context& context) { return run(context, *given); };
}

}  // namespace nvmigrate::cli
