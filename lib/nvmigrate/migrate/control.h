// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "nvmigrate/base/io.h"
#include "nvmigrate/migrate/figures.h"
#include "nvmigrate/migrate/side.h"
#include "nvmigrate/store/folders.h"

namespace nvmigrate {

struct ControlResult {
  std::uint16_t cntlid = 0;
  bool suspended_before = false;
  bool suspended = false;  ///< now; in a dry run: then
  bool changed = false;
};

/// Freezes a function and keeps it so; its intent stays in the journal until it is resumed.
/// Nothing changes when it is suspended already, but that the journal says so.
/// \param notice gives notice first \param allowed `host_driver` overrides that refusal
/// \throws refused when it is offline, or this host's driver runs it; NvmeError, OsError, and then
/// it runs as before
ControlResult suspend_function(MigrationSide& side, std::uint16_t cntlid, bool notice,
                               const std::vector<std::string>& allowed, bool dry_run);

/// Lets a function run and strikes what the journal says of its suspension. When it runs already,
/// as after a reset, only the journal changes. \param allowed `loading` and `moved` override those
/// refusals
/// \throws refused; NvmeError, OsError, and then the journal still calls it suspended
ControlResult resume_function(Io& io, const Folders& folders, MigrationSide& side,
                              std::uint16_t cntlid, const std::vector<std::string>& allowed,
                              bool dry_run);

}  // namespace nvmigrate
