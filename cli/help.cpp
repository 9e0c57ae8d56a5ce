// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/help.h"

#include <CLI/CLI.hpp>
#include <algorithm>

#include "cli/command_line.h"
#include "cli/commands_table.h"
#include "cli/screen.h"
#include "cli/table.h"

namespace nvmigrate::cli {

std::vector<std::string> names_of(const CLI::Option& option) {
  if (option.get_positional()) return {option.get_name()};
  std::vector<std::string> names;
  for (const auto& name : option.get_snames())
    names.push_back('-' + name);
  for (const auto& name : option.get_lnames())
    names.push_back("--" + name);
  return names;
}

bool is_repeatable(const CLI::Option& option) {
  return option.get_multi_option_policy() == CLI::MultiOptionPolicy::TakeAll;
}

std::unique_ptr<CommandLine> asked_for_help(std::vector<std::string> words) {
  auto line = std::make_unique<CommandLine>();
  words.emplace_back("--help");
  line->parse(words);
  return line;
}

namespace {

using Entry = std::pair<std::string, std::string>;  ///< name and description

constexpr std::size_t line_width = 78;
constexpr std::size_t name_width = 31;
constexpr std::size_t command_width = 11;  ///< deprovision

/// Descriptions stand beside the names, below those that are too long.
std::string section(const std::string& heading, const std::vector<Entry>& entries,
                    std::size_t width = 0) {
  if (entries.empty()) return {};
  for (const auto& [name, about] : entries) {
    if (name.size() <= name_width) width = std::max(width, name.size());
  }
  std::string text = '\n' + heading + ":\n";
  for (const auto& [name, about] : entries) {
    const auto gap = name.size() <= width ? std::string(width - name.size() + 2, ' ')
                                          : '\n' + std::string(width + 4, ' ');
    text.append("  ")
        .append(name)
        .append(gap)
        .append(wrapped(about, width + 4, line_width))
        .append("\n");
  }
  return text;
}

class HelpFormatter final : public CLI::Formatter {
 public:
  std::string make_help(const CLI::App* app, std::string name,
                        CLI::AppFormatMode /*mode*/) const override {
    if (app->get_parent() == nullptr) return of_all(*app, name);
    const auto about =
        make_usage(app, name) + "\n\n" + wrapped(app->get_description() + ".", 0, line_width);
    return about + '\n' + (commands_of(*app).empty() ? of_command(*app) : of_group(*app, name));
  }

  std::string make_usage(const CLI::App* app, std::string name) const override {
    std::string text = "Usage: " + name;
    if (!commands_of(*app).empty()) return text + " COMMAND [OPTIONS]";
    for (const auto* option : options_of(*app))
      text += make_option_usage(option);
    std::string choice;
    for (const auto* option : alternatives_of(*app))
      choice += (choice.empty() ? " (" : " | ") + short_form(*option);
    if (!choice.empty()) text += choice + ')';
    return text + " [OPTIONS]";
  }

  std::string make_option_usage(const CLI::Option* option) const override {
    if (!option->get_positional()) return option->get_required() ? ' ' + short_form(*option) : "";
    const auto word = option->get_name() + (is_repeatable(*option) ? "..." : "");
    return option->get_required() ? ' ' + word : " [" + word + ']';
  }

  std::string make_option_name(const CLI::Option* option, bool is_positional) const override {
    std::string text = is_positional || !option->get_snames().empty() ? "" : "    ";
    for (const auto& name : names_of(*option))
      text += (text.find_first_not_of(' ') == std::string::npos ? "" : ", ") + name;
    return text;
  }

  std::string make_option_opts(const CLI::Option* option) const override {
    const auto type = option->get_type_name();
    if (type.starts_with("[=")) return type;
    return type.empty() || option->get_positional() ? "" : ' ' + type;
  }

 private:
  static std::string short_form(const CLI::Option& option) {
    return names_of(option).front() + ' ' + option.get_type_name();
  }

  std::vector<Entry> option_entries(const CLI::App& app, bool positional) const {
    std::vector<Entry> found;
    for (const auto* option : options_of(app)) {
      if (option->get_positional() != positional) continue;
      found.emplace_back(make_option_name(option, positional) + make_option_opts(option),
                         make_option_desc(option));
    }
    return found;
  }

  static std::vector<Entry> command_entries(const CLI::App& app, const std::string& group) {
    std::vector<Entry> found;
    for (const auto* command : commands_of(app)) {
      if (command->get_group() == group) {
        found.emplace_back(command->get_name(), command->get_description());
      }
    }
    return found;
  }

  std::string of_all(const CLI::App& app, const std::string& name) const {
    std::string text =
        "Usage: " + name +
        " COMMAND [DEVICE] [OPTIONS]\n\n"
        "Prepares NVMe controllers for live migration and moves their state, always\n"
        "through the controlling function.\n";
    std::vector<std::string> groups;
    for (const auto* command : commands_of(app)) {
      const auto& group = command->get_group();
      const bool known = std::find(groups.begin(), groups.end(), group) != groups.end();
      if (!group.empty() && !known) groups.push_back(group);
    }
    for (const auto& group : groups)
      text += section(group, command_entries(app, group), command_width);
    return text + section("Options of every command", option_entries(app, false)) +
           "\nDEVICE is the controlling function: /dev/nvme0, a PCI address or sim:NAME.\n"
           "Begin with 'nvmigrate list'. 'nvmigrate COMMAND --help' explains a command.\n";
  }

  static std::string of_group(const CLI::App& app, const std::string& name) {
    return section("Commands", command_entries(app, "Commands")) + "\n'" + name +
           " COMMAND --help' explains a command.\n";
  }

  std::string of_command(const CLI::App& app) const {
    const auto* root = &app;
    while (root->get_parent() != nullptr)
      root = root->get_parent();
    std::string globals;
    for (const auto* option : options_of(*root))
      globals += (globals.empty() ? "" : ", ") + names_of(*option).front();
    return section("Arguments", option_entries(app, true)) +
           section("Options", option_entries(app, false)) + '\n' +
           wrapped("Options of every command: " + globals + ". 'nvmigrate --help' explains them.",
                   0, line_width) +
           '\n';
  }
};

/// Help of what the words name, all of which must be names of commands.
std::string help_of(const std::vector<std::string>& words) {
  const auto line = asked_for_help(words);
  std::string all;
  for (const auto& word : words)
    all += (all.empty() ? "" : " ") + word;
  if (line->name() != all)
    throw usage_error("unknown command '" + all + "'", "see 'nvmigrate --help'");
  return line->help();
}

}  // namespace

std::shared_ptr<CLI::FormatterBase> help_formatter() { return std::make_shared<HelpFormatter>(); }

Runner declare_help(Options& options) {
  const auto words = std::make_shared<std::vector<std::string>>();
  options.positionals("COMMAND", *words, "The command; without it, help on all");
  return [words](Context&) { return Outcome{.text = help_of(*words), .raw_text = true}; };
}

}  // namespace nvmigrate::cli
