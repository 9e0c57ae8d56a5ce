// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "nvmigrate/migrate/figures.h"
#include "nvmigrate/migrate/findings.h"
#include "nvmigrate/migrate/progress.h"
#include "nvmigrate/migrate/side.h"
#include "nvmigrate/state/stored_state.h"

namespace nvmigrate {

struct ImportOptions {
  std::optional<FormatChoice> formats{};  ///< of a raw state; nothing: found out where it is clear
  bool resume = false;                    ///< once the state is loaded; else it stays suspended
  std::vector<std::string> allowed{};     ///< names of blockers that are overridden
  ProgressCallback progress{};
  /// Whether a function of another subsystem is suspended; nothing when this host does not have it.
  /// May be empty.
  std::function<std::optional<bool>(const StateIdentity&)> ask_source{};
};

/// What an import would meet.
struct ImportCheck {
  FormatChoice formats{};
  bool suspended_before = false;
  std::optional<bool> source_frozen{};  ///< nothing: not known to be of this host
  std::vector<Finding> findings{};

  [[nodiscard]] bool acceptable() const noexcept;
};

struct ImportResult {
  std::uint16_t cntlid = 0;
  FormatChoice formats{};
  bool suspended_before = false;
  bool suspended = false;  ///< now
  bool resumed = false;
  MigrationFigures figures{};
  std::vector<Finding> findings{};  ///< warnings, and blockers that were overridden
};

/// Compares a state that was read and verified with the function it is for. Changes nothing.
/// \throws usage_error when the formats of a raw state are not clear
ImportCheck check_import(const StoredState& state, const MigrationSide& side, std::uint16_t cntlid,
                         const ImportOptions& options);

/// Suspends the function unless it is, loads the state and, when asked to, resumes it. Once loading
/// began and failed, the function is left suspended, the journal says `loading`, and the hint of
/// the error says how to go on; when nothing was sent of the state, a function that was suspended
/// here runs again.
/// \throws Error(bad_state or refused) when a blocker stands; NvmeError, OsError, StateFileError
ImportResult import_state(const StoredState& state, MigrationSide& side, std::uint16_t cntlid,
                          const ImportOptions& options);

}  // namespace nvmigrate
