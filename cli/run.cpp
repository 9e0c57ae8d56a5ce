// SPDX-License-Identifier: LGPL-2.1-or-later
#include <cerrno>

#include "cli/help.h"
#include "cli/render.h"
#include "nvmigrate/base/interrupt.h"
#include "nvmigrate/version.h"

namespace nvmigrate::cli {
namespace {

/// Of a usage error without a hint: where the usage is.
Error with_hint(const Error& error, const std::string& name) {
  const bool wants = error.status() == ExitStatus::usage && error.hint().empty();
  if (!wants) return error;
  return {error.status(), error.what(), "nvmigrate " + name + (name.empty() ? "" : " ") + "--help"};
}

std::string words_of(std::span<const Command> rows) {
  std::string words;
  for (const auto& row : rows)
    words += (words.empty() ? "" : ", ") + std::string{row.name};
  return words;
}

/// Writes to standard output; a reader who went away needs no message, unless it was `important`.
template <typename Write>
ExitStatus written(bool important, ExitStatus status, const Write& write) {
  try {
    write();
    return status;
  } catch (const OsError& error) {
    if (important || error.code() != EPIPE) throw;
    return ExitStatus::io;
  }
}

ExitStatus tell(Environment& environment, const std::string& text) {
  return written(false, ExitStatus::ok, [&] { print_text(environment, text); });
}

ExitStatus tell_version(Environment& environment) {
  return tell(environment, "nvmigrate " + std::string{version} + '\n');
}

void log_change(const Context& context, const std::vector<std::string>& words,
                const std::string& result) {
  const auto& log = context.environment().log_change;
  if (!log || !context.changes_hardware()) return;
  std::string line;
  for (const auto& word : words)
    line += word + ' ';
  log(line + "-- " + result);
}

/// The one device a command had to do with; errors that name none are of it.
std::string only_device(const Context& context) {
  return context.devices().size() == 1 ? context.devices().front() : std::string{};
}

Outcome run_logged(Context& context, const Runner& runner, const std::vector<std::string>& words) {
  try {
    auto outcome = runner(context);
    if (outcome.document.value("changed", false)) log_change(context, words, "changed");
    return outcome;
  } catch (Error& error) {
    if (error.device().empty()) error.set_device(only_device(context));
    log_change(context, words, error.what());
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

ExitStatus run_group(const Located& located, Environment& environment) {
  CommandLine line;
  const auto asked = line.parse(located.rest);
  const auto* row = located.command;
  if (asked.version) return tell_version(environment);
  if (asked.help) return tell(environment, row == nullptr ? help_of_all() : help_of_group(located));
  if (row == nullptr) throw usage_error("no command was given");
  throw usage_error(located.name + " needs a command: " + words_of(row->subcommands));
}

ExitStatus run_located(const Located& located, const std::vector<std::string>& words,
                       Environment& environment) {
  if (located.command == nullptr || located.command->declare == nullptr) {
    return run_group(located, environment);
  }
  CommandLine line;
  auto options = line.options();
  const auto runner = located.command->declare(options);
  const auto asked = line.parse(located.rest);
  if (asked.help) return tell(environment, help_of(located, line));
  if (asked.version) return tell_version(environment);
  Context context(environment, line.globals(), located.name);
  const auto outcome = run_logged(context, runner, words);
  return print_outcome(context, outcome);
}

}  // namespace

ExitStatus run(const std::vector<std::string>& arguments, Environment& environment) {
  const bool json = asks_json(arguments);
  std::string name;
  const auto fail = [&](const Error& error) {
    print_error(environment, json, error);
    return error.status();
  };
  try {
    const InterruptGuard guard;
    const auto located = locate(arguments);
    name = located.name;
    return run_located(located, arguments, environment);
  } catch (const NvmeError& error) {
    return fail(error);
  } catch (const Error& error) {
    auto told = with_hint(error, name);
    told.set_device(error.device());
    return fail(told);
  } catch (const std::exception& error) {
    return fail({ExitStatus::internal, "internal error: " + std::string{error.what()},
                 "this is a fault of nvmigrate; please report it with the command line"});
  }
}

}  // namespace nvmigrate::cli
