// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace nvmigrate::cli {

/// What the completion offers for a value.
enum class Offer {
  nothing,
  device,
  functions,
  running_functions,    ///< online and not suspended
  suspended_functions,  ///< as the journal has it
  marked_functions,
  unmarked_functions,
  bound_functions,
  unbound_functions,  ///< on the PCI bus
  state_file,
  folder
};

/// An option or positional as it was declared: what help, manual pages and completion are made of.
struct Declared {
  CLI::Option* option = nullptr;
  std::vector<std::string> names;  ///< "-f", "--file"; of a positional its one name
  std::string placeholder;         ///< what stands for the value; empty: a flag
  std::string help;
  std::vector<std::string> words;  ///< of a choice
  Offer offer = Offer::nothing;
  bool positional = false;
  bool repeatable = false;
  bool required = false;
  bool alternative = false;  ///< one of those so marked is wanted, for usage
  bool global = false;       ///< every command has it
  /// Stores the values that were given. \throws usage_error
  std::function<void(const std::vector<std::string>&)> assign;

  /// The longest name, for messages.
  [[nodiscard]] const std::string& name() const noexcept { return names.back(); }
};

/// A command's options while it declares them, over CLI11: the only declaration there is; help, the
/// man pages' OPTIONS and the completion come from it. Values are stored where the references point
/// when the command line has been parsed. Names as CLI11 takes them: "-f,--file".
/// Keeps CLI11 out of the commands' translation units.
class Options {
 public:
  Options(CLI::App& app, std::vector<Declared>& declared) : app_(&app), declared_(&declared) {}

  void flag(const std::string& names, bool& value, const std::string& help);
  /// A flag that counts how often it was given.
  void count(const std::string& names, int& value, const std::string& help);
  void text(const std::string& names, std::string& value, const std::string& help,
            const std::string& placeholder, Offer offer = Offer::nothing);
  void text(const std::string& names, std::optional<std::string>& value, const std::string& help,
            const std::string& placeholder, Offer offer = Offer::nothing);
  /// May be given several times.
  void texts(const std::string& names, std::vector<std::string>& values, const std::string& help,
             const std::string& placeholder, Offer offer = Offer::nothing);
  /// A number, decimal or 0x, range-checked.
  void number(const std::string& names, std::optional<std::uint64_t>& value,
              const std::string& help, std::uint64_t from, std::uint64_t to);
  /// A size in bytes with an optional K, M, G or T.
  void size(const std::string& names, std::optional<std::uint64_t>& value, const std::string& help);
  /// One of a few words; `value` holds the default.
  void choice(const std::string& names, std::string& value, const std::vector<std::string>& words,
              const std::string& help);
  /// Some of a few words, each given by itself.
  void choices(const std::string& names, std::vector<std::string>& values,
               const std::vector<std::string>& words, const std::string& help,
               const std::string& placeholder);
  /// A required positional; its name in capitals: DEVICE, ID, FILE.
  void positional(const std::string& name, std::string& value, const std::string& help,
                  Offer offer = Offer::nothing);
  void optional_positional(const std::string& name, std::optional<std::string>& value,
                           const std::string& help, Offer offer = Offer::nothing);
  void positionals(const std::string& name, std::vector<std::string>& values,
                   const std::string& help, Offer offer = Offer::nothing);  ///< none or more

  /// The last option declared must be given.
  void required() { declared_->back().required = true; }
  /// The last option declared is one of several of which the command wants one.
  void alternative() { declared_->back().alternative = true; }

 private:
  Declared& declare(const std::string& names, const std::string& help,
                    const std::string& placeholder, Offer offer);
  Declared& declare_flag(const std::string& names, const std::string& help);

  CLI::App* app_;
  std::vector<Declared>* declared_;
};

}  // namespace nvmigrate::cli
