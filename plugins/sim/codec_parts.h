// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "plugins/sim/model.h"

namespace nvmigrate::sim {

using Json = nlohmann::json;

/// Parts of a subsystem's text. Readers throw std::exception of some kind.
Json json_of(const Parameters& parameters);
Parameters parameters_from(const Json& json);
Json json_of(const Function& function);
/// Puts what is in the text over a function as it is made.
void read(const Json& json, Function& function);

}  // namespace nvmigrate::sim
