// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/command_line.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <numeric>
#include <utility>

namespace nvmigrate::cli {
namespace {

constexpr std::uint64_t longest = 7UL * 24 * 3600;  ///< seconds

bool is_option(std::string_view word) { return word.size() > 1 && word.front() == '-'; }

std::chrono::milliseconds seconds(std::uint64_t count) {
  return std::chrono::seconds{static_cast<std::int64_t>(count)};
}

/// In the tool's own words; CLI11 says "--file: 1 required TEXT missing".
Error in_our_words(const CLI::ParseError& failure) {
  const std::string text = failure.what();
  std::string name = text.substr(0, text.find_first_of(": "));
  if (!name.starts_with('-')) name.insert(0, name.size() == 1 ? "-" : "--");
  if (text.find("flag override") != std::string::npos) {
    return usage_error(name + " takes no value");
  }
  return usage_error(name + " needs a value");
}

void refuse_extras(std::vector<std::string> extras) {
  // CLI11 leaves the mark that ends the options with what it could not place.
  if (const auto mark = std::find(extras.begin(), extras.end(), "--"); mark != extras.end()) {
    extras.erase(mark);
  }
  if (extras.empty()) return;
  const auto option = std::find_if(extras.begin(), extras.end(), is_option);
  if (option != extras.end()) throw usage_error("unknown option '" + *option + "'");
  throw usage_error("unexpected argument '" + extras.front() + "'");
}

/// What a word gives to -o: `-o`, `-qojson`, `--output-format=json`. Empty: the next word is it.
std::optional<std::string_view> output_format_in(std::string_view word) {
  constexpr std::string_view name = "--output-format", short_flags = "vqh";
  if (word == name) return "";
  if (word.starts_with("--")) {
    const bool ours = word.starts_with(name) && word[name.size()] == '=';
    return ours ? std::optional(word.substr(name.size() + 1)) : std::nullopt;
  }
  const auto place = word.find_first_not_of(short_flags, 1);
  if (!word.starts_with('-') || place == std::string_view::npos || word[place] != 'o') {
    return std::nullopt;
  }
  return word.substr(place + 1);
}

std::string names_of(std::span<const Command> rows) {
  std::string names;
  for (const auto& row : rows)
    names += (names.empty() ? "" : ", ") + std::string{row.name};
  return names;
}

/// How many letters to change, add or leave out to make one of the other.
std::size_t distance(std::string_view one, std::string_view other) {
  std::vector<std::size_t> row(other.size() + 1);
  std::iota(row.begin(), row.end(), 0U);
  for (std::size_t i = 1; i <= one.size(); ++i) {
    auto diagonal = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= other.size(); ++j) {
      const auto changed = diagonal + (one[i - 1] == other[j - 1] ? 0U : 1U);
      diagonal = std::exchange(row[j], std::min({changed, row[j] + 1, row[j - 1] + 1}));
    }
  }
  return row.back();
}

/// `; did you mean list?`, or nothing.
std::string guess(std::span<const Command> rows, std::string_view word) {
  std::string names;
  for (const auto& row : rows) {
    const bool near = row.name.starts_with(word) || distance(row.name, word) <= word.size() / 3;
    if (near && !row.name.starts_with("__")) {
      names += (names.empty() ? "; did you mean " : " or ") + std::string{row.name};
    }
  }
  return names + (names.empty() ? "" : "?");
}

const Command& descend(const Located& so_far, const std::string& word) {
  const auto among = so_far.command == nullptr ? commands() : so_far.command->subcommands;
  if (const auto* row = find_command(among, word)) return *row;
  if (so_far.command == nullptr) {
    throw usage_error("unknown command '" + word + "'" + guess(among, word), "nvmigrate --help");
  }
  throw usage_error(
      "unknown command '" + so_far.name + " " + word + "'; there are " + names_of(among),
      "nvmigrate " + so_far.name + " --help");
}

}  // namespace

CommandLine::CommandLine() : app_(std::make_unique<CLI::App>()) {
  app_->set_help_flag();
  app_->allow_extras();
  declare_globals();
}

CommandLine::~CommandLine() = default;

Options CommandLine::options() { return {*app_, declared_}; }

void CommandLine::declare_globals() {
  auto options = this->options();
  options.choice("-o,--output-format", output_, {"normal", "json"},
                 "What to print: text for a reader, or one JSON document");
  options.count("-v,--verbose", globals_.verbosity,
                "Say more; given twice, trace every admin command on standard error");
  options.flag("-q,--quiet", globals_.quiet, "Print no notes and no progress");
  options.number(
      "--timeout", timeout_,
      "Seconds that a reset or a node may take, and a suspend when it is more than its 300", 1,
      longest);
  declared_.back().placeholder = "SECONDS";
  options.number("--wait", wait_,
                 "Seconds to wait for another command that is changing the subsystem (default: 0)",
                 0, longest);
  declared_.back().placeholder = "SECONDS";
  options.flag("-h,--help", asked_.help, "Print help and exit");
  options.flag("--version", asked_.version, "Print the version and exit");
  for (auto& declared : declared_)
    declared.global = true;
}

const Declared* CommandLine::find(std::string_view name) const noexcept {
  const auto found = std::find_if(declared_.begin(), declared_.end(), [&](const Declared& one) {
    return !one.positional &&
           std::find(one.names.begin(), one.names.end(), name) != one.names.end();
  });
  return found == declared_.end() ? nullptr : &*found;
}

std::optional<bool> CommandLine::value_follows(std::string_view word) const {
  if (word.starts_with("--")) {
    const auto equals = word.find('=');
    const auto* declared = find(word.substr(0, equals));
    if (declared == nullptr) return std::nullopt;
    return !declared->placeholder.empty() && equals == std::string_view::npos;
  }
  for (std::size_t place = 1; place < word.size(); ++place) {
    const auto* declared = find(std::string{'-', word[place]});
    if (declared == nullptr) return std::nullopt;
    if (!declared->placeholder.empty()) return place + 1 == word.size();
  }
  return false;
}

bool CommandLine::wants_next(std::string_view word) const {
  if (const auto follows = value_follows(word)) return *follows;
  throw usage_error("unknown option '" + std::string{word} + "'");
}

/// CLI11 takes the next word for the value of `--file=`, and of `-f --dry-run`.
void CommandLine::refuse_missing_values(const std::vector<std::string>& words) const {
  for (auto word = words.begin(); word != words.end() && *word != "--"; ++word) {
    if (!is_option(*word)) continue;
    if (word->starts_with("--") && word->ends_with('=')) {
      throw usage_error(word->substr(0, word->size() - 1) + " needs a value");
    }
    if (!value_follows(*word).value_or(false) || word + 1 == words.end()) continue;
    if (is_option(*(word + 1))) throw usage_error(*word + " needs a value");
    ++word;
  }
}

bool CommandLine::given(const Declared& declared) const { return declared.option->count() > 0; }

void CommandLine::take(const Declared& declared) const {
  if (!declared.repeatable && declared.option->count() > 1) {
    throw usage_error(declared.name() + " was given more than once");
  }
  declared.assign(declared.option->results());
}

Asked CommandLine::parse(const std::vector<std::string>& words) {
  refuse_missing_values(words);
  std::vector<std::string> reversed(words.rbegin(), words.rend());
  try {
    app_->parse(reversed);
  } catch (const CLI::ParseError& failure) {
    throw in_our_words(failure);
  }
  for (const auto& name : {"--help", "--version"}) {
    if (const auto* declared = find(name); given(*declared)) declared->assign({});
  }
  if (asked_.help || asked_.version) return asked_;
  refuse_extras(app_->remaining());
  for (const auto& declared : declared_) {
    if (given(declared)) take(declared);
  }
  for (const auto& declared : declared_) {
    if (declared.required && !given(declared)) throw usage_error(declared.name() + " is missing");
  }
  globals_.output = output_ == "json" ? OutputFormat::json : OutputFormat::normal;
  if (timeout_) globals_.timeout = seconds(*timeout_);
  if (wait_) globals_.wait = seconds(*wait_);
  return asked_;
}

const Command* find_command(std::span<const Command> among, std::string_view name) noexcept {
  const auto found = std::find_if(among.begin(), among.end(),
                                  [&](const Command& row) { return row.name == name; });
  return found == among.end() ? nullptr : &*found;
}

Located locate(const std::vector<std::string>& words) {
  const CommandLine globals;
  Located located;
  const auto complete = [&] {
    return located.command != nullptr && located.command->subcommands.empty();
  };
  for (auto word = words.begin(); word != words.end(); ++word) {
    if (complete() || *word == "--") {
      located.rest.insert(located.rest.end(), word, words.end());
      break;
    }
    if (is_option(*word)) {
      located.rest.push_back(*word);
      if (globals.wants_next(*word) && word + 1 != words.end()) located.rest.push_back(*++word);
      continue;
    }
    located.command = &descend(located, *word);
    located.name += (located.name.empty() ? "" : " ") + *word;
  }
  return located;
}

bool asks_json(const std::vector<std::string>& words) noexcept {
  for (auto word = words.begin(); word != words.end() && *word != "--"; ++word) {
    const auto value = output_format_in(*word);
    if (value == "json") return true;
    const bool next = value == "" && word + 1 != words.end();
    if (next && *(word + 1) == "json") return true;
  }
  return false;
}

}  // namespace nvmigrate::cli
