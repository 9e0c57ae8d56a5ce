// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>
#include <vector>

#include "cli/command.h"

namespace nvmigrate::cli {

/// A word that may stand somewhere on a command line.
struct Candidate {
  std::string word;
  std::string about{};  ///< for shells that show it; may be empty
};
using Candidates = std::vector<Candidate>;

/// What may stand in place of the last of `words` (which may be empty); each begins with it. The
/// words `:files SUFFIX` and `:folders` mean that the shell knows better. Reads only, never fails.
Candidates completions(Context& context, const std::vector<std::string>& words);

/// Where a value stands on a command line.
struct ValuePlace {
  std::string device;     ///< the controlling function named last before; empty: none
  std::string functions;  ///< the functions named last before, if any
  std::string typed;      ///< what is there already
};

/// Values of a kind. Functions are named as `typed` begins: `v` wants vf2, anything else the
/// controller id.
Candidates candidates(Context& context, Completes kind, const ValuePlace& place);
/// Whether the values of a kind may be listed with commas.
bool is_list(Completes kind) noexcept;

}  // namespace nvmigrate::cli
