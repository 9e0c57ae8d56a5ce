// SPDX-License-Identifier: LGPL-2.1-or-later
// The parts of the manual pages that are made from the tables of the tool, in man(7).
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>

#include "cli/commands_table.h"
#include "cli/parser/command_line.h"
#include "cli/parser/help.h"
#include "nvmigrate/conditions/conditions.h"

namespace nvmigrate::cli {
namespace {

std::string escaped(const std::string& text) {
  std::string result;
  for (const char letter : text) {
    if (letter == '-')
      result += "\\-";
    else if (letter == '\\')
      result += "\\e";
    else
      result += letter;
  }
  return result.starts_with('.') || result.starts_with('\'') ? "\\&" + result : result;
}

std::string bold(const std::string& text) { return "\\fB" + escaped(text) + "\\fR"; }
std::string italic(const std::string& text) { return "\\fI" + escaped(text) + "\\fR"; }

/// `FILE`, or the words of a choice, `normal|json`.
std::string man_type(const std::string& type) {
  if (type.find('|') == std::string::npos) return italic(type);
  std::string text;
  for (std::size_t from = 0, to = 0; to < type.size(); from = to + 1) {
    to = std::min(type.find('|', from), type.size());
    text += (text.empty() ? "" : "|") + bold(type.substr(from, to - from));
  }
  return text;
}

std::string man_tag(const CLI::Option& option) {
  if (option.get_positional()) {
    return italic(option.get_name()) + (is_repeatable(option) ? " ..." : "");
  }
  std::string tag;
  for (const auto& name : names_of(option))
    tag += (tag.empty() ? "" : ", ") + bold(name);
  const auto type = option.get_type_name();
  if (type.starts_with("[="))
    return tag + type.substr(0, 2) + italic(type.substr(2, type.size() - 3)) + ']';
  return type.empty() ? tag : tag + ' ' + man_type(type);
}

std::string man_entries(const CLI::App& app) {
  std::string text;
  for (const auto* option : options_of(app))
    text += ".TP\n" + man_tag(*option) + '\n' + escaped(option->get_description()) + ".\n";
  return text;
}

std::string man_parts(const Command& row, std::vector<std::string> words) {
  words.emplace_back(row.name);
  if (row.subcommands.empty()) {
    const auto line = asked_for_help(words);
    return ".SS " + escaped(line->name()) + '\n' + man_entries(line->app());
  }
  std::string text;
  for (const auto& below : row.subcommands)
    text += man_parts(below, words);
  return text;
}

/// The OPTIONS of every command when `name` is empty, else of that command; of one with
/// subcommands, a part for each.
std::string man_options(const std::string& name) {
  if (name.empty()) return man_entries(CommandLine{}.root());
  const auto line = asked_for_help({name});
  if (line->command() == nullptr) throw usage_error("unknown command '" + name + "'");
  return line->command()->subcommands.empty() ? man_entries(line->app())
                                              : man_parts(*line->command(), {});
}

/// The KEYS of nvmigrate.conf(5).
std::string man_keys() {
  std::string text;
  for_each_section([&](const std::string& name, const std::vector<const CLI::Option*>& options) {
    text += name.empty() ? ".SS Before all sections\n" : ".SS [" + escaped(name) + "]\n";
    for (const auto* option : options) {
      const auto type = option->get_type_name();
      text += ".TP\n" + bold(option->get_name().substr(2)) + " = " +
              man_type(type.empty() ? "true|false" : type) + '\n' +
              escaped(option->get_description()) + ".\n";
    }
  });
  return text;
}

std::string man_exit_status() {
  std::string text;
  for (const auto& row : exit_status_table) {
    text += ".TP\n" + bold(std::to_string(static_cast<int>(row.status))) + '\n' +
            escaped(std::string{row.meaning}) + " (" + italic(std::string{row.name}) + ").\n";
  }
  return text;
}

std::string upper(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char letter) { return std::toupper(letter); });
  return text;
}

/// `{function} is offline` with FUNCTION in italics, without its optional parts.
std::string man_sentence(std::string_view full) {
  if (full.empty()) return "The message says what is wrong with the state";
  const auto plain = without(without(full, "{by}"), "{to}");
  std::string_view sentence = plain;
  std::string text;
  while (!sentence.empty()) {
    const auto from = std::min(sentence.find('{'), sentence.size());
    text += escaped(std::string{sentence.substr(0, from)});
    const auto to = std::min(sentence.find('}'), sentence.size());
    const bool follows = to + 1 == sentence.size() && from > 0 && sentence[from - 1] != ' ';
    if (from == sentence.size() || follows) break;
    text += italic(upper(std::string{sentence.substr(from + 1, to - from - 1)}));
    sentence.remove_prefix(to + 1);
  }
  text.replace(0, 1, upper(text.substr(0, 1)));
  return text;
}

/// `export, import and transfer`
std::string man_verbs(Verbs some) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < verb_names.size(); ++i) {
    if (some.has(static_cast<Verb>(i))) names.push_back(bold(std::string{verb_names.at(i)}));
  }
  std::string text;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const auto* separator = i == 0 ? "" : (i + 1 == names.size() ? " and " : ", ");
    text += separator + names[i];
  }
  return text;
}

std::string man_effects(const Condition& row) {
  std::string text;
  if (!row.blocks.empty()) text += "It stops " + man_verbs(row.blocks) + ".\n";
  if (!row.overrides.empty()) {
    const auto where = man_verbs(row.overrides);
    text += bold("--allow") + ' ' + bold(std::string{row.code}) + " overrides it" +
            (where == man_verbs(row.blocks) ? "" : " in " + where) + ".\n";
  }
  if (!row.warns.empty()) text += "It is a warning in " + man_verbs(row.warns) + ".\n";
  return text.empty() ? "It is only reported.\n" : text;
}

std::string man_conditions() {
  std::string text;
  for (const auto& row : conditions()) {
    text += ".TP\n" + bold(std::string{row.code}) + '\n' + man_sentence(row.sentence) + ".\n" +
            man_effects(row) + "Looked at: " + escaped(std::string{row.looks_at}) + ".\n";
  }
  return text;
}

}  // namespace

Runner declare_man_options(Options& options) {
  struct ManualParts {
    std::optional<std::string> command;
    bool statuses = false, conditions = false, keys = false, configuration = false;
  };
  const auto asked = std::make_shared<ManualParts>();
  options.optional_positional("COMMAND", asked->command, "The command");
  options.flag("--exit-status", asked->statuses, "Print the table of exit statuses instead");
  options.flag("--conditions", asked->conditions, "Print the table of conditions instead");
  options.flag("--keys", asked->keys, "Print the keys of nvmigrate.conf instead");
  options.flag("--configuration", asked->configuration,
               "Print an example of nvmigrate.conf instead");
  return [asked](Context&) {
    const auto text = asked->statuses        ? man_exit_status()
                      : asked->conditions    ? man_conditions()
                      : asked->keys          ? man_keys()
                      : asked->configuration ? example_configuration()
                                             : man_options(asked->command.value_or(""));
    return Outcome{.text = text, .raw_text = true};
  };
}

}  // namespace nvmigrate::cli
