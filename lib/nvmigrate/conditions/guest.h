// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>
#include <vector>

#include "nvmigrate/conditions/fact.h"
#include "nvmigrate/session/session.h"

namespace nvmigrate {

/// Who recorded an intent: ` (export, pid 4711, 2025-01-31T23:59:59Z)`.
std::string recorded_by(const Intent& intent);

/// Where its state went, ` to sim:b 3`; empty when that is not known.
std::string destination_of(const Intent& intent);

/// Where the guest of a function is: what the device says, held against what is recorded. The
/// device was asked before, see Session::ask().
std::vector<Fact> guest_facts(const Session& session, const ControlledFunction& function);

}  // namespace nvmigrate
