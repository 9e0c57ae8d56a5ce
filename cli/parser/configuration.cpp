// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/parser/configuration.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>
#include <map>
#include <sstream>

#include "cli/parser/command_line.h"
#include "cli/parser/help.h"
#include "cli/parser/suggestions.h"
#include "cli/text/screen.h"
#include "nvmigrate/base/numbers.h"
#include "nvmigrate/store/folders.h"

namespace nvmigrate::cli {
namespace {

using Settings = Configuration::Settings;

constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";
constexpr auto manual = "nvmigrate.conf(5) describes what can be set";

Error wrong(const Setting& setting, const std::string& what) {
  return usage_error(setting.origin + ": " + what, manual);
}

std::string key_of(const CLI::Option& option) { return option.get_name().substr(2); }

/// `output-format` is NVMIGRATE_OUTPUT_FORMAT.
std::string variable_of(const std::string& key) {
  std::string name = "NVMIGRATE_";
  for (const char letter : key)
    name += letter == '-' ? '_' : static_cast<char>(std::toupper(static_cast<int>(letter)));
  return name;
}

std::vector<const CLI::Option*> settable_options(const CLI::App& app) {
  auto options = options_of(app);
  std::erase_if(options, [](const CLI::Option* option) { return !option->get_configurable(); });
  return options;
}

Settings settings_of(const CLI::App& app, const Environment& environment) {
  Settings found;
  if (!environment.variable) return found;
  for (const auto* option : settable_options(app)) {
    const auto name = variable_of(key_of(*option));
    const char* value = environment.variable(name.c_str());
    if (value == nullptr || *value == '\0') continue;
    found.push_back({.section = {}, .key = key_of(*option), .value = value, .origin = name});
  }
  return found;
}

/// Whether a value begins with a quotation mark that does not end.
bool is_open(std::string value) {
  CLI::detail::trim(value);
  const bool quoted = value.starts_with('"') || value.starts_with('\'');
  return quoted && value.find(value.front(), 1) == std::string::npos;
}

/// Each line is read by itself, because CLI11 does not tell the lines of what it reads.
class FileReader {
 public:
  /// A value is one, with the commas, blanks and brackets that it has.
  FileReader() { ini_.arrayBounds('\x01', '\x01')->arrayDelimiter('\x01'); }

  Settings read(const std::string& text, const std::string& path) {
    std::istringstream lines(text);
    if (text.starts_with(byte_order_mark)) lines.ignore(byte_order_mark.size());
    std::string line;
    for (std::size_t number = 1; std::getline(lines, line); ++number) {
      at_.origin = fmt::format("{}, line {}", path, number);
      CLI::detail::trim(line);
      if (!line.empty() && line.front() != '#' && line.front() != ';') take(line);
    }
    return found_;
  }

 private:
  void take(const std::string& line) {
    if (line.find('\0') != std::string::npos) throw wrong(at_, "it has a NUL character");
    if (line.front() == '[' && line.back() == ']') {
      at_.section = line.substr(1, line.size() - 2);
      return;
    }
    std::istringstream one(line);
    const auto items = ini_.from_config(one);
    if (items.size() != 1 || line.find('=') == std::string::npos) {
      throw wrong(at_, "'" + line + "' is not KEY = VALUE");
    }
    if (is_open(line.substr(line.find('=') + 1))) {
      throw wrong(at_, "the quotation mark of '" + line + "' is not closed");
    }
    at_.key = items.front().fullname();
    at_.value = items.front().inputs.front();
    found_.push_back(at_);
  }

  CLI::ConfigBase ini_;
  Setting at_;  ///< the line
  Settings found_;
};

/// How often a flag is given.
std::uint64_t times(const CLI::Option& flag, const Setting& setting) {
  if (setting.value == "true") return 1;
  if (setting.value == "false") return 0;
  const auto count = parse_number(setting.value);
  const std::uint64_t most = is_repeatable(flag) ? 2 : 1;
  if (!count || *count > most) {
    throw wrong(setting, fmt::format("{}: '{}' is not true, false or a number up to {}",
                                     setting.key, setting.value, most));
  }
  return *count;
}

void give(CLI::Option& option, const Setting& setting) {
  const bool flag = option.get_expected_min() == 0;
  try {
    for (auto left = flag ? times(option, setting) : 1; left > 0; --left)
      option.add_result(flag ? "true" : setting.value);
    if (option.count() > 0) option.run_callback();
  } catch (const CLI::ParseError& failure) {
    throw wrong(setting, std::string{failure.what()}.substr(2));
  } catch (const Error& failure) {
    if (failure.advice() == manual) throw;
    throw wrong(setting, std::string{failure.what()}.substr(2));
  }
}

bool is_alternative(const CLI::Option& option) { return option.get_group() == alternatives; }

/// Help and completion work whatever the configuration says.
bool helps(const Command& row) {
  return row.group == "Help" || row.name == "__complete" || row.name == "__man-options";
}

std::string example_of(const CLI::Option& option) {
  auto about = wrapped(option.get_description() + '.', 2, 79);
  for (auto at = about.find('\n'); at != std::string::npos; at = about.find('\n', at + 1))
    about[at + 1] = '#';
  const auto type = option.get_type_name();
  return fmt::format("\n# {}\n#{} = {}\n", about, key_of(option), type.empty() ? "false" : type);
}

}  // namespace

Configuration configuration_of(const Environment& environment) {
  return {
      .of_variables = [&environment](const CLI::App& app) { return settings_of(app, environment); },
      .of_file =
          [&environment] {
            if (!environment.find_configuration) return Settings{};
            const auto path = environment.find_configuration() + "/nvmigrate.conf";
            const auto text = read_trusted(environment.io, path);
            return text ? FileReader{}.read(*text, path) : Settings{};
          }};
}

bool mentions(std::string_view text, const Setting& setting) {
  const auto is_part = [](char letter) {
    return std::isalnum(static_cast<unsigned char>(letter)) != 0 || letter == '-';
  };
  const auto has = [&](const std::string& word) {
    for (auto at = text.find(word); at != std::string_view::npos; at = text.find(word, at + 1)) {
      const auto end = at + word.size();
      const bool begins = at == 0 || !is_part(text[at - 1]);
      if (begins && (end == text.size() || !is_part(text[end]))) return true;
    }
    return false;
  };
  return has("--" + setting.key) || (setting.value.size() > 1 && has(setting.value));
}

void for_each_section(const SectionVisitor& visit) {
  const CommandLine line;
  auto options = settable_options(line.root());
  for (const auto* option : settable_options(line.file_only()))
    options.push_back(option);
  visit("", options);
  for (const auto& row : commands()) {
    if (row.declare == nullptr || row.name.starts_with("__")) continue;
    const std::string name{row.name};
    const auto command = asked_for_help({name});
    if (const auto of_one = settable_options(command->app()); !of_one.empty()) visit(name, of_one);
  }
}

std::string example_configuration() {
  std::string text =
      "# Defaults of nvmigrate; see nvmigrate.conf(5). What the command line or a variable of\n"
      "# the environment says goes before them. Only root may own this file and write to it.\n";
  for_each_section([&](const std::string& name, const std::vector<const CLI::Option*>& options) {
    if (!name.empty()) text += fmt::format("\n[{}]\n", name);
    for (const auto* option : options)
      text += example_of(*option);
  });
  return text;
}

CLI::Option& CommandLine::option_of(const Setting& setting) {
  const bool of_all = setting.section.empty();
  if (!of_all && setting.section != name_) {
    const auto near = guess(command_names(*root_), setting.section);
    throw wrong(setting, "unknown section [" + setting.section + "]" + near);
  }
  std::vector<std::string> keys;
  const auto name = "--" + setting.key;
  for (auto* app : of_all ? std::vector{root_.get(), file_only_.get()} : std::vector{entered()}) {
    auto* option = app->get_option_no_throw(name);
    if (option != nullptr && option->get_configurable()) return *option;
    if (option != nullptr)
      throw wrong(setting, setting.key + " is taken from the command line only");
    for (const auto* each : settable_options(*app))
      keys.push_back(key_of(*each));
  }
  const auto near = guess(keys, setting.key);
  const auto all = keys.empty() ? "; no key can be set in [" + setting.section + "]"
                                : "; the keys here are " + joined(keys, ", ");
  throw wrong(setting, "unknown key '" + setting.key + "'" + (near.empty() ? all : near));
}

bool CommandLine::is_given(const CLI::Option& option) const {
  const auto given = [](const CLI::Option* each) { return each->count() > 0; };
  const auto others = alternatives_of(app());
  return given(&option) ||
         (is_alternative(option) && std::any_of(others.begin(), others.end(), given));
}

/// \return false when the value is taken from elsewhere
bool CommandLine::set(const Setting& setting) {
  auto& option = option_of(setting);
  if (is_given(option) || !set_.emplace(&option, setting).second) return false;
  give(option, setting);
  return true;
}

/// Checks every setting, including those of other commands and those that are overridden.
void CommandLine::try_out(const Settings& settings) const {
  std::map<std::string, std::unique_ptr<CommandLine>> lines;
  for (const auto& setting : settings) {
    auto& line = lines[setting.section];
    if (!line) {
      line = std::make_unique<CommandLine>(rows_);
      if (!setting.section.empty()) line->parse({setting.section, "--help"});
    }
    if (!line->set(setting)) throw wrong(setting, setting.key + " is set twice");
  }
}

void CommandLine::configure(const Configuration& given) {
  if (command_ != nullptr && helps(*command_)) return;
  const auto variables = given.of_variables ? given.of_variables(*root_) : Settings{};
  const auto of_file = given.of_file ? given.of_file() : Settings{};
  try_out(variables);
  try_out(of_file);
  for (const auto* source : {&variables, &of_file}) {
    const auto not_taken = settings_not_taken();
    for (const auto& setting : *source) {
      const bool ours = setting.section.empty() || setting.section == name_;
      if (ours && !not_taken.contains("--" + setting.key)) set(setting);
    }
  }
}

/// The options that another option or setting replaces.
std::set<std::string> CommandLine::settings_not_taken() const {
  std::set<std::string> names;
  for (const auto& [option, other] : declared_.before_settings) {
    for (const auto* app : {entered(), root_.get()}) {
      const auto* given = app->get_option_no_throw(option);
      if (given != nullptr && given->count() > 0) names.insert(other);
    }
  }
  return names;
}

std::vector<Setting> CommandLine::settings() const {
  std::vector<Setting> taken;
  for (const auto& [option, setting] : set_)
    taken.push_back(setting);
  return taken;
}

}  // namespace nvmigrate::cli
