// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cli/command.h"

namespace nvmigrate::cli {

/// What of a command line is asked for before any command: help or the version.
struct Asked {
  bool help = false;
  bool version = false;
};

/// The options of one command together with those that every command has.
class CommandLine {
 public:
  CommandLine();
  CommandLine(const CommandLine&) = delete;
  CommandLine& operator=(const CommandLine&) = delete;
  ~CommandLine();

  /// Where the command declares its own.
  [[nodiscard]] Options options();
  [[nodiscard]] const std::vector<Declared>& declared() const noexcept { return declared_; }
  /// The option of that name, "-f" or "--file". \return nullptr when there is none
  [[nodiscard]] const Declared* find(std::string_view name) const noexcept;
  /// Whether the value of an option word is the next word: `-f` of `-f FILE`, not `--file=FILE`.
  /// \throws usage_error when there is no such option
  [[nodiscard]] bool wants_next(std::string_view word) const;

  /// Stores every value where it belongs. When help or the version is asked for, nothing else is
  /// checked. \throws usage_error
  Asked parse(const std::vector<std::string>& words);

  [[nodiscard]] const Globals& globals() const noexcept { return globals_; }

 private:
  void declare_globals();
  /// Nothing for an option that is not known.
  [[nodiscard]] std::optional<bool> value_follows(std::string_view word) const;
  void refuse_missing_values(const std::vector<std::string>& words) const;
  [[nodiscard]] bool given(const Declared& declared) const;
  void take(const Declared& declared) const;

  std::unique_ptr<CLI::App> app_;
  std::vector<Declared> declared_;
  Globals globals_;
  Asked asked_;
  std::string output_ = "normal";
  std::optional<std::uint64_t> timeout_, wait_;
};

/// A row of the table found on a command line, and what is left for it.
struct Located {
  const Command* command = nullptr;  ///< nullptr: the words name none
  std::string name;                  ///< with the names above it: `sim guest start`
  std::vector<std::string> rest;     ///< everything but the words of the name
};

/// Finds the command; options that every command has may stand before it.
/// \throws usage_error for an unknown command, or an unknown option before it
Located locate(const std::vector<std::string>& words);
/// The row of that name, or nullptr.
const Command* find_command(std::span<const Command> among, std::string_view name) noexcept;

/// Whether a command line asks for JSON, told even from one that is wrong otherwise.
bool asks_json(const std::vector<std::string>& words) noexcept;

}  // namespace nvmigrate::cli
