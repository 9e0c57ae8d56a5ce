// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/help.h"

#include <algorithm>
#include <functional>

#include "cli/table.h"

namespace nvmigrate::cli {
namespace {

constexpr std::size_t line_width = 79;
constexpr std::size_t command_width = 11;  ///< deprovision

using Entry = std::pair<std::string, std::string>;

/// Words in lines that begin at `indent`; the first continues where the caller stands.
std::string wrapped(const std::string& words, std::size_t indent) {
  std::string text;
  std::size_t at = indent;
  std::size_t from = 0;
  while (from < words.size()) {
    const auto to = std::min(words.find(' ', from), words.size());
    const auto word = words.substr(from, to - from);
    if (at + word.size() + 1 > line_width && at > indent) {
      text += '\n' + std::string(indent, ' ');
      at = indent;
    } else if (at > indent) {
      text += ' ';
    }
    text += word;
    at += width_of(word) + 1;
    from = to + 1;
  }
  return text;
}

std::string section(const std::string& heading, const std::vector<Entry>& entries,
                    std::size_t width = 0) {
  if (entries.empty()) return {};
  for (const auto& [name, about] : entries)
    width = std::max(width, name.size());
  std::string text = '\n' + heading + ":\n";
  for (const auto& [name, about] : entries) {
    text +=
        "  " + name + std::string(width - name.size() + 2, ' ') + wrapped(about, width + 4) + '\n';
  }
  return text;
}

std::string with_words(const Declared& declared) {
  std::string text = declared.help;
  std::string words;
  for (const auto& word : declared.words)
    words += (words.empty() ? "" : ", ") + word;
  if (!words.empty()) text += " (" + words + ")";
  return text;
}

Entry entry_of(const Declared& declared) {
  if (declared.positional) return {declared.name(), with_words(declared)};
  std::string names = declared.names.front().starts_with("--") ? "    " : "";
  for (const auto& name : declared.names)
    names += (name == declared.names.front() ? "" : ", ") + name;
  if (!declared.placeholder.empty()) names += ' ' + declared.placeholder;
  return {names, with_words(declared)};
}

std::vector<Entry> entries_of(const std::vector<Declared>& declared,
                              const std::function<bool(const Declared&)>& wanted) {
  std::vector<Entry> entries;
  for (const auto& one : declared) {
    if (wanted(one)) entries.push_back(entry_of(one));
  }
  return entries;
}

std::vector<Entry> entries_of(std::span<const Command> rows, std::string_view group) {
  std::vector<Entry> entries;
  for (const auto& row : rows) {
    if (row.group == group) entries.emplace_back(row.name, row.summary);
  }
  return entries;
}

bool global(const Declared& declared) { return declared.global; }
std::string globals_line(const std::vector<Declared>& declared) {
  std::string names;
  for (const auto& one : declared) {
    if (one.global) names += (names.empty() ? "" : ", ") + one.names.front();
  }
  return "Options of every command: " + names + ". 'nvmigrate --help' explains them.";
}

bool argument(const Declared& declared) { return declared.positional; }
bool own_option(const Declared& declared) { return !declared.global && !declared.positional; }

}  // namespace

std::string usage_of(const std::string& name, const std::vector<Declared>& declared) {
  std::string text = "nvmigrate " + name;
  std::string alternatives;
  for (const auto& one : declared) {
    if (!one.positional) continue;
    const auto word = one.name() + (one.repeatable ? "..." : "");
    text += ' ' + (one.required ? word : '[' + word + ']');
  }
  for (const auto& one : declared) {
    const auto word = one.names.front() + ' ' + one.placeholder;
    if (one.required && !one.positional) text += ' ' + word;
    if (one.alternative) alternatives += (alternatives.empty() ? " (" : " | ") + word;
  }
  return text + alternatives + (alternatives.empty() ? " [OPTIONS]" : ") [OPTIONS]");
}

std::string help_of_all() {
  std::string text =
      "Usage: nvmigrate COMMAND [DEVICE] [OPTIONS]\n\n"
      "Prepares NVMe controllers for live migration and moves their state, always\n"
      "through the controlling function.\n";
  std::vector<std::string_view> groups;
  for (const auto& row : commands()) {
    const bool known = std::find(groups.begin(), groups.end(), row.group) != groups.end();
    if (!row.group.empty() && !known) groups.push_back(row.group);
  }
  for (const auto group : groups)
    text += section(std::string{group}, entries_of(commands(), group), command_width);
  text += section("Options of every command", entries_of(CommandLine{}.declared(), global));
  return text +
         "\nDEVICE is the controlling function: /dev/nvme0, nvme0, a PCI address, or sim:NAME.\n"
         "Begin with 'nvmigrate list'; 'nvmigrate COMMAND --help' says more of a command.\n";
}

std::string help_of_group(const Located& located) {
  return "Usage: nvmigrate " + located.name + " COMMAND [OPTIONS]\n\n" +
         std::string{located.command->summary} + ".\n" +
         section("Commands", entries_of(located.command->subcommands, "")) + "\n'nvmigrate " +
         located.name + " COMMAND --help' says more of a command.\n";
}

std::string help_of(const Located& located, const CommandLine& line) {
  const auto& declared = line.declared();
  return "Usage: " + usage_of(located.name, declared) + "\n\n" +
         wrapped(std::string{located.command->summary} + ".", 0) + '\n' +
         section("Arguments", entries_of(declared, argument)) +
         section("Options", entries_of(declared, own_option)) + "\n" +
         wrapped(globals_line(declared), 0) + '\n';
}

}  // namespace nvmigrate::cli
