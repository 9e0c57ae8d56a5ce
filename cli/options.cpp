// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/options.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>

#include "cli/command_line.h"
#include "cli/suggestions.h"
#include "nvmigrate/base/error.h"
#include "nvmigrate/base/numbers.h"
#include "nvmigrate/plugins.h"

namespace nvmigrate::cli {
namespace {

/// Rewritten in decimal, which is all that CLI11 has to convert.
auto number_between(std::uint64_t from, std::uint64_t to) {
  return [from, to](std::string& text) -> std::string {
    const auto value = parse_number(text);
    if (!value) return "'" + text + "' is not a number (decimal or 0x)";
    if (*value < from || *value > to) {
      return text + " is not between " + std::to_string(from) + " and " + std::to_string(to);
    }
    text = std::to_string(*value);
    return {};
  };
}

std::string as_size(std::string& text) {
  const auto value = parse_size(text);
  if (!value) return "'" + text + "' is not a size (a number and K, M, G or T)";
  text = std::to_string(*value);
  return {};
}

auto one_of(const std::vector<std::string>& words) {
  return [words](const std::string& text) -> std::string {
    if (std::find(words.begin(), words.end(), text) != words.end()) return {};
    return "'" + text + "' is not one of " + joined(words, ", ") + guess(words, text);
  };
}

/// An empty path would mean the root of the file system once a name is put behind it.
auto name_of(Completes completes) {
  const bool named = completes == Completes::device || completes == Completes::state_file ||
                     completes == Completes::profile || completes == Completes::folder;
  return [named](const std::string& text) -> std::string {
    return named && text.empty() ? "the name is empty" : "";
  };
}

auto into(std::vector<std::string>& values) {
  return [&values](const CLI::results_t& given) {
    values = given;
    return true;
  };
}

/// Whether an option got the next option for its value, as `-f` does in `-f --raw`.
bool is_missing(const std::string& value, const std::vector<std::string>& line) {
  const bool option = value.size() > 1 && value.front() == '-';
  return value.empty() || (option && std::find(line.begin(), line.end(), value) != line.end());
}

}  // namespace

std::string joined(const std::vector<std::string>& words, const std::string& between) {
  return fmt::format("{}", fmt::join(words, between));
}

void Options::declare(CLI::Option* option, const std::string& placeholder, Completes completes) {
  last_ = option->type_name(placeholder)->configurable(false);
  declared_->values[option] = {.completes = completes};
}

void Options::declare_flag(CLI::Option* option) {
  declare(option, "");
  last_->transform(CLI::Validator(
      [name = last_->get_name()](const std::string& value) -> std::string {
        if (value != "true") throw usage_error(name + " takes no value");
        return {};
      },
      ""));
}

void Options::check(const Rule& rule) {
  last_->transform(CLI::Validator(
      [rule, option = last_, declared = declared_](std::string& value) {
        if (!option->get_positional() && is_missing(value, declared->line)) {
          throw usage_error(option->get_name() + " needs a value");
        }
        return rule(value);
      },
      ""));
}

void Options::flag(const std::string& names, bool& value, const std::string& help) {
  declare_flag(app_->add_flag(names, value, help));
}

void Options::count(const std::string& names, int& value, const std::string& help) {
  declare_flag(app_->add_flag(names, value, help));
}

void Options::text(const std::string& names, std::string& value, const std::string& help,
                   const std::string& placeholder, Completes completes) {
  declare(app_->add_option(names, value, help), placeholder, completes);
  check(name_of(completes));
}

void Options::text(const std::string& names, std::optional<std::string>& value,
                   const std::string& help, const std::string& placeholder, Completes completes) {
  declare(app_->add_option(names, value, help), placeholder, completes);
  check(name_of(completes));
}

void Options::texts(const std::string& names, std::vector<std::string>& values,
                    const std::string& help, const std::string& placeholder, Completes completes) {
  declare(app_->add_option(names, into(values), help), placeholder, completes);
  last_->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  check(name_of(completes));
}

void Options::number(const std::string& names, std::optional<std::uint64_t>& value,
                     const std::string& help, std::uint64_t from, std::uint64_t to,
                     const std::string& placeholder, Completes completes) {
  declare(app_->add_option(names, value, help), placeholder, completes);
  check(number_between(from, to));
}

void Options::size(const std::string& names, std::optional<std::uint64_t>& value,
                   const std::string& help) {
  declare(app_->add_option(names, value, help), "SIZE");
  check(as_size);
}

void Options::choice(const std::string& names, std::string& value,
                     const std::vector<std::string>& words, const std::string& help) {
  declare(app_->add_option(names, value, help), joined(words, "|"));
  declared_->values[last_].words = words;
  check(one_of(words));
}

void Options::choices(const std::string& names, std::vector<std::string>& values,
                      const std::vector<std::string>& words, const std::string& help,
                      const std::string& placeholder) {
  texts(names, values, help + " (" + joined(words, ", ") + ")", placeholder);
  declared_->values[last_].words = words;
  check(one_of(words));
}

void Options::list(const std::string& names, std::vector<std::string>& values,
                   const std::vector<std::string>& words, const std::string& help,
                   const std::string& placeholder) {
  texts(names, values, help + ": " + joined(words, ", "), placeholder);
  declared_->values[last_] = {.words = words, .listed = true};
  last_->delimiter(',');
  check(one_of(words));
}

void Options::flag_with_number(const std::string& names, std::optional<std::uint64_t>& value,
                               std::uint64_t standard, std::uint64_t from, std::uint64_t to,
                               const std::string& help, const std::string& placeholder) {
  declare(app_->add_flag(names, help), "[=" + placeholder + ']');
  last_->multi_option_policy(CLI::MultiOptionPolicy::Throw);
  last_->each([&value](const std::string& given) { value = parse_number(given); });
  last_->transform(CLI::Validator(
      [standard, check = number_between(from, to)](std::string& given) {
        if (given == "true") given = std::to_string(standard);
        return check(given);
      },
      ""));
}

void Options::positional(const std::string& name, std::string& value, const std::string& help,
                         Completes completes) {
  text(name, value, help, name, completes);
  required();
}

void Options::optional_positional(const std::string& name, std::optional<std::string>& value,
                                  const std::string& help, Completes completes) {
  text(name, value, help, name, completes);
}

void Options::positionals(const std::string& name, std::vector<std::string>& values,
                          const std::string& help, Completes completes) {
  texts(name, values, help, name, completes);
  last_->allow_extra_args();
}

void Options::device(const std::string& name, std::string& value, const std::string& help,
                     Completes completes) {
  positional(name, value, help, completes);
  declared_->devices.push_back(&value);
}

void Options::functions(std::string& value, Completes completes, const std::string& name) {
  positional(name, value,
             "Controlled functions: 3, 1-4,7, vf2, 0000:01:00.1, all; - reads them from standard "
             "input",
             completes);
  declared_->functions = &value;
}

void Options::dry_run(bool& value) {
  flag("--dry-run", value, "Check everything and print the plan; change nothing");
  declared_->dry_run = &value;
}

void Options::backend() {
  std::vector<std::string> names;
  for (const auto& row : built_in().backends)
    names.emplace_back(row.name);
  declare(app_->add_option("--backend", declared_->backend,
                           "The backend that drives the functions (" + joined(names, ", ") +
                               "); by default that of their marks, or the first that serves the "
                               "device and need not be named"),
          "NAME");
  declared_->values[last_].words = names;
  check(one_of(names));
}

void Options::required() { last_->required(); }

void Options::setting() { last_->configurable(); }

void Options::alternative() {
  for (auto* other : app_->get_options()) {
    if (other->get_group() == alternatives) last_->excludes(other);
  }
  last_->group(alternatives);
}

}  // namespace nvmigrate::cli
