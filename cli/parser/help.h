// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace CLI {
class FormatterBase;
class Option;
}  // namespace CLI

namespace nvmigrate {
struct Condition;
}  // namespace nvmigrate

namespace nvmigrate::cli {

class CommandLine;

struct Environment;

/// Columns of a line of help: COLUMNS or those of the terminal, from 40 to 80, less one.
std::size_t help_width(const Environment& environment);
/// The text without the first occurrence of `part`.
std::string without(std::string_view text, std::string_view part);
/// The first clause of a condition without its optional parts: `the state of FUNCTION was
/// exported`.
std::string plain_sentence(const Condition& condition);

/// Prints the help of the whole tree, of a group of commands, or of one command.
std::shared_ptr<CLI::FormatterBase> help_formatter();

/// The names of an option as they are typed: `-f` and `--file`, or `DEVICE`.
std::vector<std::string> names_of(const CLI::Option& option);
/// Whether it may be given several times.
bool is_repeatable(const CLI::Option& option);
/// The parsed line that asks for the help of a command, so that its options are declared.
/// \throws usage_error
std::unique_ptr<CommandLine> asked_for_help(std::vector<std::string> words);

}  // namespace nvmigrate::cli
