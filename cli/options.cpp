// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/options.h"

#include <CLI/CLI.hpp>
#include <algorithm>

#include "nvmigrate/base/error.h"
#include "nvmigrate/base/numbers.h"

namespace nvmigrate::cli {
namespace {

std::vector<std::string> split(const std::string& names) {
  std::vector<std::string> parts;
  std::size_t from = 0;
  while (from <= names.size()) {
    const auto to = std::min(names.find(',', from), names.size());
    parts.push_back(names.substr(from, to - from));
    from = to + 1;
  }
  return parts;
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const auto& word : words)
    text += (text.empty() ? "" : ", ") + word;
  return text;
}

std::uint64_t number_of(const std::string& name, const std::string& text, std::uint64_t from,
                        std::uint64_t to) {
  const auto value = parse_number(text);
  if (!value) throw usage_error(name + ": '" + text + "' is no number (decimal or 0x)");
  if (*value < from || *value > to) {
    throw usage_error(name + ": " + text + " is not between " + std::to_string(from) + " and " +
                      std::to_string(to));
  }
  return *value;
}

/// An empty path would mean the root of the file system once a name is put behind it.
const std::string& text_of(const std::string& name, const std::string& text, Offer offer) {
  const bool names = offer == Offer::device || offer == Offer::state_file || offer == Offer::folder;
  if (names && text.empty()) throw usage_error(name + ": the name is empty");
  return text;
}

std::uint64_t size_of(const std::string& name, const std::string& text) {
  const auto value = parse_size(text);
  if (!value) throw usage_error(name + ": '" + text + "' is no size (a number and K, M, G or T)");
  return *value;
}

const std::string& word_of(const std::string& name, const std::string& text,
                           const std::vector<std::string>& words) {
  const auto found = std::find(words.begin(), words.end(), text);
  if (found == words.end()) {
    throw usage_error(name + ": '" + text + "' is none of " + joined(words));
  }
  return *found;
}

}  // namespace

Declared& Options::declare(const std::string& names, const std::string& help,
                           const std::string& placeholder, Offer offer) {
  auto& declared = declared_->emplace_back();
  declared.option = app_->add_option(names)->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  declared.names = split(names);
  declared.placeholder = placeholder;
  declared.help = help;
  declared.offer = offer;
  declared.positional = !names.starts_with('-');
  return declared;
}

Declared& Options::declare_flag(const std::string& names, const std::string& help) {
  auto& declared = declared_->emplace_back();
  declared.option = app_->add_flag(names)->disable_flag_override()->multi_option_policy(
      CLI::MultiOptionPolicy::TakeAll);
  declared.names = split(names);
  declared.help = help;
  declared.repeatable = true;
  return declared;
}

void Options::flag(const std::string& names, bool& value, const std::string& help) {
  declare_flag(names, help).assign = [&value](const auto&) { value = true; };
}

void Options::count(const std::string& names, int& value, const std::string& help) {
  declare_flag(names, help).assign = [&value](const auto& given) {
    value = static_cast<int>(given.size());
  };
}

void Options::text(const std::string& names, std::string& value, const std::string& help,
                   const std::string& placeholder, Offer offer) {
  auto& declared = declare(names, help, placeholder, offer);
  declared.assign = [&value, offer, name = declared.name()](const auto& given) {
    value = text_of(name, given.front(), offer);
  };
}

void Options::text(const std::string& names, std::optional<std::string>& value,
                   const std::string& help, const std::string& placeholder, Offer offer) {
  auto& declared = declare(names, help, placeholder, offer);
  declared.assign = [&value, offer, name = declared.name()](const auto& given) {
    value = text_of(name, given.front(), offer);
  };
}

void Options::texts(const std::string& names, std::vector<std::string>& values,
                    const std::string& help, const std::string& placeholder, Offer offer) {
  auto& declared = declare(names, help, placeholder, offer);
  declared.repeatable = true;
  declared.assign = [&values, offer, name = declared.name()](const auto& given) {
    for (const auto& one : given)
      text_of(name, one, offer);
    values = given;
  };
}

void Options::number(const std::string& names, std::optional<std::uint64_t>& value,
                     const std::string& help, std::uint64_t from, std::uint64_t to) {
  auto& declared = declare(names, help, "N", Offer::nothing);
  declared.assign = [&value, from, to, name = declared.name()](const auto& given) {
    value = number_of(name, given.front(), from, to);
  };
}

void Options::size(const std::string& names, std::optional<std::uint64_t>& value,
                   const std::string& help) {
  auto& declared = declare(names, help, "SIZE", Offer::nothing);
  declared.assign = [&value, name = declared.name()](const auto& given) {
    value = size_of(name, given.front());
  };
}

void Options::choice(const std::string& names, std::string& value,
                     const std::vector<std::string>& words, const std::string& help) {
  auto& declared = declare(names, help, "WORD", Offer::nothing);
  declared.words = words;
  declared.assign = [&value, words, name = declared.name()](const auto& given) {
    value = word_of(name, given.front(), words);
  };
}

void Options::choices(const std::string& names, std::vector<std::string>& values,
                      const std::vector<std::string>& words, const std::string& help,
                      const std::string& placeholder) {
  auto& declared = declare(names, help, placeholder, Offer::nothing);
  declared.words = words;
  declared.repeatable = true;
  declared.assign = [&values, words, name = declared.name()](const auto& given) {
    for (const auto& one : given)
      word_of(name, one, words);
    values = given;
  };
}

void Options::positional(const std::string& name, std::string& value, const std::string& help,
                         Offer offer) {
  text(name, value, help, name, offer);
  required();
}

void Options::optional_positional(const std::string& name, std::optional<std::string>& value,
                                  const std::string& help, Offer offer) {
  text(name, value, help, name, offer);
}

void Options::positionals(const std::string& name, std::vector<std::string>& values,
                          const std::string& help, Offer offer) {
  texts(name, values, help, name, offer);
  declared_->back().option->allow_extra_args();
}

}  // namespace nvmigrate::cli
