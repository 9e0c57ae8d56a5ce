// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "cli/command.h"
#include "cli/parser/configuration.h"

namespace nvmigrate::cli {

/// What a command line asks for: the command that it names, or to be told of it.
enum class Asked { command, help, version };

/// The tree of commands as CLI11 parses it, and what one line of words stored in it. A command
/// declares its options when its name comes up, so that only those of the line are declared.
class CommandLine {
 public:
  explicit CommandLine(std::span<const Command> rows = commands());
  CommandLine(const CommandLine&) = delete;
  CommandLine& operator=(const CommandLine&) = delete;
  ~CommandLine();

  /// Stores every value where it belongs; once. When help or the version is asked for, nothing else
  /// is checked, and no settings are read. \throws usage_error
  /// \param settings of what the words leave out; may be empty
  Asked parse(const std::vector<std::string>& words, const Configuration& settings = {});

  // After parsing, also when that failed:

  /// The command that the words name, with the names above it: `sim guest start`.
  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  /// Its row; nullptr when no word names one.
  [[nodiscard]] const Command* command() const noexcept { return command_; }
  /// Its part of the tree: the options, and the commands below it. Of no command, the whole tree.
  [[nodiscard]] const CLI::App& app() const;
  /// The options that every command has.
  [[nodiscard]] const CLI::App& root() const noexcept { return *root_; }
  /// What is said by the file of the configuration alone.
  [[nodiscard]] const CLI::App& file_only() const noexcept { return *file_only_; }
  /// What we store about an option in addition to CLI11.
  [[nodiscard]] const Declarations::Value& value_of(const CLI::Option& option) const;
  /// Whether JSON is asked for.
  [[nodiscard]] bool asks_json() const;
  /// What `--help` prints. \param width of a line, in columns
  [[nodiscard]] std::string help(std::size_t width = 79) const;

  // After parsing without failure:

  [[nodiscard]] const Runner& runner() const noexcept { return runner_; }
  [[nodiscard]] const Globals& globals() const noexcept { return globals_; }
  /// The settings that were taken for what the words leave out.
  [[nodiscard]] std::vector<Setting> settings() const;
  /// The controlling functions that the command opens.
  [[nodiscard]] std::vector<std::string> devices() const;
  /// The words that name its controlled functions, to be changed before it runs; nullptr: it has
  /// none.
  [[nodiscard]] std::string* functions() const noexcept { return declared_.functions; }
  /// The backend that it names, or empty.
  [[nodiscard]] const std::string& backend() const noexcept { return declared_.backend; }
  /// Whether a command that changes something only looks this time, as in a dry run.
  [[nodiscard]] bool only_reads() const noexcept;

 private:
  void declare_globals();
  void try_to_configure(const Configuration& settings);
  void configure(const Configuration& given);
  void try_out(const std::vector<Setting>& settings) const;
  bool set(const Setting& setting);
  [[nodiscard]] CLI::App* entered() const;
  [[nodiscard]] CLI::Option& option_of(const Setting& setting);
  [[nodiscard]] bool is_given(const CLI::Option& option) const;
  [[nodiscard]] std::set<std::string> settings_not_taken() const;
  void add(CLI::App& parent, std::span<const Command> rows);
  void enter(CLI::App& app, const Command& row);
  void read(const std::vector<std::string>& words);
  void refuse_extras() const;
  void require_alternative() const;
  [[nodiscard]] Error extra(const std::string& word) const;
  [[nodiscard]] Error missing() const;
  [[nodiscard]] Error mismatch() const;
  [[nodiscard]] Asked asked() const;

  std::span<const Command> rows_;
  std::unique_ptr<CLI::App> root_;
  std::unique_ptr<CLI::App> file_only_;  ///< holds what no command line may say
  std::map<const CLI::Option*, Setting> set_;
  Declarations declared_;
  std::string name_;
  const Command* command_ = nullptr;
  Runner runner_;
  Globals globals_;
  bool help_ = false, version_ = false;
  std::string output_ = "normal";
  std::optional<std::uint64_t> timeout_, wait_;
};

/// The options of a command, positionals first.
std::vector<const CLI::Option*> options_of(const CLI::App& app);
/// Those of which one must be given.
std::vector<const CLI::Option*> alternatives_of(const CLI::App& app);
/// The commands below one.
std::vector<const CLI::App*> commands_of(const CLI::App& app);
/// The names of those that help shows.
std::vector<std::string> command_names(const CLI::App& app);

}  // namespace nvmigrate::cli
