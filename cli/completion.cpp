// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/completion.h"

#include <algorithm>

namespace nvmigrate::cli {
namespace {

using Words = std::vector<std::string>;

bool is_option(const std::string& word) { return word.size() > 1 && word.front() == '-'; }

Words names_of(std::span<const Command> rows) {
  Words names;
  for (const auto& row : rows) {
    if (!row.name.starts_with("__")) names.emplace_back(row.name);
  }
  return names;
}

Words option_names(const CommandLine& line) {
  Words names;
  for (const auto& declared : line.declared()) {
    if (!declared.positional) names.push_back(declared.name());
  }
  return names;
}

/// The option whose value the next word is.
const Declared* awaiting(const CommandLine& line, const std::string& word) {
  return is_option(word) && line.wants_next(word) ? line.find(word) : nullptr;
}

/// The positional that is the next to be given.
const Declared* positional_at(const CommandLine& line, std::size_t place) {
  for (const auto& declared : line.declared()) {
    if (!declared.positional) continue;
    if (place == 0 || declared.repeatable) return &declared;
    --place;
  }
  return nullptr;
}

Place place_of(const CommandLine& line, const Words& before) {
  Place place;
  std::size_t positionals = 0;
  for (const auto& word : before) {
    if (place.only_value) {
      place.only_value = false;
    } else if (is_option(word)) {
      place.value = awaiting(line, word);
      place.only_value = place.value != nullptr;
    } else {
      const auto* declared = positional_at(line, positionals++);
      if (declared != nullptr && declared->offer == Offer::device) place.device = word;
    }
  }
  if (!place.only_value) place.value = positional_at(line, positionals);
  return place;
}

Words values_of(Context& context, const Place& place, const std::string& typed) {
  if (place.value == nullptr) return {};
  if (!place.value->words.empty()) return place.value->words;
  return offered(context, place.value->offer, place.device, typed);
}

bool takes_several(const Place& place) {
  return place.value != nullptr && is_of_functions(place.value->offer);
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

Words values(Context& context, const Place& place, const std::string& typed) {
  const auto comma = takes_several(place) ? typed.rfind(',') : std::string::npos;
  const auto from = comma == std::string::npos ? 0 : comma + 1;
  const auto last = typed.substr(from);
  return beginning(values_of(context, place, last), last, typed.substr(0, from));
}

Words of_command(Context& context, const Located& located, const std::string& typed) {
  CommandLine line;
  auto options = line.options();
  const auto runner = located.command->declare(options);
  auto place = place_of(line, located.rest);
  if (place.only_value || !typed.starts_with('-') || typed == "-") {
    auto found = values(context, place, typed);
    if (typed != "-" || !found.empty()) return found;
  }
  const auto equals = typed.find('=');
  if (equals == std::string::npos) return beginning(option_names(line), typed);
  place.value = line.find(typed.substr(0, equals));
  const auto value = typed.substr(equals + 1);
  return beginning(values_of(context, place, value), value, typed.substr(0, equals + 1));
}

Words of_groups(const Located& located, const std::string& typed) {
  const CommandLine globals;
  if (!located.rest.empty()) {
    if (const auto* option = awaiting(globals, located.rest.back())) {
      return beginning(option->words, typed);
    }
  }
  if (typed.starts_with('-')) return beginning(option_names(globals), typed);
  return beginning(names_of(located.command == nullptr ? commands() : located.command->subcommands),
                   typed);
}

}  // namespace

std::vector<std::string> completions(Context& context, const std::vector<std::string>& words) {
  if (words.empty()) return {};
  try {
    const auto& typed = words.back();
    const auto located = locate({words.begin(), words.end() - 1});
    if (located.command == nullptr || located.command->declare == nullptr) {
      return of_groups(located, typed);
    }
    return of_command(context, located, typed);
  } catch (const Error&) {
    return {};
  }
}

}  // namespace nvmigrate::cli
