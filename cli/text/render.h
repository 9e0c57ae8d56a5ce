// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "cli/command.h"
#include "cli/parser/configuration.h"

namespace nvmigrate::cli {

/// `nvmigrate.<command>/1`, blanks of the command's name as dashes.
std::string schema_name(const std::string& command);

/// Prints what a command has to say. \throws OsError when it cannot be written
void print(Environment& environment, const Globals& globals, const std::string& command,
           const Outcome& outcome);
/// Prints text on standard output. \throws OsError
void print_text(Environment& environment, const std::string& text);
/// What is printed about an error beside its own message.
struct Help {
  std::vector<std::vector<std::string>> meant{};  ///< command lines, instead of the one that failed
  std::vector<Setting> settings{};                ///< that it mentions
};
/// Prints an error on standard error; a failure to do so is ignored.
void print_error(Environment& environment, bool json, const Error& error,
                 const Help& help = {}) noexcept;

}  // namespace nvmigrate::cli
