// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "nvmigrate/ports/sysfs.h"

namespace nvmigrate {

/// Whether this process may send admin commands that change something: whether CAP_SYS_ADMIN is
/// among its effective capabilities (/proc/self/status), whoever it is; root in a container often
/// has not. Where /proc is not mounted, whether it is root. \throws OsError
bool may_administrate(const Sysfs& proc);

}  // namespace nvmigrate
