// SPDX-License-Identifier: LGPL-2.1-or-later
#include <algorithm>

#include "cli/changing.h"
#include "cli/commands_table.h"
#include "cli/migration.h"
#include "cli/state_argument.h"
#include "cli/text/describe.h"
#include "cli/text/findings.h"
#include "cli/text/progress.h"
#include "nvmigrate/conditions/selection.h"

namespace nvmigrate::cli {
namespace {

struct Importing : Changing {
  std::string file, progress = "auto";
  FormatOptions formats;
  ChunkOption chunk;
  bool raw = false, resume = false, check_only = false;

  [[nodiscard]] bool only_checks() const noexcept { return check_only || dry_run; }
};

std::string spool_folder(const Context& context) {
  const auto& variable = context.environment().variable;
  const char* named = variable ? variable("TMPDIR") : nullptr;
  return named != nullptr && *named != '\0' ? named : "/var/tmp";
}

StoredState read_state(const Context& context, const Importing& given, ProgressDisplay& display,
                       ReadStateOptions options) {
  options.kind = given.raw ? StateKind::raw : StateKind::detect;
  options.spool_folder = spool_folder(context);
  if (const auto callback = display.callback()) {
    options.progress = [callback](std::uint64_t done, std::uint64_t total) {
      callback({.step = "verify", .done = done, .total = total});
    };
  }
  return open_state(context, given.file, options);
}

ImportOptions import_options(const Importing& given, ProgressDisplay& display) {
  ImportOptions options;
  options.resume = given.resume;
  options.allowed = given.allowed;
  options.progress = display.callback();
  return options;
}

std::optional<FormatChoice> formats_of(const Importing& given, const StoredState& state,
                                       Session& session, std::uint16_t cntlid) {
  auto formats = given.formats.choice(session.query(cntlid).formats);
  if (formats && !state.raw()) {
    throw usage_error("a state file says itself which formats it holds",
                      "--format, --vendor and --standard-only are for --raw");
  }
  return formats;
}

Json head_of(const Importing& given, std::uint16_t cntlid, bool changed) {
  return {{"device", given.device},
          {"controller_id", cntlid},
          {"file", given.file},
          {"dry_run", given.only_checks()},
          {"changed", changed}};
}

Outcome report(const Importing& given, const StoredState& state, const ControlledFunction& to,
               const ImportCheck& check) {
  Outcome outcome{.document = head_of(given, to.cntlid, check.acceptable())};
  auto& document = outcome.document;
  document["acceptable"] = check.acceptable();
  document["formats"] = json_of(check.formats);
  document["suspended_before"] = check.suspended_before;
  document["suspended"] = given.check_only ? check.suspended_before : !given.resume;
  document["resumed"] = given.resume && !given.check_only;
  add(document, MigrationFigures{.bytes = state.end().size});
  document["sha256"] = nvmigrate::to_string(state.end().sha256);
  document["findings"] = json_of(check.findings);
  outcome.text = called(given.file) + (check.acceptable() ? " fits" : " does not fit") +
                 " controlled function " + label_of(to) + " of " + given.device + '\n' +
                 text_of(check.findings);
  outcome.status = check.status();
  return outcome;
}

std::string next_step(const Importing& given, const ImportResult& result) {
  if (!result.suspended) return {};
  return "  it stays suspended; resume it when its VM is ready\n" +
         next_steps({},
                    {{.action = Remedy::Action::resume,
                      .device = given.device,
                      .function = result.cntlid}},
                    4);
}

/// What remains to be done where the state came from.
std::string source_text(const StoredState& state, const ImportResult& result) {
  if (result.source_cntlid) {
    return "  the source, controlled function " + std::to_string(*result.source_cntlid) + " of " +
           result.source_device + ", is away now; unbind it once its VM has ended\n" +
           next_steps({},
                      {{.action = Remedy::Action::unbind,
                        .device = result.source_device,
                        .function = result.source_cntlid}},
                      4);
  }
  const auto& identity = state.identity();
  const bool is_same = std::any_of(result.findings.begin(), result.findings.end(),
                                   [](const Finding& one) { return one.code == "same_function"; });
  if (!identity || is_same || state.end().source_resumed == true) return {};
  return "  on " + identity->host + ", release the source, controlled function " +
         label_of(identity->controller, identity->vfn) + " of " + identity->subsystem_nqn + '\n';
}

Outcome report(const Importing& given, const StoredState& state, const ControlledFunction& to,
               const ImportResult& result) {
  Outcome outcome{.document = head_of(given, result.cntlid, true)};
  auto& document = outcome.document;
  document["acceptable"] = true;
  document["formats"] = json_of(result.formats);
  document["suspended_before"] = result.suspended_before;
  document["suspended"] = result.suspended;
  document["resumed"] = result.resumed;
  document["source"] = result.source_cntlid ? Json{{"device", result.source_device},
                                                   {"controller_id", *result.source_cntlid},
                                                   {"status", "away"}}
                                            : Json(nullptr);
  add(document, result.figures);
  document["sha256"] = nvmigrate::to_string(state.end().sha256);
  document["findings"] = json_of(result.findings);
  outcome.text = "controlled function " + label_of(to) + ": loaded from " + called(given.file) +
                 (result.resumed ? ", and runs; " : ", ") + blackout_text(result.figures) + "\n  " +
                 text_of(result.figures) + ", SHA-256 " + short_digest(state.end().sha256) + '\n' +
                 next_step(given, result) + source_text(state, result) + text_of(result.findings);
  return outcome;
}

Outcome run(Context& context, const Importing& given) {
  refuse_terminal(context, given.file);
  given.chunk.apply(context);
  const auto session = context.look(given.device);
  given.chunk.check(*session);
  const auto cntlid = select_one(session->topology(), given.functions, "import").cntlid;
  ProgressDisplay display(context, given.progress);
  auto options = import_options(given, display);
  if (!given.check_only) check_destination(*session, cntlid, options);
  ReadStateOptions reading;
  if (given.raw) reading.raw_layout = layout_of_raw(*session, cntlid);
  reading.accept = [&](const StateIdentity& identity) {
    // For a file all findings are reported at once; the writer of a pipe is refused as early as
    // possible.
    if (given.file == "-" && !given.check_only) {
      check_identity(identity, *session, cntlid, options);
    }
  };
  const auto state = read_state(context, given, display, std::move(reading));
  options.formats = formats_of(given, state, *session, cntlid);
  if (!given.only_checks()) {
    const auto result = import_state(state, *session, cntlid, options);
    return report(given, state, session->function(cntlid), result);
  }
  const auto check = check_import(state, *session, cntlid, options);
  if (!given.check_only) {
    refuse_if_any_stands("import " + called(given.file), check.findings);
  }
  return report(given, state, session->function(cntlid), check);
}

}  // namespace

Runner declare_import(Options& options) {
  const auto given = std::make_shared<Importing>();
  given->declare_device(options);
  options.positional("ID", given->functions, "The controlled function",
                     Completes::marked_functions);
  options.text("-f,--file", given->file, "The state; - is standard input", "FILE",
               Completes::state_file);
  options.required();
  options.flag("--resume", given->resume, "Let the function run once the state is loaded");
  options.flag("--check-only", given->check_only,
               "Only check that the state is valid and fits; change nothing");
  options.flag("--raw", given->raw, "The file is a plain controller state, not a state file");
  given->formats.declare(options);
  given->chunk.declare(options);
  options.backend();
  given->declare_allow(options, "import");
  declare_progress(options, given->progress);
  return [given](Context& context) { return run(context, *given); };
}

}  // namespace nvmigrate::cli
