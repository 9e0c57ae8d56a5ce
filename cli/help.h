// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <memory>
#include <string>
#include <vector>

namespace CLI {
class FormatterBase;
class Option;
}  // namespace CLI

namespace nvmigrate::cli {

class CommandLine;

/// Prints the help of the whole tree, of a group of commands, or of one command.
std::shared_ptr<CLI::FormatterBase> help_formatter();

/// The names of an option as they are typed: `-f` and `--file`, or `DEVICE`.
std::vector<std::string> names_of(const CLI::Option& option);
/// Words in lines of 79 columns that begin at `indent`; the first continues where the caller
/// stands.
std::string wrapped(const std::string& words, std::size_t indent);
/// Whether it may be given several times.
bool is_repeatable(const CLI::Option& option);
/// The parsed line that asks for the help of a command, so that its options are declared.
/// \throws usage_error
std::unique_ptr<CommandLine> asked_for_help(std::vector<std::string> words);

}  // namespace nvmigrate::cli
