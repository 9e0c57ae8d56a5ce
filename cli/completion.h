// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>
#include <vector>

#include "cli/command_line.h"

namespace nvmigrate::cli {

/// Where on the line of a command the cursor is: at the value of which option or positional.
struct Place {
  const Declared* value = nullptr;  ///< nullptr: no value is expected here
  bool only_value = false;  ///< the word belongs to an option before it; no option may begin here
  std::string device;       ///< the controlling function named last before
};

/// What may stand in place of the last of `words` (which may be empty); each begins with it. The
/// words `:files` and `:folders` mean that the shell knows better. Reads only, never fails.
std::vector<std::string> completions(Context& context, const std::vector<std::string>& words);

/// Whether an offer is of functions.
bool is_of_functions(Offer offer) noexcept;
/// Values that an offer stands for: devices, functions. \param typed functions are named as this
/// begins: `v` wants vf2, anything else the controller id
/// \return `:files`, `:folders`, or words
std::vector<std::string> offered(Context& context, Offer offer, const std::string& device,
                                 const std::string& typed);

}  // namespace nvmigrate::cli
