// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/migrate/source_identity.h"

#include <unistd.h>

#include <array>
#include <chrono>
#include <string>

#include "nvmigrate/version.h"

namespace nvmigrate {
namespace {

std::string host_name() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0) return "unknown";
  return name.data();
}

}  // namespace

StateIdentity identity_of(const MigrationSide& side, std::uint16_t cntlid,
                          const FormatChoice& formats) {
  const auto& function = side.function(cntlid);
  const auto& controlling = side.topology.identity;
  StateIdentity identity;
  identity.tool = "nvmigrate " + std::string(version);
  identity.host = host_name();
  identity.time = rfc3339(std::chrono::system_clock::now());
  identity.backend = side.backend.name();
  identity.layout = side.backend.layout();
  identity.formats = formats;
  identity.simulated = side.topology.simulated;
  identity.subsystem_nqn = controlling.subsystem_nqn;
  identity.serial = controlling.serial;
  identity.model = controlling.model;
  identity.firmware = controlling.firmware;
  identity.vendor_id = controlling.vendor;
  identity.controlling_function = controlling.cntlid;
  identity.controller = cntlid;
  identity.vfn = function.vfn;
  if (function.pci) identity.address = function.pci->address;
  if (function.secondary && side.topology.resources) {
    if (side.topology.resources->queues.supported) identity.queues = function.queues;
    if (side.topology.resources->interrupts.supported) identity.interrupts = function.interrupts;
  }
  return identity;
}

}  // namespace nvmigrate
