// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/parser/completion.h"

#include <CLI/CLI.hpp>
#include <algorithm>

#include "cli/commands_table.h"
#include "cli/parser/command_line.h"
#include "cli/parser/help.h"
#include "nvmigrate/conditions/conditions.h"

namespace nvmigrate::cli {
namespace {

using Words = std::vector<std::string>;

/// Stands where the cursor is while the line is parsed; nobody types it.
const std::string cursor = "\x01";

/// Where on a line the cursor is.
struct Place {
  const CLI::Option* option = nullptr;  ///< whose value it is at; nullptr: of none
  bool behind_equals = false;           ///< at the value of `--file=`
  ValuePlace value;

  [[nodiscard]] bool in_option() const { return option != nullptr && !option->get_positional(); }
};

bool holds_cursor(const CLI::Option& option) {
  const auto& given = option.results();
  return !given.empty() && given.back().ends_with(cursor);
}

/// Parses the line with the mark in place of the word that is typed: what gets it is completed.
Place find_place(CommandLine& line, Words words) {
  auto& typed = words.back();
  const auto equals = typed.starts_with("--") ? typed.find('=') : std::string::npos;
  typed = equals == std::string::npos ? cursor : typed.substr(0, equals + 1) + cursor;
  try {
    line.parse(words);
  } catch (const Error&) {
    // A line that is not finished is wrong in most cases.
  }
  Place place;
  for (const auto* app : {&line.root(), &line.app()}) {
    for (const auto* option : options_of(*app)) {
      const auto kind = line.value_of(*option).completes;
      if (holds_cursor(*option)) {
        place.option = option;
        place.behind_equals = equals != std::string::npos && option->results().back() == cursor;
      } else if (option->get_positional() && option->count() > 0) {
        if (kind == Completes::device) place.value.device = option->results().back();
        if (is_list(kind)) place.value.functions = option->results().back();
      }
    }
  }
  return place;
}

/// Those that begin with `typed`, each after `kept`, which is typed already.
Candidates beginning(const Candidates& all, const std::string& typed,
                     const std::string& kept = {}) {
  Candidates fitting;
  for (const auto& one : all) {
    if (one.word.starts_with(':'))
      fitting.push_back(one);
    else if (one.word.starts_with(typed))
      fitting.push_back({kept + one.word, one.about});
  }
  return fitting;
}

Candidates commands_below(const CLI::App& app) {
  Candidates found;
  for (const auto* command : commands_of(app)) {
    if (!command->get_group().empty())
      found.push_back({command->get_name(), command->get_description()});
  }
  return found;
}

/// The commands that may follow those that `help` was given already.
Candidates commands_after(const CLI::Option& option) {
  auto words = option.results();
  words.pop_back();
  CommandLine line;
  try {
    line.parse(words);
  } catch (const Error&) {
    // It names a group at most, so that a command is missing.
  }
  auto found = commands_below(line.app());
  if (line.command() == nullptr) found.insert(found.end(), {{"exit-status"}, {"conditions"}});
  return found;
}

/// What `--allow` would allow, and words that explain themselves.
Candidates explained(const Words& words) {
  Candidates found;
  for (const auto& word : words) {
    const auto* condition = find_condition(word);
    found.push_back({word, condition == nullptr ? "" : plain_sentence(*condition)});
  }
  return found;
}

Candidates all_values(Context& context, const CommandLine& line, const Place& place) {
  const auto& value = line.value_of(*place.option);
  if (value.completes == Completes::command) return commands_after(*place.option);
  return value.words.empty() ? candidates(context, value.completes, place.value)
                             : explained(value.words);
}

/// Of values that may be listed with commas, the last is completed.
Candidates values(Context& context, const CommandLine& line, Place place,
                  const std::string& typed) {
  if (place.option == nullptr) return {};
  auto from = place.behind_equals ? typed.find('=') + 1 : 0;
  const auto& value = line.value_of(*place.option);
  if (value.listed || is_list(value.completes)) from = std::max(from, typed.rfind(',') + 1);
  place.value.typed = typed.substr(from);
  auto found =
      beginning(all_values(context, line, place), place.value.typed, typed.substr(0, from));
  const auto& given = place.option->results();
  std::erase_if(found, [&](const auto& one) {
    return place.option->get_positional() &&
           std::find(given.begin(), given.end(), one.word) != given.end();
  });
  return found;
}

void add_options(Candidates& found, const CLI::App& app) {
  for (const auto* option : options_of(app)) {
    if (!option->get_positional()) found.push_back({option->get_name(), option->get_description()});
  }
}

Candidates all_options(const CommandLine& line) {
  Candidates found;
  add_options(found, line.root());
  if (&line.app() != &line.root()) add_options(found, line.app());
  return found;
}

}  // namespace

Candidates completions(Context& context, const Words& words) {
  if (words.empty()) return {};
  const auto& typed = words.back();
  CommandLine line;
  const auto place = find_place(line, words);
  try {
    if (place.in_option()) return values(context, line, place, typed);
    if (typed.starts_with('-')) {
      const auto found = typed == "-" ? values(context, line, place, typed) : Candidates{};
      return found.empty() ? beginning(all_options(line), typed) : found;
    }
    if (place.option != nullptr) return values(context, line, place, typed);
    const bool nothing_else = line.root().remaining() == Words{cursor};
    return nothing_else ? beginning(commands_below(line.app()), typed) : Candidates{};
  } catch (const Error&) {
    return {};
  }
}

Runner declare_complete(Options& options) {
  struct Given {
    Words words;
    bool describe = false;
  };
  const auto given = std::make_shared<Given>();
  options.positionals("WORD", given->words,
                      "The command line, without nvmigrate, up to the cursor");
  options.flag("--describe", given->describe, "Print a tab and a description after each word");
  return [given](Context& context) {
    Outcome outcome{.raw_text = true};
    for (const auto& [word, about] : completions(context, given->words)) {
      outcome.text += word;
      if (given->describe && !about.empty()) outcome.text.append(1, '\t').append(about);
      outcome.text += '\n';
    }
    return outcome;
  };
}

}  // namespace nvmigrate::cli
