// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "nvmigrate/host/topology.h"

namespace nvmigrate {

/// What a VM needs to be given a function, and through what it is controlled. The function cannot
/// be asked for the latter, so both go together.
struct Handle {
  std::uint16_t cntlid = 0;
  unsigned vfn = 0;
  std::string address;
  std::string driver;
  bool variant_driver = false;  ///< a vfio driver other than vfio-pci
  std::optional<unsigned> iommu_group;
  VfioNodes nodes;
  bool marked = false;
  bool suspended = false;

  struct Controlling {
    std::string device;   ///< /dev/nvme0, sim:demo
    std::string address;  ///< PCI
    std::uint16_t cntlid = 0;
    std::string subsystem_nqn;
  } controlling;
  bool simulated = false;
};

/// \throws refused when the function is not bound to vfio
Handle make_handle(const Topology& topology, const ControlledFunction& function);

/// `NVMIGRATE_FUNCTION='0000:01:00.1'` and so on, a line each, quoted for a shell.
std::string as_environment(const Handle& handle);
/// Arguments for QEMU on one line; the id of its device names both functions. With a cdev node by
/// way of iommufd.
std::string as_qemu(const Handle& handle);
/// A <hostdev> element for libvirt; a comment in it names the controlling function.
std::string as_libvirt(const Handle& handle);

}  // namespace nvmigrate
