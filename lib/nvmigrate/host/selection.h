// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "nvmigrate/host/topology.h"

namespace nvmigrate {

/// What one of the user's words, or one number of a range, means in a topology.
struct Pick {
  enum class Kind { function, controlling_function, unknown };
  Kind kind = Kind::unknown;
  std::string word;                              ///< "7", "vf2", "0000:01:00.1"
  std::optional<std::uint16_t> cntlid;           ///< when the word is a controller id
  const ControlledFunction* function = nullptr;  ///< of Kind::function
};

/// What every one of the words means, in their order, doubles kept; so that a command can report
/// every one that is wrong. select() is made of it.
/// \throws usage_error for words that mean nothing; not_found for `all` of no functions
std::vector<Pick> resolve(const Topology& topology, const std::string& words);

/// Why a pick is no controlled function. \return refused for the controlling function itself, else
/// not_found
Error why_not(const Topology& topology, const Pick& pick);

}  // namespace nvmigrate
