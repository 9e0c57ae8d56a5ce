// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/commands_table.h"
#include "cli/help.h"

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

std::string tag_of(const Declared& declared) {
  if (declared.positional) return italic(declared.name()) + (declared.repeatable ? " ..." : "");
  std::string tag;
  for (const auto& name : declared.names)
    tag += (tag.empty() ? "" : ", ") + bold(name);
  if (!declared.words.empty() && !declared.repeatable) {
    std::string words;
    for (const auto& word : declared.words)
      words += (words.empty() ? "" : "|") + bold(word);
    return tag + ' ' + words;
  }
  return declared.placeholder.empty() ? tag : tag + ' ' + italic(declared.placeholder);
}

/// The words of an option that takes several stand behind its help.
std::string about(const Declared& declared) {
  std::string words;
  if (declared.repeatable) {
    for (const auto& word : declared.words)
      words += (words.empty() ? " (" : ", ") + bold(word);
  }
  return escaped(declared.help) + words + (words.empty() ? "." : ").");
}

std::string entries(const CommandLine& line, bool global) {
  std::string text;
  for (const auto& declared : line.declared()) {
    if (declared.global != global) continue;
    text += ".TP\n" + tag_of(declared) + '\n' + about(declared) + '\n';
  }
  return text;
}

std::string entries_of(const Command& row) {
  CommandLine line;
  auto options = line.options();
  const auto runner = row.declare(options);
  return entries(line, false);
}

std::string parts_of(const Command& row, const std::string& name) {
  if (row.subcommands.empty()) return ".SS " + escaped(name) + '\n' + entries_of(row);
  std::string text;
  for (const auto& below : row.subcommands)
    text += parts_of(below, name + ' ' + std::string{below.name});
  return text;
}

}  // namespace

std::string man_options(const std::string& name) {
  if (name.empty()) return entries(CommandLine{}, true);
  const auto* row = find_command(commands(), name);
  if (row == nullptr) throw not_found("no command is named '" + name + "'");
  return row->subcommands.empty() ? entries_of(*row) : parts_of(*row, name);
}

std::string man_exit_status() {
  std::string text;
  for (const auto& row : exit_status_table) {
    text += ".TP\n" + bold(std::to_string(static_cast<int>(row.status))) + '\n' +
            escaped(std::string{row.meaning}) + " (" + italic(std::string{row.name}) + ").\n";
  }
  return text;
}

Runner declare_man_options(Options& options) {
  const auto name = std::make_shared<std::optional<std::string>>();
  const auto statuses = std::make_shared<bool>(false);
  options.optional_positional("COMMAND", *name, "The command");
  options.flag("--exit-status", *statuses, "Print the table of exit statuses instead");
  return [name, statuses](Context&) {
    return Outcome{.text = *statuses ? man_exit_status() : man_options(name->value_or("")),
                   .raw_text = true};
  };
}

}  // namespace nvmigrate::cli
