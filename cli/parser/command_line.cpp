// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/parser/command_line.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <utility>

#include "cli/parser/help.h"
#include "cli/parser/suggestions.h"

namespace nvmigrate::cli {
namespace {

using Words = std::vector<std::string>;

constexpr std::uint64_t longest = 7UL * 24 * 3600;  ///< seconds

bool is_option(const std::string& word) { return word.size() > 1 && word.front() == '-'; }

std::chrono::milliseconds seconds(std::uint64_t count) {
  return std::chrono::seconds{static_cast<std::int64_t>(count)};
}

/// CLI11 ends a command at `++`, and takes the next word for the value of `--file=`.
void refuse_what_is_lost(const Words& words) {
  for (auto word = words.begin(); word != words.end() && *word != "--"; ++word) {
    if (*word == "++") throw usage_error("unexpected argument '++'");
    if (word->starts_with("--") && word->ends_with('=')) {
      throw usage_error(word->substr(0, word->size() - 1) + " needs a value");
    }
  }
}

Words long_names_of(const std::vector<const CLI::Option*>& options) {
  Words names;
  for (const auto* option : options) {
    if (!option->get_positional()) names.push_back(option->get_name());
  }
  return names;
}

}  // namespace

std::vector<const CLI::Option*> options_of(const CLI::App& app) {
  auto options = app.get_options();
  std::stable_partition(options.begin(), options.end(),
                        [](const CLI::Option* option) { return option->get_positional(); });
  return options;
}

std::vector<const CLI::Option*> alternatives_of(const CLI::App& app) {
  return app.get_options(
      [](const CLI::Option* option) { return option->get_group() == alternatives; });
}

std::vector<const CLI::App*> commands_of(const CLI::App& app) { return app.get_subcommands({}); }

CommandLine::CommandLine(std::span<const Command> rows)
    : rows_(rows),
      root_(std::make_unique<CLI::App>(std::string{}, "nvmigrate")),
      file_only_(std::make_unique<CLI::App>()) {
  root_->set_help_flag();
  root_->fallthrough()->require_subcommand(1);
  root_->formatter(help_formatter());
  declare_globals();
  add(*root_, rows);
}

Words command_names(const CLI::App& app) {
  Words names;
  for (const auto* command : commands_of(app)) {
    if (!command->get_group().empty()) names.push_back(command->get_name());
  }
  return names;
}

CommandLine::~CommandLine() = default;

void CommandLine::declare_globals() {
  Options options(*root_, declared_);
  options.choice("-o,--output-format", output_, {"normal", "json"},
                 "What to print: text for a reader, or one JSON document");
  options.setting();
  options.count("-v,--verbose", globals_.verbosity,
                "Print more; given twice, trace every admin command on standard error");
  options.setting();
  options.flag("-q,--quiet", globals_.quiet, "Print no notes and no progress");
  options.setting();
  options.number("--timeout", timeout_,
                 "Seconds to wait for a reset or a device node; above 300, for a suspend too", 1,
                 longest, "SECONDS");
  options.setting();
  options.number("--wait", wait_,
                 "Seconds to wait for another command that is changing the subsystem (default: 0)",
                 0, longest, "SECONDS");
  options.setting();
  options.goes_before_setting("--quiet", "--verbose");
  options.goes_before_setting("--verbose", "--quiet");
  options.flag("-h,--help", help_, "Print help and exit");
  options.flag("--version", version_, "Print the version and exit");
  Options of_file(*file_only_, declared_);
  of_file.choice("--audit", globals_.audit, {"auto", "journal", "syslog", "none"},
                 "Where every change of a device is recorded; see nvmigrate-audit(7)");
  of_file.setting();
}

void CommandLine::add(CLI::App& parent, std::span<const Command> rows) {
  for (const auto& row : rows) {
    auto* app = parent.add_subcommand(std::string{row.name}, std::string{row.summary});
    const bool hidden = row.name.starts_with("__");
    app->group(hidden ? "" : row.group.empty() ? "Commands" : std::string{row.group});
    app->preparse_callback([this, app, &row](std::size_t) { enter(*app, row); });
    if (row.subcommands.empty()) continue;
    app->require_subcommand(1);
    add(*app, row.subcommands);
  }
}

void CommandLine::enter(CLI::App& app, const Command& row) {
  if (runner_) throw usage_error("unexpected argument '" + std::string{row.name} + "'");
  command_ = &row;
  name_ += (name_.empty() ? "" : " ") + std::string{row.name};
  if (row.declare == nullptr) return;
  Options options(app, declared_);
  runner_ = row.declare(options);
}

CLI::App* CommandLine::entered() const {
  auto* app = root_.get();
  while (!app->get_subcommands().empty())
    app = app->get_subcommands().front();
  return app;
}

const CLI::App& CommandLine::app() const { return *entered(); }

const Declarations::Value& CommandLine::value_of(const CLI::Option& option) const {
  return declared_.values.at(&option);
}

bool CommandLine::asks_json() const {
  const auto& given = root_->get_option("--output-format")->results();
  return !given.empty() && given.back() == "json";
}

std::string CommandLine::help(std::size_t width) const {
  root_->get_formatter()->column_width(width);
  return root_->help();
}

std::vector<std::string> CommandLine::devices() const {
  std::vector<std::string> names;
  for (const auto* name : declared_.devices)
    names.push_back(*name);
  return names;
}

bool CommandLine::only_reads() const noexcept {
  const bool dry = declared_.dry_run != nullptr && *declared_.dry_run;
  return dry || (declared_.changes != nullptr && !*declared_.changes);
}

Asked CommandLine::asked() const {
  if (root_->count("--help") > 0) return Asked::help;
  return root_->count("--version") > 0 ? Asked::version : Asked::command;
}

Asked CommandLine::parse(const Words& words, const Configuration& settings) {
  try {
    read(words);
    if (asked() == Asked::command) {
      configure(settings);
      require_alternative();
    }
  } catch (const Error&) {
    if (asked() == Asked::command) {
      try_to_configure(settings);
      throw;
    }
  }
  globals_.output = asks_json() ? OutputFormat::json : OutputFormat::normal;
  if (timeout_) globals_.timeout = seconds(*timeout_);
  if (wait_) globals_.wait = seconds(*wait_);
  return asked();
}

/// For errors about the words, whose format may be a setting.
void CommandLine::try_to_configure(const Configuration& settings) {
  try {
    configure(settings);
  } catch (const Error&) {
    // The words come first.
  }
}

void CommandLine::read(const Words& words) {
  declared_.line = words;
  try {
    root_->parse(Words(words.rbegin(), words.rend()));
  } catch (const CLI::ArgumentMismatch&) {
    throw mismatch();
  } catch (const CLI::RequiredError&) {
    refuse_extras();
    throw missing();
  } catch (const CLI::ExcludesError&) {
    refuse_extras();
    require_alternative();
  } catch (const CLI::ExtrasError&) {
    refuse_extras();
    throw usage_error("unexpected argument '--'");
  } catch (const CLI::ParseError& failure) {
    throw usage_error(failure.what());
  }
  refuse_what_is_lost(words);
}

void CommandLine::refuse_extras() const {
  auto extras = root_->remaining();
  std::erase(extras, "--");
  if (!extras.empty()) throw extra(extras.front());
}

/// What is wrong with a word that nothing in the tree takes.
Error CommandLine::extra(const std::string& word) const {
  if (is_option(word)) {
    auto names = long_names_of(options_of(app()));
    const auto of_all = long_names_of(options_of(*root_));
    names.insert(names.end(), of_all.begin(), of_all.end());
    return usage_error("unknown option '" + word + "'" +
                       guess(names, word.substr(0, word.find('='))));
  }
  const auto names = command_names(app());
  if (!names.empty()) {
    const auto near = guess(names, word);
    const auto all = name_.empty() ? "" : "; its commands are " + joined(names, ", ");
    return usage_error("unknown command '" + name_ + (name_.empty() ? "" : " ") + word + "'" +
                       (near.empty() ? all : near));
  }
  const auto& line = declared_.line;
  const auto place = [&](const std::string& one) {
    return std::find(line.begin(), line.end(), one);
  };
  if (place(word) < place(app().get_name())) {
    return usage_error("'" + word + "' stands before the command '" + name_ + "'");
  }
  return usage_error("unexpected argument '" + word + "'");
}

void CommandLine::require_alternative() const {
  const auto options = alternatives_of(app());
  const auto given = std::count_if(options.begin(), options.end(),
                                   [](const auto* option) { return option->count() > 0; });
  if (options.empty() || given == 1) return;
  throw usage_error("give exactly one of " + joined(long_names_of(options), " and "));
}

Error CommandLine::missing() const {
  for (const auto* option : options_of(app())) {
    if (option->get_required() && option->count() == 0) {
      return usage_error(option->get_name() + " is missing");
    }
  }
  if (&app() == root_.get()) return usage_error("no command was given");
  return usage_error(name_ + " needs a command: " + joined(command_names(app()), ", "));
}

/// Too many values, or none, in which case the option is the last word.
Error CommandLine::mismatch() const {
  for (const auto* from : {&app(), &root()}) {
    for (const auto* option : options_of(*from)) {
      const bool once = option->get_multi_option_policy() == CLI::MultiOptionPolicy::Throw;
      if (once && option->count() > 1) {
        return usage_error(option->get_name() + " was given more than once");
      }
    }
  }
  const auto& last = declared_.line.back();
  return usage_error(last.substr(0, last.find('=')) + " needs a value");
}

}  // namespace nvmigrate::cli
