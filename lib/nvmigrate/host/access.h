// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "nvmigrate/host/topology.h"

namespace nvmigrate {

/// What a change of the host needs: the controlling function, and what is remembered of its
/// subsystem. The caller holds the subsystem's lock.
struct HostAccess {
  Device& device;
  Registry& registry;
  Journal& journal;

  [[nodiscard]] Topology topology() const { return read_topology(device, registry, journal); }
};

}  // namespace nvmigrate
