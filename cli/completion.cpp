// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/completion.h"

#include <CLI/CLI.hpp>
#include <algorithm>

#include "cli/command_line.h"
#include "cli/commands_table.h"

namespace nvmigrate::cli {
namespace {

using Words = std::vector<std::string>;

/// Stands where the cursor is while the line is parsed; nobody types it.
const std::string cursor = "\x01";

/// Where on a line the cursor is.
struct Place {
  const CLI::Option* option = nullptr;  ///< whose value it is at; nullptr: of none
  bool behind_equals = false;           ///< at the value of `--file=`
  std::string device;                   ///< the controlling function named last before

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
      if (holds_cursor(*option)) {
        place.option = option;
        place.behind_equals = equals != std::string::npos && option->results().back() == cursor;
      } else if (option->get_positional() && option->count() > 0 &&
                 line.value_of(*option).completes == Completes::device) {
        place.device = option->results().back();
      }
    }
  }
  return place;
}

/// Those that begin with `typed`, each after `kept`, which is typed already.
Words beginning(const Words& words, const std::string& typed, const std::string& kept = {}) {
  Words fitting;
  for (const auto& word : words) {
    if (word.starts_with(':'))
      fitting.push_back(word);
    else if (word.starts_with(typed))
      fitting.push_back(kept + word);
  }
  return fitting;
}

/// Functions may be listed with commas; the last of them is completed.
Words values(Context& context, const CommandLine& line, const Place& place,
             const std::string& typed) {
  if (place.option == nullptr) return {};
  const auto& value = line.value_of(*place.option);
  auto from = place.behind_equals ? typed.find('=') + 1 : 0;
  if (value.listed || is_of_functions(value.completes)) from = std::max(from, typed.rfind(',') + 1);
  const auto last = typed.substr(from);
  const auto words =
      value.words.empty() ? candidates(context, value.completes, place.device, last) : value.words;
  return beginning(words, last, typed.substr(0, from));
}

void add_option_names(Words& names, const CLI::App& app) {
  for (const auto* option : options_of(app)) {
    if (!option->get_positional()) names.push_back(option->get_name());
  }
}

Words option_names(const CommandLine& line) {
  Words names;
  add_option_names(names, line.root());
  if (&line.app() != &line.root()) add_option_names(names, line.app());
  return names;
}

}  // namespace

Words completions(Context& context, const Words& words) {
  if (words.empty()) return {};
  const auto& typed = words.back();
  CommandLine line;
  const auto place = find_place(line, words);
  try {
    if (place.in_option()) return values(context, line, place, typed);
    if (typed.starts_with('-')) {
      const auto found = typed == "-" ? values(context, line, place, typed) : Words{};
      return found.empty() ? beginning(option_names(line), typed) : found;
    }
    if (place.option != nullptr) return values(context, line, place, typed);
    const bool nothing_else = line.root().remaining() == Words{cursor};
    return nothing_else ? beginning(command_names(line.app()), typed) : Words{};
  } catch (const Error&) {
    return {};
  }
}

Runner declare_complete(Options& options) {
  const auto words = std::make_shared<Words>();
  options.positionals("WORD", *words, "The command line, without nvmigrate, up to the cursor");
  return [words](Context& context) {
    Outcome outcome{.raw_text = true};
    for (const auto& word : completions(context, *words))
      outcome.text += word + '\n';
    return outcome;
  };
}

}  // namespace nvmigrate::cli
