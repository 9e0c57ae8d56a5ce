// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>

#include "nvmigrate/profile/profile.h"

/// Profiles without defaults, in which every VF stands by itself.
namespace nvmigrate {

/// How a profile names a VF.
inline std::string vf_key(unsigned vfn) { return "vf" + std::to_string(vfn); }

/// What is said of a function, else what is said of all.
FunctionProfile merged(FunctionProfile function, const FunctionProfile& defaults);
/// Moves what all VFs have to each of them.
void expand(SubsystemProfile& wanted);
/// Moves to all VFs what each of them has.
void compress(SubsystemProfile& wanted);
/// An entry that names the controlling function and says nothing.
SubsystemProfile named_as(Session& session);
/// profile_of() without compress().
SubsystemProfile expanded_present(Session& session);

}  // namespace nvmigrate
