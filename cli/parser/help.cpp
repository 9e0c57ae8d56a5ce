// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/parser/help.h"

#include <sys/ioctl.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cctype>

#include "cli/commands_table.h"
#include "cli/parser/command_line.h"
#include "cli/parser/examples.h"
#include "cli/parser/suggestions.h"
#include "cli/text/screen.h"
#include "cli/text/table.h"
#include "nvmigrate/base/numbers.h"
#include "nvmigrate/conditions/conditions.h"

namespace nvmigrate::cli {
namespace {

constexpr std::size_t widest = 80, narrowest = 40;  ///< columns

}  // namespace

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

std::size_t help_width(const Environment& environment) {
  return std::clamp(screen_of(environment, environment.output).width, narrowest, widest) - 1;
}

std::string without(std::string_view text, std::string_view part) {
  const auto at = text.find(part);
  if (at == std::string_view::npos) return std::string{text};
  return std::string{text.substr(0, at)}.append(text.substr(at + part.size()));
}

std::string plain_sentence(const Condition& condition) {
  const auto clause = condition.sentence.substr(0, condition.sentence.find_first_of(";:"));
  if (clause.empty()) return "the state is damaged, or not of this kind";
  std::string text;
  bool inside = false;
  for (const char letter : without(without(without(clause, "{by}"), "{to}"), "{and}")) {
    if (letter == '{' || letter == '}')
      inside = letter == '{';
    else
      text += inside ? static_cast<char>(std::toupper(letter)) : letter;
  }
  return text;
}

std::unique_ptr<CommandLine> asked_for_help(std::vector<std::string> words) {
  auto line = std::make_unique<CommandLine>();
  words.emplace_back("--help");
  line->parse(words);
  return line;
}

namespace {

using Entry = std::pair<std::string, std::string>;  ///< name and description

constexpr std::size_t command_width = 11;  ///< deprovision

/// Descriptions stand beside the names, below those that are too long.
/// \param names the least columns of the names
std::string section(const std::string& heading, const std::vector<Entry>& entries,
                    std::size_t width, std::size_t names = 0) {
  if (entries.empty()) return {};
  for (const auto& [name, about] : entries) {
    if (name.size() <= width * 2 / 5) names = std::max(names, name.size());
  }
  std::string text = '\n' + heading + ":\n";
  for (const auto& [name, about] : entries) {
    const auto gap = name.size() <= names ? std::string(names - name.size() + 2, ' ')
                                          : '\n' + std::string(names + 4, ' ');
    text.append("  ").append(name).append(gap);
    text.append(wrapped(about, names + 4, width)).append("\n");
  }
  return text;
}

/// The lines of an example, indented.
std::string indented(std::string_view lines) {
  std::string text = "    ";
  for (const char letter : lines)
    text.append(1, letter).append(letter == '\n' ? "    " : "");
  return text + '\n';
}

std::string full_name(const CLI::App& app) {
  const auto* above = app.get_parent();
  const bool below_another = above != nullptr && above->get_parent() != nullptr;
  return below_another ? full_name(*above) + ' ' + app.get_name() : app.get_name();
}

std::string examples_of(const CLI::App& app, std::size_t width) {
  std::string text;
  for (const auto& example : examples()) {
    if (example.command != full_name(app)) continue;
    text += text.empty() ? "\nExamples:\n" : "";
    text += "  " + wrapped(std::string{example.about}, 2, width) + '\n' + indented(example.line);
  }
  return text;
}

class HelpFormatter final : public CLI::Formatter {
 public:
  std::string make_help(const CLI::App* app, std::string name,
                        CLI::AppFormatMode /*mode*/) const override {
    if (app->get_parent() == nullptr) return of_all(*app, name);
    const auto about = wrapped(make_usage(app, name), 0, width()) + "\n\n" +
                       wrapped(app->get_description() + ".", 0, width());
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
    auto type = option->get_type_name();
    if (type.starts_with("[=")) return type;
    return type.empty() || option->get_positional() ? "" : ' ' + type;
  }

 private:
  /// Of a line. CLI11 means that of the names of options, which we choose ourselves.
  [[nodiscard]] std::size_t width() const { return get_column_width(); }

  static std::string short_form(const CLI::Option& option) {
    const auto type = option.get_type_name();
    return names_of(option).front() + (type.empty() ? "" : ' ' + type);
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
        "Usage: " + name + " COMMAND [DEVICE] [OPTIONS]\n\n" +
        wrapped(
            "Prepares NVMe controllers for live migration and moves their state, always through "
            "the controlling function.",
            0, width()) +
        '\n';
    std::vector<std::string> groups;
    for (const auto* command : commands_of(app)) {
      const auto& group = command->get_group();
      const bool known = std::find(groups.begin(), groups.end(), group) != groups.end();
      if (!group.empty() && !known) groups.push_back(group);
    }
    for (const auto& group : groups)
      text += section(group, command_entries(app, group), width(), command_width);
    return text + section("Options of every command", option_entries(app, false), width()) + '\n' +
           wrapped("DEVICE is the controlling function: /dev/nvme0, a PCI address or sim:NAME.", 0,
                   width()) +
           '\n' +
           wrapped(
               "Begin with 'nvmigrate list'. 'nvmigrate help COMMAND' explains a command, "
               "'nvmigrate "
               "help exit-status' and 'nvmigrate help conditions' what it may end with.",
               0, width()) +
           '\n';
  }

  [[nodiscard]] std::string of_group(const CLI::App& app, const std::string& name) const {
    return section("Commands", command_entries(app, "Commands"), width()) + '\n' +
           wrapped('\'' + name + " COMMAND --help' explains a command.", 0, width()) + '\n';
  }

  [[nodiscard]] std::string of_command(const CLI::App& app) const {
    const auto* root = &app;
    while (root->get_parent() != nullptr)
      root = root->get_parent();
    std::string globals;
    for (const auto* option : options_of(*root))
      globals += (globals.empty() ? "" : ", ") + names_of(*option).front();
    return section("Arguments", option_entries(app, true), width()) +
           section("Options", option_entries(app, false), width()) + examples_of(app, width()) +
           '\n' +
           wrapped("Options of every command: " + globals + ". 'nvmigrate --help' explains them.",
                   0, width()) +
           '\n';
  }
};

std::string exit_statuses(std::size_t width) {
  std::vector<Entry> rows;
  rows.reserve(exit_status_table.size());
  for (const auto& row : exit_status_table) {
    rows.emplace_back(std::to_string(static_cast<int>(row.status)),
                      std::string{row.meaning} + " (" + std::string{row.name} + ')');
  }
  return section("Exit statuses", rows, width);
}

std::string all_conditions(std::size_t width) {
  std::vector<Entry> rows;
  for (const auto& row : conditions())
    rows.emplace_back(row.code, plain_sentence(row));
  return section("Conditions", rows, width) + '\n' +
         wrapped(
             "--allow NAME overrides a condition in the commands whose help names it. nvmigrate(1) "
             "says what each of them stops.",
             0, width) +
         '\n';
}

/// What `help` explains besides the commands.
struct Topic {
  const char* name;
  std::string (*text)(std::size_t width);
};
constexpr std::array topics{Topic{"exit-status", exit_statuses},
                            Topic{"conditions", all_conditions}};

std::vector<std::string> all_below(const CLI::App& app) {
  auto names = command_names(app);
  for (const auto& topic : topics) {
    if (app.get_parent() == nullptr) names.emplace_back(topic.name);
  }
  return names;
}

/// Help of what the words name: a topic, or else names of commands.
std::string help_of(const std::vector<std::string>& words, std::size_t width) {
  for (const auto& topic : topics) {
    if (words == std::vector<std::string>{topic.name}) return topic.text(width).substr(1);
  }
  const auto line = asked_for_help(words);
  std::string all;
  for (const auto& word : words)
    all += (all.empty() ? "" : " ") + word;
  if (line->name() == all) return line->help(width);
  const auto last = words.empty() ? "" : words.back();
  throw usage_error("unknown command '" + all + "'" + guess(all_below(line->app()), last),
                    "see 'nvmigrate --help'");
}

}  // namespace

std::shared_ptr<CLI::FormatterBase> help_formatter() { return std::make_shared<HelpFormatter>(); }

Runner declare_help(Options& options) {
  const auto words = std::make_shared<std::vector<std::string>>();
  options.positionals("COMMAND", *words,
                      "The command, exit-status or conditions; without it, help on all",
                      Completes::command);
  return [words](Context& context) {
    return Outcome{.text = help_of(*words, help_width(context.environment())), .raw_text = true};
  };
}

}  // namespace nvmigrate::cli
