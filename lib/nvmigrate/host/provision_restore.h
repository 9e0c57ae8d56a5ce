// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "nvmigrate/session/session.h"

namespace nvmigrate {

/// Whom the vfio nodes of a function belong to.
struct NodeOwners {
  std::optional<Owner> group, device;
};

/// What functions have that a topology does not tell: the owners of their nodes, by controller id.
using OwnersOfVfs = std::map<std::uint16_t, NodeOwners>;
/// \throws OsError
OwnersOfVfs read_owners(PciBus& bus, const Topology& topology);

/// Gives VFs that were destroyed and made again what they had before: mark, binding record, driver
/// and override, owners of their nodes.
/// \param timeout for the driver of one function
/// \return what failed, a sentence each
std::vector<std::string> restore_functions(Session& session, const Topology& before,
                                           const OwnersOfVfs& owners,
                                           std::chrono::milliseconds timeout);

/// Gives functions that were only reset the driver that they lost over it.
/// \throws as give_back() and give_to_vfio()
void restore_drivers(Session& session, const Topology& before, const OwnersOfVfs& owners,
                     std::chrono::milliseconds timeout);

/// Gives functions the mark, the binding record, the driver, the override and the owners of their
/// nodes that they had, whether or not they are still there. \return what failed, a sentence each
std::vector<std::string> put_back(Session& session, const Topology& before,
                                  const OwnersOfVfs& owners, const std::set<std::uint16_t>& cntlids,
                                  std::chrono::milliseconds timeout);

/// Throws the error that is being handled again, with the sentences of what could not be put back
/// and the repair as its remedy.
[[noreturn]] void rethrow_with_what_is_left(const std::string& device,
                                            const std::vector<std::string>& failures);

}  // namespace nvmigrate
