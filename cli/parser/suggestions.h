// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>
#include <vector>

#include "cli/command.h"

namespace nvmigrate::cli {

class CommandLine;

/// The names that a word may have been meant as: those that it begins, or that differ from it in
/// few letters (changed, added, left out or two exchanged).
std::vector<std::string> near_misses(const std::vector<std::string>& names,
                                     const std::string& word);
/// `; did you mean list?`, or nothing.
std::string guess(const std::vector<std::string>& names, const std::string& word);

/// The command lines that may have been meant by one that failed with this error, as argument
/// vectors that can be run: with a device or function named as it is, exchanged arguments in their
/// order, or the option that a value lacks. Reads only, never fails.
std::vector<std::vector<std::string>> meant_instead(Context& context, const CommandLine& line,
                                                    const std::vector<std::string>& words,
                                                    const Error& error);

}  // namespace nvmigrate::cli
