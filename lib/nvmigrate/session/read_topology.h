// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>

#include "nvmigrate/session/topology.h"

namespace nvmigrate {

class Device;
class Journal;
class Registry;

/// By which the kernel knows the subsystem of a controlling function; where it knows none, what the
/// controller says itself, or what the kernel would make up for one that says nothing.
std::string subsystem_nqn(Device& device, const ControllerIdentity& identity);

/// Has a function say what is recorded of it now: mark, binding and intents.
void recall(ControlledFunction& function, const Registry& registry, const Journal& journal);

/// Reads it; changes nothing. A function bound to vfio keeps its controller id: it comes from the
/// VF number or, where it is not a VF, from the binding record.
/// \param nqn see subsystem_nqn()
/// \param lenient a list that cannot be read is an oddity, and what it would tell is missing
/// \throws NvmeError, OsError
Topology read_topology(Device& device, const ControllerIdentity& identity, const std::string& nqn,
                       const Registry& registry, const Journal& journal, bool lenient = false);

}  // namespace nvmigrate
