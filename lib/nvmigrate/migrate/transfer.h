// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "nvmigrate/base/io.h"
#include "nvmigrate/migrate/figures.h"
#include "nvmigrate/migrate/findings.h"
#include "nvmigrate/migrate/progress.h"
#include "nvmigrate/migrate/side.h"
#include "nvmigrate/store/folders.h"

namespace nvmigrate {

struct TransferOptions {
  std::optional<FormatChoice> formats{};  ///< nothing: whole_state() of the source
  bool resume = true;                     ///< the destination, once it took the state
  bool notice = false;                    ///< give the source notice before its Suspend
  std::vector<std::string> allowed{};     ///< names of blockers that are overridden
  ProgressCallback progress{};
};

/// What a transfer would meet.
struct TransferCheck {
  FormatChoice formats{};
  bool source_suspended = false, destination_suspended = false;  ///< before
  std::vector<Finding> findings{};  ///< of the destination, as far as they are known before
};

struct TransferResult {
  FormatChoice formats{};
  bool resumed = false;  ///< the destination; the source stays suspended
  MigrationFigures figures{};
  std::vector<Finding> findings{};
};

/// Changes nothing. \throws refused when the source may not be moved; usage_error when both are the
/// same function
TransferCheck check_transfer(const MigrationSide& source, std::uint16_t from,
                             const MigrationSide& destination, std::uint16_t to,
                             const TransferOptions& options);

/// Moves the running state of one function into another, without a file and in bounded memory. The
/// blackout counts from the source's Suspend to the destination's Resume.
///
/// The source stays the fallback until the destination took the whole state; then the journal of
/// the source says `moved` (that is the point of no return) and the destination is resumed; the
/// source is never resumed after. A failure before that point resumes the source if it was
/// suspended here, and leaves the destination suspended if it got any of the state. After it the
/// destination keeps the state, and the hint says how to resume it.
/// Both sides may be of one subsystem; then they share one journal.
TransferResult transfer_state(MigrationSide& source, std::uint16_t from, MigrationSide& destination,
                              std::uint16_t to, const TransferOptions& options);

/// Whether the load that this intent speaks of was part of a transfer that reached its point of no
/// return: then the state is whole, and only the Resume is missing.
bool load_was_committed(Io& io, const Folders& folders, const Intent& loading);

}  // namespace nvmigrate
