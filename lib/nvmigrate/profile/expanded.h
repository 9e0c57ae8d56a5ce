// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <optional>
#include <string>

#include "nvmigrate/profile/profile.h"

/// Profiles without defaults: every VF has all its values.
namespace nvmigrate {

/// How a profile names a VF.
inline std::string vf_key(unsigned vfn) { return "vf" + std::to_string(vfn); }

/// The values of a function, completed by the defaults.
FunctionProfile merged(FunctionProfile function, const FunctionProfile& defaults);
/// Copies the defaults into each VF, and clears them.
void expand(SubsystemProfile& wanted);
/// Moves values that all VFs share into the defaults.
void compress(SubsystemProfile& wanted);
/// The backend of the mark of a function, where it is one that must be named.
std::optional<std::string> backend_to_name(const Session& session,
                                           const ControlledFunction& function);
/// An entry that names the controlling function and wants nothing yet.
SubsystemProfile named_as(Session& session);
/// profile_of() without compress().
SubsystemProfile expanded_present(Session& session);

}  // namespace nvmigrate
