// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "nvmigrate/base/exit_status.h"
#include "nvmigrate/migrate/side.h"
#include "nvmigrate/state/raw_state.h"
#include "nvmigrate/state/state_file.h"

namespace nvmigrate {

/// Something that stands against loading a state into a function, or that is worth knowing.
struct Finding {
  std::string name{};  ///< what --allow names
  std::string message{};
  bool blocker = true;
  bool overridable = true;
  ExitStatus status = ExitStatus::bad_state;  ///< that a blocker ends the command with
  bool allowed = false;                       ///< a blocker that the user overrode by its name
  std::string remedy{};                       ///< the next step, when there is one

  [[nodiscard]] bool stands() const noexcept { return blocker && !allowed; }
};

/// The finding, allowed when it is a blocker that may be overridden and is named.
Finding judged(Finding found, const std::vector<std::string>& allowed);

/// What is known of a state before it is loaded.
struct Candidate {
  const StateIdentity* identity = nullptr;  ///< of a raw state: nothing
  const DecodedState* decoded = nullptr;    ///< not yet known, or opaque: nothing
  FormatChoice formats{};                   ///< as it would be loaded
  /// Whether the function that the state was read from is suspended; nothing: it is none of this
  /// host's, as far as is known.
  std::optional<bool> source_frozen{};
  std::optional<FunctionState> destination{};  ///< as the device describes it; nothing: offline
};

/// Everything that stands against loading the candidate into a function, blockers first, without
/// sending anything that changes the device. Names given in `allowed` override blockers one by one.
std::vector<Finding> find_obstacles(const Candidate& candidate, const MigrationSide& side,
                                    std::uint16_t cntlid, const std::vector<std::string>& allowed);
/// Only what the decoded state itself says, against the resources of the function.
std::vector<Finding> find_misfits(const DecodedState& decoded, const MigrationSide& side,
                                  std::uint16_t cntlid, const std::vector<std::string>& allowed);

/// \throws Error with the status of the first blocker that stands, naming all that do and how each
/// is overridden
void refuse_if_any_stands(const std::vector<Finding>& findings, const std::string& what);

}  // namespace nvmigrate
