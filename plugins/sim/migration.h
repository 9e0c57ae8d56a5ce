// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "plugins/sim/answers.h"
#include "plugins/sim/image.h"
#include "plugins/sim/intake.h"

/// The rules of Migration Send and Receive on the pure model. Statuses are SCT<<8 | SC.
namespace nvmigrate::sim {

/// Suspend (STYPE 1) or notice of it (STYPE 0).
Answer suspend(Subsystem& subsystem, std::uint16_t controlling, std::uint16_t target, bool notice);
Answer resume(Subsystem& subsystem, std::uint16_t target);

/// The formats that two indexes name at a controlling function; index 0 is no format.
/// \return nothing when an index is in no table, or not what the emulator wants
std::optional<Formats> formats_named(const Subsystem& subsystem, std::uint16_t controlling,
                                     unsigned version, unsigned vendor);

/// Whether a state may be read from, or set into, this controller now; 0 or why not.
std::uint16_t status_of_get(const Subsystem& subsystem, std::uint16_t target);
std::uint16_t status_of_set(const Subsystem& subsystem, std::uint16_t target);

/// The state of a function as it is now.
Image image_of(const Subsystem& subsystem, const Function& function, const Formats& formats);
/// What a state that comes in for a function is measured by.
Intake::Rules rules_for(const Subsystem& subsystem, const Function& function,
                        const Formats& formats);
/// Puts a whole and verified state into effect: it runs at the next Resume, or at once if the
/// function is not suspended.
void commit(const Subsystem& subsystem, Function& function, const Intake::Result& state);

}  // namespace nvmigrate::sim
