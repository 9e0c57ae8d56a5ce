// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "nvmigrate/host/marking.h"
#include "nvmigrate/nvme/admin_port.h"

namespace nvmigrate::cli {

/// What the backends say of a controlling function. Changes nothing. \throws NvmeError, OsError
MigrationAbility ability_of(AdminPort& port);

}  // namespace nvmigrate::cli
