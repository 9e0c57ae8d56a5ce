// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "nvmigrate/base/io.h"
#include "nvmigrate/host/topology.h"
#include "nvmigrate/migrate/backend.h"
#include "nvmigrate/store/folders.h"

namespace nvmigrate {

/// Completes what a topology says of suspensions, so that it is the truth and not a memory: asks
/// the device whether those functions are suspended that are marked or have an intent, tells which
/// intents are over, and which loads were the end of a transfer. What cannot be found out is left
/// as it is. Changes nothing.
/// \param backend nullptr when none serves the device
/// \throws Interrupted
void complete_account(Io& io, const Folders& folders, Topology& topology,
                      MigrationBackend* backend);

}  // namespace nvmigrate
