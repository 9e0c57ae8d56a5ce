// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "cli/command.h"

namespace nvmigrate::cli {

/// `nvmigrate.<command>/1`, blanks of the command's name as dashes.
std::string schema_name(const std::string& command);

/// Prints what a command has to say. \throws OsError when it cannot be written
void print(Environment& environment, const Globals& globals, const std::string& command,
           const Outcome& outcome);
/// Prints text on standard output. \throws OsError
void print_text(Environment& environment, const std::string& text);
/// Prints an error on standard error; a failure to do so is ignored.
/// \param meant command lines that may have been meant instead
void print_error(Environment& environment, bool json, const Error& error,
                 const std::vector<std::vector<std::string>>& meant = {}) noexcept;

}  // namespace nvmigrate::cli
