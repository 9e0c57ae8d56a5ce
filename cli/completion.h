// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>
#include <vector>

#include "cli/command.h"

namespace nvmigrate::cli {

/// What may stand in place of the last of `words` (which may be empty); each begins with it. The
/// words `:files` and `:folders` mean that the shell knows better. Reads only, never fails.
std::vector<std::string> completions(Context& context, const std::vector<std::string>& words);

/// Values of a kind: devices, functions. \param typed functions are named as this begins: `v` wants
/// vf2, anything else the controller id
/// \return `:files`, `:folders`, or words
std::vector<std::string> candidates(Context& context, Completes kind, const std::string& device,
                                    const std::string& typed);
/// Whether the values of a kind are functions.
bool is_of_functions(Completes kind) noexcept;

}  // namespace nvmigrate::cli
