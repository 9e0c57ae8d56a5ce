// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>

#include "nvmigrate/migrate/side.h"
#include "nvmigrate/state/state_file.h"

namespace nvmigrate {

/// Who the state of a function is of: what goes into the first record of a state file, size and
/// blackout still open.
StateIdentity identity_of(const MigrationSide& side, std::uint16_t cntlid,
                          const FormatChoice& formats);

}  // namespace nvmigrate
