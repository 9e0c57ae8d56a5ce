// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/parser/suggestions.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>
#include <filesystem>
#include <numeric>
#include <sstream>

#include "cli/parser/command_line.h"
#include "cli/parser/help.h"
#include "nvmigrate/base/numbers.h"
#include "nvmigrate/ports/nvme_class.h"

namespace nvmigrate::cli {
namespace {

using Words = std::vector<std::string>;

/// How many letters to change, add, leave out or exchange with the next to make one of the other.
std::size_t distance(std::string_view one, std::string_view other) {
  std::vector<std::size_t> before(other.size() + 1), last(before), row(before);
  std::iota(last.begin(), last.end(), 0U);
  for (std::size_t i = 1; i <= one.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= other.size(); ++j) {
      const auto changed = last[j - 1] + (one[i - 1] == other[j - 1] ? 0U : 1U);
      row[j] = std::min({changed, last[j] + 1, row[j - 1] + 1});
      const bool exchanged =
          i > 1 && j > 1 && one[i - 1] == other[j - 2] && one[i - 2] == other[j - 1];
      if (exchanged) row[j] = std::min(row[j], before[j - 2] + 1);
    }
    before.swap(last);
    last.swap(row);
  }
  return last.back();
}

std::string digits_of(std::string word) {
  std::erase_if(word, [](unsigned char letter) { return std::isdigit(letter) == 0; });
  return word;
}

/// `3`, `0x3`, `vf2`, `1-4`
bool is_one_or_range(const std::string& word) {
  const auto dash = word.find('-');
  if (dash != std::string::npos) {
    return parse_number(word.substr(0, dash)) && parse_number(word.substr(dash + 1));
  }
  return parse_number(word.substr(word.starts_with("vf") ? 2 : 0)).has_value();
}

/// `1-4,7`, `all`
bool names_functions(const std::string& word) {
  std::istringstream pieces(word);
  bool all = !word.empty() && word.back() != ',';
  for (std::string piece; std::getline(pieces, piece, ',');)
    all = all && is_one_or_range(piece);
  return all || word == "all";
}

bool names_several(const std::string& word) {
  return word == "all" || (names_functions(word) && word.find_first_of(",-") != std::string::npos);
}

bool names_device(const std::string& word, const Words& devices) {
  const auto known = std::find(devices.begin(), devices.end(), word) != devices.end();
  return known || word.starts_with("sim:") || word.starts_with("/dev/nvme") ||
         controller_number(word).has_value() || word.starts_with("ssh://");
}

/// `sim:lab` and `/dev/nvme0` without what all of them begin with.
std::string bare(const std::string& device) {
  return device.substr(device.starts_with("sim:") ? 4 : device.starts_with("/dev/") ? 5 : 0);
}

/// A device of another number is another device, and never a spelling of this one.
Words devices_like(Context& context, const std::string& word, const Words& devices) {
  auto like = controllers_of_namespace(Sysfs(context.io(), Sysroot{}), word);
  for (const auto& device : devices) {
    const bool near = device != word && digits_of(device) == digits_of(word);
    if (near && !near_misses({bare(device)}, bare(word)).empty()) like.push_back(device);
  }
  return like;
}

/// `v2`, `fv2` and `VF2` are vf2.
Words functions_like(const std::string& word) {
  const auto number = word.find_first_of("0123456789");
  if (number == 0 || number == std::string::npos || number > 3) return {};
  auto letters = word.substr(0, number);
  std::transform(letters.begin(), letters.end(), letters.begin(),
                 [](unsigned char letter) { return std::tolower(letter); });
  const auto digits = word.substr(number);
  const bool near = distance(letters, "vf") <= 1 && "vf" + digits != word;
  return near && parse_number(digits) ? Words{"vf" + digits} : Words{};
}

bool is_function_list(Completes completes) {
  return completes >= Completes::functions && completes <= Completes::unbound_functions;
}

/// What a command takes as a word of its own: an argument, or the value of an option that is
/// missing.
struct Slot {
  const CLI::Option* option;
  Completes completes;
  [[nodiscard]] bool named() const { return !option->get_positional(); }
};

/// The words that could stand at a place instead of one; the same word where it fits.
class Readings {
 public:
  Readings(Context& context, std::string command)
      : context_(&context), command_(std::move(command)) {
    std::vector<Error> failures;
    devices_ = context.workspace().all_devices(&failures);
  }

  [[nodiscard]] Words of(const Slot& place, const std::string& word) const {
    if (place.completes == Completes::device) return devices(word);
    if (is_function_list(place.completes)) return functions(word);
    if (place.option->get_type_name() == "N") return parse_number(word) ? Words{word} : Words{};
    return is_known(word) ? Words{} : Words{word};
  }

 private:
  [[nodiscard]] bool is_known(const std::string& word) const {
    return std::find(devices_.begin(), devices_.end(), word) != devices_.end();
  }

  [[nodiscard]] Words devices(const std::string& word) const {
    const bool takes_names = command_.starts_with("sim ") && !command_.starts_with("sim guest ");
    if (is_known(word) || (takes_names && is_known("sim:" + word))) return {word};
    auto like = devices_like(*context_, word, devices_);
    if (like.empty() && names_device(word, devices_)) like = {word};
    return like;
  }

  [[nodiscard]] Words functions(const std::string& word) const {
    if (names_functions(word)) return {word};
    return is_known(word) ? Words{} : functions_like(word);
  }

  Context* context_;
  std::string command_;
  Words devices_;
};

/// A line that failed, and those that may have been meant: every argument where it belongs.
class Line {
 public:
  Line(const CommandLine& line, const Words& words, const Readings& readings)
      : line_(&line), readings_(&readings), all_(words), rest_(words) {
    for (const auto* option : options_of(line.app())) {
      const Slot place{option, line.value_of(*option).completes};
      if (option->get_positional()) {
        take(option->results());
        const bool several = option->get_items_expected_max() > 1;
        places_.insert(places_.end(), several ? words.size() : 1, place);
      } else if (place.completes == Completes::device && option->count() > 0) {
        read_values(place);
      } else if (place.completes == Completes::device || option->get_required()) {
        if (option->count() == 0) places_.push_back(place);
      }
    }
    take(line.root().remaining());
    add_alternative();
  }

  /// Every argument where it belongs; nothing: the words do not fit.
  [[nodiscard]] std::vector<Words> meant() const {
    auto filled = as_they_stand();
    if (filled.empty()) filled = sorted();
    if (auto line = with_folder(); !line.empty()) return {line};
    return arguments_.empty() || !filled.empty() ? written(filled) : std::vector<Words>{};
  }

 private:
  /// Of each place the words that may stand there.
  using Filled = std::vector<std::pair<Slot, Words>>;

  void add_alternative() {
    const auto choice = alternatives_of(line_->app());
    const auto given = [](const CLI::Option* option) { return option->count() > 0; };
    if (choice.empty() || std::any_of(choice.begin(), choice.end(), given)) return;
    // A file is for one function, and a folder for several.
    const bool several = std::any_of(arguments_.begin(), arguments_.end(), names_several);
    const auto* option = several ? choice.back() : choice.front();
    places_.push_back({option, line_->value_of(*option).completes});
  }

  /// Moves words from the line to the arguments.
  void take(const Words& arguments) {
    for (const auto& word : arguments) {
      const auto found = std::find(rest_.rbegin(), rest_.rend(), word);  // names come first
      if (found == rest_.rend()) continue;
      arguments_.push_back(word);
      rest_.erase(std::next(found).base());
    }
  }

  /// `--dir FOLDER` in place of `-f FILE` where several functions are named.
  [[nodiscard]] Words with_folder() const {
    const auto choice = alternatives_of(line_->app());
    if (choice.empty() || choice.front()->count() == 0) return {};
    if (std::none_of(arguments_.begin(), arguments_.end(), names_several)) return {};
    auto line = all_;
    const auto names = names_of(*choice.front());
    const auto option = std::find_first_of(line.begin(), line.end(), names.begin(), names.end());
    if (option == line.end() || std::next(option) == line.end()) return {};
    const std::filesystem::path given = *std::next(option);
    const auto folder = is_directory(given) ? given : given.parent_path();
    *option = names_of(*choice.back()).back();
    *std::next(option) = folder.empty() ? "." : folder.string();
    return line;
  }

  [[nodiscard]] Filled as_they_stand() const {
    Filled filled;
    auto place = places_.begin();
    for (const auto& word : arguments_) {
      if (place == places_.end() || place->named()) return {};
      filled.emplace_back(*place, readings_->of(*place, word));
      if (filled.back().second.empty()) return {};
      ++place;
    }
    return filled;
  }

  /// Each place gets the first word that fits, devices before functions, and these before the rest.
  [[nodiscard]] Filled sorted() const {
    Filled filled;
    for (const auto& place : places_)
      filled.emplace_back(place, Words{});
    auto left = arguments_;
    for (const auto pass : {0, 1, 2}) {
      for (auto& [place, words] : filled) {
        if (pass_of(place) == pass) words = first_that_fits(place, left);
      }
    }
    if (!left.empty()) return {};
    std::erase_if(filled, [](const auto& one) { return one.second.empty(); });
    return filled;
  }

  /// Takes it from the words that are left.
  Words first_that_fits(const Slot& place, Words& left) const {
    for (auto word = left.begin(); word != left.end(); ++word) {
      auto found = readings_->of(place, *word);
      if (found.empty()) continue;
      left.erase(word);
      return found;
    }
    return {};
  }

  static int pass_of(const Slot& place) {
    if (place.completes == Completes::device) return 0;
    return is_function_list(place.completes) ? 1 : 2;
  }

  /// The arguments behind the name of the command, and what is left of the line behind them.
  [[nodiscard]] std::vector<Words> written(const Filled& filled) const {
    const auto name = behind_name();
    std::vector<Words> lines{{rest_.begin(), name}};
    for (const auto named : {false, true}) {
      for (const auto& [place, readings] : filled) {
        if (place.named() != named) continue;
        std::vector<Words> longer;
        for (const auto& line : lines) {
          for (const auto& word : readings) {
            longer.push_back(line);
            if (named) longer.back().push_back(names_of(*place.option).front());
            longer.back().push_back(word);
          }
        }
        lines = std::move(longer);
      }
    }
    for (auto& line : lines)
      line.insert(line.end(), name, rest_.end());
    return lines;
  }

  [[nodiscard]] Words::const_iterator behind_name() const {
    std::istringstream names(line_->name());
    auto at = rest_.begin();
    for (std::string name; names >> name && at != rest_.end();) {
      at = std::find(at, rest_.end(), name);
      if (at != rest_.end()) ++at;
    }
    return at;
  }

  /// A value of an option that names no device, but nearly one.
  void read_values(const Slot& place) {
    for (const auto& value : place.option->results()) {
      const auto found = std::find(rest_.begin(), rest_.end(), value);
      const auto readings = readings_->of(place, value);
      if (found != rest_.end() && readings.size() == 1) *found = readings.front();
    }
  }

  const CommandLine* line_;
  const Readings* readings_;
  Words all_, rest_, arguments_;  ///< the line; its options and command; its arguments
  std::vector<Slot> places_;
};

/// Whether a line that is suggested has all that it needs.
bool parses(const Environment& environment, const Words& words) {
  try {
    CommandLine line;
    line.parse(words, configuration_of(environment));
    return true;
  } catch (const Error&) {
    return false;
  }
}

}  // namespace

Words near_misses(const Words& names, const std::string& word) {
  Words near;
  std::copy_if(names.begin(), names.end(), std::back_inserter(near), [&](const auto& name) {
    return name.starts_with(word) || distance(name, word) <= word.size() / 3;
  });
  return near;
}

std::string guess(const Words& names, const std::string& word) {
  std::string text;
  for (const auto& name : near_misses(names, word))
    text += (text.empty() ? "; did you mean " : " or ") + name;
  return text.empty() ? text : text + '?';
}

std::vector<Words> meant_instead(Context& context, const CommandLine& line, const Words& words,
                                 const Error& error) {
  const bool may_be =
      error.status() == ExitStatus::usage || error.status() == ExitStatus::not_found;
  if (!may_be || line.command() == nullptr) return {};
  try {
    const Readings readings(context, line.name());
    auto lines = Line(line, words, readings).meant();
    std::erase_if(lines, [&](const Words& one) {
      return one == words || !parses(context.environment(), one);
    });
    for (auto& one : lines)
      one.insert(one.begin(), "nvmigrate");
    return lines;
  } catch (const std::exception&) {  // then there is nothing to suggest
    return {};
  }
}

}  // namespace nvmigrate::cli
