// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/// The seam to the controlling function stands with the other ports; it is declared in the nvme
/// room, whose readers of Identify data use it and which knows no other room but base.
#include "nvmigrate/nvme/admin_port.h"
