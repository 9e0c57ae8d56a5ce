// SPDX-License-Identifier: LGPL-2.1-or-later
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "cli/changing.h"
#include "cli/commands_table.h"
#include "cli/describe.h"
#include "cli/findings.h"
#include "cli/migration.h"
#include "cli/progress.h"
#include "nvmigrate/conditions/selection.h"

namespace nvmigrate::cli {
namespace {

struct Exporting : Changing {
  std::optional<std::string> file, folder;
  std::string then = "keep", progress = "auto";
  FormatOptions formats;
  ChunkOption chunk;
  std::optional<std::uint64_t> parallel;
  bool raw = false, notice = false, overwrite = false;

  [[nodiscard]] bool to_output() const noexcept { return file == "-"; }
};

std::string file_of(const Exporting& given, std::uint16_t cntlid) {
  if (given.file) return *given.file;
  return *given.folder + "/controller-" + std::to_string(cntlid) +
         (given.raw ? ".raw" : ".nvmstate");
}

std::vector<ExportJob> jobs_of(const Exporting& given, const Topology& topology) {
  const auto functions = select(topology, given.functions, "export");
  if (given.file && functions.size() != 1) {
    throw usage_error("-f takes the state of one function, and " + given.functions + " names " +
                          std::to_string(functions.size()),
                      "--dir FOLDER writes a file for each");
  }
  std::vector<ExportJob> jobs;
  for (const auto* function : functions)
    jobs.emplace_back(function->cntlid, file_of(given, function->cntlid));
  return jobs;
}

ExportOptions export_options(const Exporting& given, const StateFormats& formats,
                             ProgressDisplay& display) {
  ExportOptions options;
  options.formats = given.formats.choice(formats);
  options.raw = given.raw;
  options.resume = given.then == "resume";
  options.notice = given.notice;
  options.overwrite = given.overwrite;
  options.allowed = given.allowed;
  options.dry_run = given.dry_run;
  options.progress = display.callback();
  return options;
}

std::vector<ExportOutcome> export_to_output(const Context& context, Session& session,
                                            std::uint16_t cntlid, const ExportOptions& options) {
  return {{.cntlid = cntlid,
           .result = export_to_descriptor(session, cntlid, context.environment().output,
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

std::string result_text(const ExportResult& result, const std::string& where) {
  const auto then = result.suspended ? ", " : ", and runs again; ";
  return "exported to " + where + then + blackout_text(result.figures) + "\n  " +
         text_of(result.figures) +
         (result.sha256 ? ", SHA-256 " + short_digest(*result.sha256) : "") + '\n' +
         (result.suspended ? "" : "  the state is a snapshot, which an import refuses\n") +
         text_of(result.findings);
}

std::string function_text(const ExportOutcome& outcome, const std::string& label,
                          const std::string& file, bool dry_run) {
  if (outcome.failure) return failure_text("controlled function " + label, outcome.failure);
  const auto who = "controlled function " + label + ": ";
  const auto where = file == "-" ? "standard output" : file;
  if (!dry_run) return who + result_text(*outcome.result, where);
  return who + "would be read into " + where + ", and would then " +
         (outcome.result->suspended ? "stay suspended\n" : "run\n");
}

/// The next steps for functions that stay suspended, printed once for all.
std::string remains_text(const Exporting& given, const std::vector<ExportOutcome>& outcomes) {
  std::vector<std::string> ids;
  for (const auto& outcome : outcomes) {
    const bool stays = outcome.result && outcome.result->suspended && !given.dry_run;
    if (stays) ids.push_back(std::to_string(outcome.cntlid));
  }
  if (ids.empty()) return {};
  const auto list = joined(ids, ",");
  const bool one = ids.size() == 1;
  return std::string{one ? "it stays suspended; once its state is loaded elsewhere, release it"
                         : "they stay suspended; once their states are loaded elsewhere, release "
                           "them"} +
         "\n  -> " + cli::line_of({"nvmigrate", "release", given.device, list}) +
         "\nif nobody has " + (one ? "loaded it, it" : "loaded them, they") +
         " can run again\n  -> " +
         cli::line_of({"nvmigrate", "resume", given.device, list, "--allow", "exported"}) + '\n';
}

Outcome report(Context& context, const Exporting& given, Session& session,
               const std::vector<ExportJob>& jobs, const std::vector<ExportOutcome>& outcomes) {
  Failures failures;
  Json functions = Json::array();
  Outcome outcome;
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    failures.push_back(outcomes[i].failure);
    functions.push_back(function_json(outcomes[i], jobs[i].second));
    outcome.text += function_text(outcomes[i], label_of(session.function(outcomes[i].cntlid)),
                                  jobs[i].second, given.dry_run);
  }
  outcome.text += remains_text(given, outcomes);
  outcome.status = status_of(failures);
  tell(context, failures);
  outcome.on_stderr = given.to_output() && !given.dry_run;
  outcome.document =
      given.document(std::find(failures.begin(), failures.end(), nullptr) != failures.end());
  outcome.document["functions"] = std::move(functions);
  return outcome;
}

void check_folder(const Context& context, const std::string& folder) {
  struct stat about {};
  if (context.io().stat(folder, about) != 0) {
    if (errno != ENOENT) throw OsError(errno, "look at", folder);
    throw not_found("there is no folder " + folder, {},
                    {{.action = Remedy::Action::make_folder, .object = folder}});
  }
  if (!S_ISDIR(about.st_mode)) {
    throw not_found(folder + " is not a folder", "name one, or use -f");
  }
}

void check(const Context& context, const Exporting& given) {
  if (given.to_output() && ::isatty(context.environment().output) == 1) {
    throw refused("standard output is a terminal; refusing to write a binary state to it",
                  "redirect it into a file or a pipe");
  }
  if (given.folder) check_folder(context, *given.folder);
}

Outcome run(Context& context, const Exporting& given) {
  check(context, given);
  given.chunk.apply(context);
  const auto session = context.open(given.device);
  given.chunk.check(*session);
  const auto jobs = jobs_of(given, session->topology());
  ProgressDisplay display(context, given.progress);
  const auto options = export_options(given, session->query(jobs.front().first).formats, display);
  const auto outcomes =
      given.to_output()
          ? export_to_output(context, *session, jobs.front().first, options)
          : export_many(*session, jobs, static_cast<unsigned>(given.parallel.value_or(4)), options);
  return report(context, given, *session, jobs, outcomes);
}

}  // namespace

Runner declare_export(Options& options) {
  const auto given = std::make_shared<Exporting>();
  given->declare_device(options);
  given->declare_functions(options, Completes::marked_functions);
  options.text("-f,--file", given->file, "Where the state goes; - is standard output", "FILE",
               Completes::state_file);
  options.alternative();
  options.text("--dir", given->folder, "One file each, controller-ID.nvmstate, in this folder",
               "FOLDER", Completes::folder);
  options.alternative();
  options.setting();
  options.choice("--then", given->then, {"keep", "resume"},
                 "What happens to the functions then: they stay suspended, or resume once the "
                 "state has been read");
  options.flag("--raw", given->raw,
               "Write the plain controller state of the specification, not a state file");
  options.flag("--overwrite", given->overwrite, "Replace files that exist");
  given->formats.declare(options);
  given->chunk.declare(options);
  options.backend();
  options.flag("--notice", given->notice,
               "Announce each suspend to the device first (a notification, STYPE 0)");
  options.number("--parallel", given->parallel,
                 "How many are read at once with --dir, 4 by default; the kernel sends no more "
                 "than 30 commands at once",
                 1, 30);
  options.setting();
  given->declare_allow(options, "export");
  declare_progress(options, given->progress);
  return [given](Context& context) { return run(context, *given); };
}

}  // namespace nvmigrate::cli
