// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/migrate/import.h"

#include <algorithm>

#include "cli/commands_table.h"
#include "cli/describe.h"
#include "cli/migration.h"
#include "cli/progress.h"
#include "cli/state_argument.h"
#include "plugins/registry.h"

namespace nvmigrate::cli {
namespace {

struct Given {
  std::string device, id, file, progress = "auto";
  FormatOptions formats;
  std::vector<std::string> allowed;
  bool raw = false, resume = false, check_only = false, dry_run = false;

  [[nodiscard]] bool only_checks() const noexcept { return check_only || dry_run; }
};

std::string spool_folder(const Context& context) {
  const auto& variable = context.environment().variable;
  const char* named = variable ? variable("TMPDIR") : nullptr;
  return named != nullptr && *named != '\0' ? named : "/var/tmp";
}

/// Refuses what can be refused before a whole state has come through a pipe.
void look_first(Context& context, const Given& given) {
  MigrationAccess access(context, context.open(given.device));
  require_marked(access.side(), select_one(access.topology(), given.id).cntlid);
}

StoredState read_state(const Context& context, const Given& given, ProgressDisplay& display) {
  ReadStateOptions options;
  options.kind = given.raw ? StateKind::raw : StateKind::detect;
  options.spool_folder = spool_folder(context);
  if (const auto callback = display.callback()) {
    options.progress = [callback](std::uint64_t done, std::uint64_t total) {
      callback({.step = "verify", .done = done, .total = total});
    };
  }
  return open_state(context, given.file, options);
}

/// A device of this host, opened and asked; nothing when it is not the one that is looked for.
std::optional<bool> ask_device(Context& context, const std::string& device,
                               const StateIdentity& identity) {
  try {
    auto subject = context.open(device);
    if (subject.subsystem_nqn != identity.subsystem_nqn) return std::nullopt;
    const auto topology = subject.topology();
    const auto* source = topology.find(identity.controller);
    if (source == nullptr || !source->online.value_or(true)) return std::nullopt;
    const auto backend = choose_backend(subject.device->admin(), BackendOptions{});
    return backend->is_frozen(identity.controller, whole_state(backend->query().formats));
  } catch (const Interrupted&) {
    throw;
  } catch (const Error&) {
    return std::nullopt;
  }
}

/// Whether the function that a state was read from is suspended, when it is one of this host's.
std::optional<bool> ask_source(Context& context, const StateIdentity& identity) {
  for (const auto& provider : providers()) {
    if (provider.simulated != identity.simulated) continue;
    for (const auto& device : provider.all(context.io(), context.folders())) {
      if (const auto frozen = ask_device(context, device, identity)) return frozen;
    }
  }
  return std::nullopt;
}

ImportOptions options_of(Context& context, const Given& given, const StoredState& state,
                         const StateFormats& formats, ProgressDisplay& display) {
  ImportOptions options;
  options.formats = given.formats.choice(formats);
  if (options.formats && !state.raw()) {
    throw usage_error("a state file says itself what it holds",
                      "--format, --vendor and --standard-only are for --raw");
  }
  options.resume = given.resume;
  options.allowed = given.allowed;
  options.progress = display.callback();
  options.ask_source = [&context](const StateIdentity& identity) {
    return ask_source(context, identity);
  };
  return options;
}

Json head_of(const Given& given, std::uint16_t cntlid) {
  return {{"device", given.device},
          {"controller_id", cntlid},
          {"file", given.file},
          {"dry_run", given.only_checks()}};
}

ExitStatus status_of(const ImportCheck& check) {
  const auto first = std::find_if(check.findings.begin(), check.findings.end(),
                                  [](const Finding& found) { return found.stands(); });
  return first == check.findings.end() ? ExitStatus::ok : first->status;
}

Outcome report(const Given& given, const StoredState& state, std::uint16_t cntlid,
               const std::string& label, const ImportCheck& check) {
  Outcome outcome{.document = head_of(given, cntlid)};
  auto& document = outcome.document;
  document["changed"] = check.acceptable();
  document["acceptable"] = check.acceptable();
  document["formats"] = json_of(check.formats);
  document["suspended_before"] = check.suspended_before;
  document["suspended"] = given.check_only ? check.suspended_before : !given.resume;
  document["resumed"] = given.resume && !given.check_only;
  add(document, MigrationFigures{.bytes = state.end().size});
  document["sha256"] = nvmigrate::to_string(state.end().sha256);
  document["findings"] = json_of(check.findings);
  outcome.text = called(given.file) + (check.acceptable() ? " fits" : " does not fit") +
                 " controlled function " + label + " of " + given.device + '\n' +
                 text_of(check.findings);
  outcome.status = status_of(check);
  return outcome;
}

Outcome report(const Given& given, const StoredState& state, const std::string& label,
               const ImportResult& result) {
  Outcome outcome{.document = head_of(given, result.cntlid)};
  auto& document = outcome.document;
  document["changed"] = true;
  document["acceptable"] = true;
  document["formats"] = json_of(result.formats);
  document["suspended_before"] = result.suspended_before;
  document["suspended"] = result.suspended;
  document["resumed"] = result.resumed;
  add(document, result.figures);
  document["sha256"] = nvmigrate::to_string(state.end().sha256);
  document["findings"] = json_of(result.findings);
  outcome.text = "controlled function " + label + ": " + text_of(result.figures) + "\n  from " +
                 called(given.file) + "; the function " +
                 (result.suspended ? "stays suspended: nvmigrate resume " + given.device + " " +
                                         std::to_string(result.cntlid) + " lets it run"
                                   : std::string("runs")) +
                 '\n' + text_of(result.findings);
  return outcome;
}

Outcome run(Context& context, const Given& given) {
  refuse_terminal(context, given.file);
  if (given.file == "-") look_first(context, given);
  ProgressDisplay display(context, given.progress);
  const auto state = read_state(context, given, display);
  MigrationAccess access(context, given.only_checks() ? context.open(given.device)
                                                      : context.open_to_change(given.device));
  auto& side = access.side();
  const auto& function = select_one(access.topology(), given.id);
  const auto options = options_of(context, given, state, side.query.formats, display);
  if (!given.only_checks()) {
    return report(given, state, label_of(function),
                  import_state(state, side, function.cntlid, options));
  }
  const auto check = check_import(state, side, function.cntlid, options);
  if (!given.check_only) {
    refuse_if_any_stands(check.findings,
                         "import " + called(given.file) + " into " + side.name_of(function.cntlid));
  }
  return report(given, state, function.cntlid, label_of(function), check);
}

}  // namespace

Runner declare_import(Options& options) {
  const auto given = std::make_shared<Given>();
  options.positional("DEVICE", given->device, "The controlling function", Offer::device);
  options.positional("ID", given->id, "The controlled function", Offer::marked_functions);
  options.text("-f,--file", given->file, "The state; - is standard input", "FILE",
               Offer::state_file);
  options.required();
  options.flag("--resume", given->resume, "Let the function run once the state is loaded");
  options.flag("--check-only", given->check_only,
               "Only say whether the state is sound and fits; change nothing");
  options.flag("--raw", given->raw, "The file is a plain controller state, no state file");
  given->formats.declare(options);
  declare_allow(options, given->allowed, "import");
  declare_progress(options, given->progress);
  declare_dry_run(options, given->dry_run);
  return [given](Context& context) { return run(context, *given); };
}

}  // namespace nvmigrate::cli
