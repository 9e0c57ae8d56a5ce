// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "nvmigrate/conditions/conditions.h"

namespace nvmigrate {

/// What one of the user's words, or one number of a range, means in a topology.
struct Pick {
  enum class Kind { function, controlling_function, unknown };
  Kind kind = Kind::unknown;
  std::string word;                              ///< `7`, `vf2`, `0000:01:00.1`
  std::optional<std::uint16_t> cntlid;           ///< when the word is a controller id
  const ControlledFunction* function = nullptr;  ///< of Kind::function
};

/// What each of the words means, in their order, doubles kept: `3`, `0x3`, `1-4,7`, `vf2`, a PCI
/// address, `all` (but no other controlling function, and none of its functions).
/// \throws usage_error for a word that is not one of these; not_found for `all` of no functions
std::vector<Pick> resolve(const Topology& topology, const std::string& words);
/// How to have so many VFs: as a profile of this host says, where it wants that many, or by hand.
std::vector<Remedy> ways_to_provision(const Topology& topology, unsigned vfs);
/// Why a pick is not a controlled function: `controlling_function` or `unknown_function`.
Finding why_not(const Topology& topology, const Pick& pick);

/// The functions that the words mean, in the order of the topology, each once.
/// \param action see Refusal
/// \throws as resolve(); Refusal with every word that does not mean a controlled function
FunctionList select(const Topology& topology, const std::string& words, const std::string& action);
/// As select, of exactly one function. \throws usage_error when it is several
const ControlledFunction& select_one(const Topology& topology, const std::string& word,
                                     const std::string& action);

}  // namespace nvmigrate
