// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>

#include "cli/command_line.h"

namespace nvmigrate::cli {

/// `nvmigrate --help`: every command under its heading.
std::string help_of_all();
/// `nvmigrate sim --help`: the commands below a row that has some.
std::string help_of_group(const Located& located);
/// `nvmigrate VERB --help`, made of its declarations.
std::string help_of(const Located& located, const CommandLine& line);

/// `nvmigrate VERB [OPTIONS] DEVICE [ID]`
std::string usage_of(const std::string& name, const std::vector<Declared>& declared);

/// The OPTIONS section of a manual page in man(7): of every command when `name` is empty, else of
/// that command; of one with subcommands, a part for each.
std::string man_options(const std::string& name);
/// The table of exit statuses in man(7).
std::string man_exit_status();

}  // namespace nvmigrate::cli
