// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace nvmigrate::cli {

/// What the completion puts in place of a value.
enum class Completes {
  nothing,
  device,
  functions,
  running_functions,    ///< online and not suspended
  suspended_functions,  ///< as the journal has it
  exported_functions,   ///< likewise
  marked_functions,
  unmarked_functions,
  bound_functions,
  unbound_functions,  ///< on the PCI bus
  namespaces,
  vendor_formats,   ///< of the state, as the device knows them
  format_versions,  ///< likewise
  vfio_drivers,     ///< that claim the functions
  owner,            ///< USER[:GROUP]
  command,
  state_file,
  profile,
  folder
};

/// The group of the options of which one must be given. It is a heading only: CLI11's option groups
/// take an empty word for their name, and never end.
constexpr const char* alternatives = "Alternatives";

/// Words in a row, with a text between them.
std::string joined(const std::vector<std::string>& words, const std::string& between);

/// What a command line stores about its options in addition to CLI11, which knows names, help,
/// types, requirements and values.
struct Declarations {
  struct Value {
    Completes completes = Completes::nothing;
    std::vector<std::string> words{};  ///< of a choice
    bool listed = false;               ///< several at once, with commas between them
  };

  std::map<const CLI::Option*, Value> values;
  std::string* functions = nullptr;         ///< IDS
  std::vector<const std::string*> devices;  ///< the controlling functions that are opened
  const bool* dry_run = nullptr;            ///< given: the command only reads
  std::string backend{};                    ///< NAME of --backend; empty: not given
  const bool* changes = nullptr;            ///< not given: the command only reads
  std::vector<std::string> line;            ///< the words that are parsed
};

/// Declares the options of a command in its CLI::App. There is no other declaration: help, the man
/// pages' OPTIONS and the completion come from it. CLI11 checks the values and stores them where
/// the references point. Names as CLI11 takes them: "-f,--file". Keeps CLI11 out of the commands'
/// translation units.
class Options {
 public:
  Options(CLI::App& app, Declarations& declared) : app_(&app), declared_(&declared) {}

  void flag(const std::string& names, bool& value, const std::string& help);
  /// A flag that counts how often it was given.
  void count(const std::string& names, int& value, const std::string& help);
  void text(const std::string& names, std::string& value, const std::string& help,
            const std::string& placeholder, Completes completes = Completes::nothing);
  void text(const std::string& names, std::optional<std::string>& value, const std::string& help,
            const std::string& placeholder, Completes completes = Completes::nothing);
  /// May be given several times.
  void texts(const std::string& names, std::vector<std::string>& values, const std::string& help,
             const std::string& placeholder, Completes completes = Completes::nothing);
  /// A number, decimal or 0x, range-checked.
  void number(const std::string& names, std::optional<std::uint64_t>& value,
              const std::string& help, std::uint64_t from, std::uint64_t to,
              const std::string& placeholder = "N", Completes completes = Completes::nothing);
  /// A size in bytes with an optional K, M, G or T.
  void size(const std::string& names, std::optional<std::uint64_t>& value, const std::string& help);
  /// One of a few words; `value` holds the default.
  void choice(const std::string& names, std::string& value, const std::vector<std::string>& words,
              const std::string& help);
  /// Some of a few words, each given by itself.
  void choices(const std::string& names, std::vector<std::string>& values,
               const std::vector<std::string>& words, const std::string& help,
               const std::string& placeholder);
  /// Some of a few words in one value, with commas between them.
  void list(const std::string& names, std::vector<std::string>& values,
            const std::vector<std::string>& words, const std::string& help,
            const std::string& placeholder);
  /// A flag that may have a number behind `=`. \param standard without one
  void flag_with_number(const std::string& names, std::optional<std::uint64_t>& value,
                        std::uint64_t standard, std::uint64_t from, std::uint64_t to,
                        const std::string& help, const std::string& placeholder);
  /// A required positional; its name in capitals: DEVICE, ID, FILE.
  void positional(const std::string& name, std::string& value, const std::string& help,
                  Completes completes = Completes::nothing);
  void optional_positional(const std::string& name, std::optional<std::string>& value,
                           const std::string& help, Completes completes = Completes::nothing);
  void positionals(const std::string& name, std::vector<std::string>& values,
                   const std::string& help,
                   Completes completes = Completes::nothing);  ///< none or more

  /// A required positional: the controlling function that the command opens.
  void device(const std::string& name, std::string& value, const std::string& help,
              Completes completes = Completes::device);
  /// The required positional IDS: words that mean controlled functions, as select() takes them, or
  /// `-`, which reads them from standard input before the command runs.
  void functions(std::string& value, Completes completes, const std::string& name = "IDS");
  /// The flag --dry-run; with it the command only reads.
  void dry_run(bool& value);
  /// --backend NAME: the backend of the sessions that the command opens.
  void backend();
  /// Without this flag, declared before, the command only reads.
  void changes_when(bool& flag) { declared_->changes = &flag; }

  /// The last option declared must be given.
  void required();
  /// It may also be set in nvmigrate.conf: in the section of its command; of an option that every
  /// command has, before all sections, and by a variable of the environment as well.
  void setting();
  /// Of the options marked so, exactly one must be given.
  void alternative();

 private:
  /// What is wrong with a value, or an empty string; may rewrite the value before it is stored.
  using Rule = std::function<std::string(std::string&)>;

  void declare(CLI::Option* option, const std::string& placeholder,
               Completes completes = Completes::nothing);
  void declare_flag(CLI::Option* option);
  /// Checks every value of the last option declared.
  void check(const Rule& rule);

  CLI::App* app_;
  Declarations* declared_;
  CLI::Option* last_ = nullptr;
};

}  // namespace nvmigrate::cli
