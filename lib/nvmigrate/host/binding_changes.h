// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "nvmigrate/host/functions.h"

namespace nvmigrate {

/// Whether the driver that it had before this program changed it is known.
bool is_recorded(const ControlledFunction& function);

/// Does what was planned to all functions, several at a time, and notes in the plan what became of
/// each. The journal has every original driver before the first effect; afterwards registry and
/// journal are written once for all. A stop signal lets those that have begun end.
void carry_out(Session& session, BindingResult& plan, const BindRequest& request);
void carry_out(Session& session, BindingResult& plan, const UnbindRequest& request);

}  // namespace nvmigrate
