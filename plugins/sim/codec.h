// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>

#include "plugins/sim/model.h"

namespace nvmigrate::sim {

/// A subsystem as one line of JSON; functions that are as made are left out.
std::string to_text(const Subsystem& subsystem);
/// \throws std::exception of some kind, saying what is wrong, when it is no such text
Subsystem from_text(const std::string& text);

}  // namespace nvmigrate::sim
