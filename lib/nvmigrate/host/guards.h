// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>
#include <vector>

#include "nvmigrate/host/topology.h"

namespace nvmigrate {

/// What is about to be done to a function, and what the user allowed by name.
struct Deed {
  std::string what;          ///< "unbind", "destroy"; "cannot <what> controller 3"
  bool allow_moved = false;  ///< --allow moved
};

/// `controlled function 3 (vf 3)`.
std::string describe(const ControlledFunction& function);
/// \param vfn 0: no VF
std::string describe(std::uint16_t cntlid, unsigned vfn);
/// `/dev/nvme1n1 mounted on /srv, pid 4711 (qemu) has it open`.
std::string describe(const std::vector<Use>& uses);

/// Whether a function is bound to a driver of vfio (its node is there).
bool on_vfio(const ControlledFunction& function) noexcept;

/// \throws refused (never overridable) when the function is another controlling function, naming
/// its VFs when there are any: they depend on its driver
void refuse_controlling(PciBus& bus, const ControlledFunction& function, const Deed& deed);
/// \throws refused naming the processes when a vfio node of the function is open
void refuse_open_node(PciBus& bus, const ControlledFunction& function, const Deed& deed);
/// \throws refused naming every use when this host uses the function's namespaces
void refuse_host_uses(PciBus& bus, const ControlledFunction& function, const Deed& deed);
/// \throws refused naming the verb that ends it, when the function is suspended, half loaded, or
/// (unless allowed) its state runs elsewhere
void refuse_suspended(const Topology& topology, const ControlledFunction& function,
                      const Deed& deed);
/// All three.
void refuse_in_use(const Topology& topology, PciBus& bus, const ControlledFunction& function,
                   const Deed& deed);

}  // namespace nvmigrate
