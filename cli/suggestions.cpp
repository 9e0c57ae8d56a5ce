// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/suggestions.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>
#include <numeric>

#include "cli/command_line.h"
#include "cli/help.h"
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

/// `3`, `0x3`, `1-4,7`, `vf2`, `all`
bool names_functions(const std::string& word) {
  if (word == "all" || parse_list(word, 0xFFFF)) return true;
  return word.starts_with("vf") && parse_number(word.substr(2)).has_value();
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

/// A line that failed, and the one that may have been meant.
class Line {
 public:
  Line(const CommandLine& line, Words words) : words_(std::move(words)) {
    for (const auto* option : options_of(line.app())) {
      if (option->get_positional()) {
        auto& place = line.value_of(*option).completes == Completes::device ? devices_ : others_;
        place.insert(place.end(), option->results().begin(), option->results().end());
      } else if (option->get_required() && option->count() == 0) {
        missing_.push_back(option);
      }
    }
    const auto choice = alternatives_of(line.app());
    const auto given = [](const CLI::Option* option) { return option->count() > 0; };
    if (!choice.empty() && std::none_of(choice.begin(), choice.end(), given)) {
      missing_.push_back(choice.front());
    }
    extras_ = line.root().remaining();
  }

  [[nodiscard]] const Words& devices() const noexcept { return devices_; }
  [[nodiscard]] const Words& others() const noexcept { return others_; }

  /// The line with one of its words replaced; without it when the word is there twice.
  [[nodiscard]] std::vector<Words> with(const std::string& word, const Words& instead) const {
    std::vector<Words> lines;
    for (const auto& each : instead) {
      if (std::count(words_.begin(), words_.end(), word) != 1) break;
      lines.push_back(words_);
      std::replace(lines.back().begin(), lines.back().end(), word, each);
    }
    return lines;
  }

  /// The line with its arguments in their order, and with the option that a value lacks.
  [[nodiscard]] std::vector<Words> mended(const Words& devices) {
    const bool exchanged = exchange(devices);
    const bool named = name_value();
    return std::vector<Words>(exchanged || named ? 1 : 0, words_);
  }

 private:
  /// One word that names functions, and one that names a device.
  bool exchange(const Words& known) {
    const auto wrong = std::find_if(devices_.begin(), devices_.end(), [&](const auto& word) {
      return names_functions(word) && !names_device(word, known);
    });
    if (wrong == devices_.end()) return false;
    for (auto* place : {&others_, &extras_}) {
      for (auto& word : *place) {
        if (!names_device(word, known)) continue;
        std::iter_swap(std::find(words_.begin(), words_.end(), word),
                       std::find(words_.begin(), words_.end(), *wrong));
        std::swap(word, *wrong);
        return true;
      }
    }
    return false;
  }

  bool name_value() {
    if (missing_.size() != 1 || extras_.size() != 1) return false;
    const auto& option = *missing_.front();
    if (option.get_type_name() == "N" && !parse_number(extras_.front())) return false;
    const auto place = std::find(words_.begin(), words_.end(), extras_.front());
    if (place == words_.end()) return false;
    words_.insert(place, names_of(option).front());
    return true;
  }

  Words words_, devices_, others_, extras_;
  std::vector<const CLI::Option*> missing_;
};

std::vector<Words> meant(Context& context, Line line) {
  std::vector<Error> failures;
  const auto devices = context.workspace().all_devices(&failures);
  const auto is_known = [&](const std::string& word) {
    return std::find(devices.begin(), devices.end(), word) != devices.end();
  };
  const auto& command = context.command();
  const bool takes_names = command.starts_with("sim ") && !command.starts_with("sim guest ");
  if (auto mended = line.mended(devices); !mended.empty()) return mended;
  for (const auto& word : line.devices()) {
    if (is_known(word) || (takes_names && is_known("sim:" + word))) continue;
    if (auto lines = line.with(word, devices_like(context, word, devices)); !lines.empty())
      return lines;
  }
  for (const auto& word : line.others()) {
    if (auto lines = line.with(word, functions_like(word)); !lines.empty()) return lines;
  }
  return {};
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
    auto lines = meant(context, Line(line, words));
    for (auto& one : lines)
      one.insert(one.begin(), "nvmigrate");
    return lines;
  } catch (const std::exception&) {  // then there is nothing to suggest
    return {};
  }
}

}  // namespace nvmigrate::cli
