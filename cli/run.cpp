// SPDX-License-Identifier: LGPL-2.1-or-later
#include <array>
#include <cerrno>
#include <sstream>

#include "cli/command_line.h"
#include "cli/help.h"
#include "cli/render.h"
#include "cli/suggestions.h"
#include "cli/visible.h"
#include "nvmigrate/base/interrupt.h"
#include "nvmigrate/version.h"

namespace nvmigrate::cli {
namespace {

/// A usage error without advice says where the usage is.
void advise(Error& error, const std::string& name) {
  if (error.status() != ExitStatus::usage || !error.advice().empty()) return;
  if (error.code() == "bad_profile") return error.add_advice("see nvmigrate-profile(5)");
  error.add_advice("see 'nvmigrate " + name + (name.empty() ? "" : " ") + "--help'");
}

/// How the row of a command says that its devices are opened.
Access access_of(const CommandLine& line) {
  const bool changes =
      line.command()->opens == Opens::to_change || line.command()->opens == Opens::to_look;
  return changes && !line.only_reads() ? Access::change : Access::read;
}

/// IDS from standard input, apart by blanks or newlines, as one list.
std::string read_functions(const Environment& environment) {
  constexpr std::size_t longest_list = std::size_t{1} << 20U;
  std::string text;
  std::array<char, 4096> piece{};
  while (const auto count =
             environment.io.read(environment.input, std::as_writable_bytes(std::span{piece}))) {
    if (count < 0 && errno != EINTR) throw OsError(errno, "read", "standard input");
    stop_if_interrupted("nothing was changed");
    if (count > 0) text.append(piece.data(), static_cast<std::size_t>(count));
    if (text.size() > longest_list)
      throw usage_error("standard input is too long for a list of ids");
  }
  std::istringstream words(text);
  std::string list;
  for (std::string word; words >> word;)
    list += (list.empty() ? "" : ",") + word;
  if (list.empty()) throw usage_error("standard input names no controlled function");
  return list;
}

/// Writes to standard output; a reader who went away needs no message, unless it was `important`.
template <typename Write>
ExitStatus written(bool important, ExitStatus status, const Write& write) {
  try {
    write();
    return status;
  } catch (const OsError& error) {
    if (important || error.error_number() != EPIPE) throw;
    return ExitStatus::io;
  }
}

ExitStatus tell(Environment& environment, const std::string& text) {
  return written(false, ExitStatus::ok, [&] { print_text(environment, text); });
}

ExitStatus tell_version(Environment& environment) {
  return tell(environment, "nvmigrate " + std::string{library_version} + '\n');
}

/// The one device a command had to do with; errors that name none are of it.
std::string only_device(const Context& context) {
  return context.devices().size() == 1 ? context.devices().front() : std::string{};
}

/// Runs a command, and has it recorded what became of real devices.
Outcome run_audited(Context& context, const Runner& runner, const std::vector<std::string>& words) {
  const auto begun = std::chrono::steady_clock::now();
  const auto record = [&](AuditedRun run) {
    const auto& audit = context.environment().audit;
    run.words = &words;
    run.duration = std::chrono::steady_clock::now() - begun;
    if (!audit || context.globals().audit == "none" || !is_audited(context, run)) return;
    audit(context.globals().audit, audit_record(context, run));
  };
  try {
    auto outcome = runner(context);
    record({.outcome = &outcome});
    return outcome;
  } catch (Error& error) {
    if (error.device().empty()) error.set_device(only_device(context));
    record({.error = &error});
    throw;
  } catch (const std::exception& error) {
    const Error fault(ExitStatus::internal, error.what());
    record({.error = &fault});
    throw;
  }
}

/// A command that did its work and cannot tell must not look as if it had failed.
ExitStatus print_outcome(const Context& context, const Outcome& outcome) {
  const auto& document = outcome.document;
  const bool done = document.value("changed", false) && !document.value("dry_run", false);
  try {
    return written(done, outcome.status, [&] {
      print(context.environment(), context.globals(), context.command(), outcome);
    });
  } catch (const OsError& error) {
    if (!done) throw;
    throw Error(error.status(),
                "the command did its work, but its result could not be printed: " +
                    std::string{error.what()},
                outcome.text.substr(0, outcome.text.find_last_not_of('\n') + 1));
  }
}

ExitStatus run_line(CommandLine& line, const std::vector<std::string>& words,
                    Environment& environment) {
  const auto asked = line.parse(words, configuration_of(environment));
  if (asked == Asked::help) return tell(environment, line.help(help_width(environment)));
  if (asked == Asked::version) return tell_version(environment);
  if (auto* const ids = line.functions(); ids != nullptr && *ids == "-") {
    *ids = read_functions(environment);
  }
  Context context(environment, line.globals(), line.name(), access_of(line));
  if (!line.backend().empty()) context.set_backend(line.backend());
  const auto outcome = run_audited(context, line.runner(), words);
  return print_outcome(context, outcome);
}

std::vector<std::vector<std::string>> meant_by(const CommandLine& line,
                                               const std::vector<std::string>& words,
                                               Environment& environment, const Error& error) {
  Context context(environment, line.globals(), line.name(), Access::read);
  return meant_instead(context, line, words, error);
}

}  // namespace

ExitStatus run(const std::vector<std::string>& arguments, Environment& environment) {
  std::optional<CommandLine> line;
  const auto fail = [&](const Error& error) {
    print_error(environment, line && line->asks_json(), error,
                line ? meant_by(*line, arguments, environment, error)
                     : std::vector<std::vector<std::string>>{});
    return error.status();
  };
  try {
    const InterruptGuard guard;
    return run_line(line.emplace(), arguments, environment);
  } catch (Error& error) {
    advise(error, line ? line->name() : "");
    return fail(error);
  } catch (const std::exception& error) {
    return fail({ExitStatus::internal, "internal error: " + std::string{error.what()},
                 "this is a fault of nvmigrate; please report it with the command line"});
  }
}

}  // namespace nvmigrate::cli
