// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "nvmigrate/ports/pci_function.h"

namespace nvmigrate {

/// A controller as the kernel's nvme driver knows it (/sys/class/nvme).
struct KernelController {
  std::string name;         ///< nvme0
  std::string address{};    ///< PCI address; empty when the transport is not pcie
  std::string transport{};  ///< pcie, tcp, …
  std::string state{};      ///< live, resetting, …
  std::string subsystem_nqn{};
  std::optional<std::uint16_t> cntlid{};
  /// CAP.MQES + 1; nothing where the kernel's own queues are less deep than that.
  std::optional<std::uint32_t> max_queue_entries{};
  /// Queues that the driver uses, the admin queue included; nothing: the kernel does not say.
  std::optional<std::uint32_t> queues{};
  std::string serial{};  ///< without padding; empty when the kernel shows none
  /// Why the kernel does not tell about it: then only its name is known. Empty: it told.
  std::string unread{};
};

/// Something on this host that uses a function's namespaces, or holds its vfio node.
struct Use {
  std::string object;  ///< /dev/nvme1n1, or a process: "pid 4711 (qemu-system-x86)"
  std::string how;     ///< continues the object: "is mounted on /srv", "is held by dm-0", …
};

/// The seam to PCI functions: reads of what the kernel shows, and the writes that change them.
/// Every method throws OsError naming the attribute when the kernel refuses, and not_found when the
/// function is gone.
class PciBus {
 public:
  virtual ~PciBus() = default;

  /// \return nothing when there is no such function
  virtual std::optional<PciFunction> find(const std::string& address) = 0;
  /// Addresses of all functions in an IOMMU group, sorted.
  virtual std::vector<std::string> group_members(unsigned group) = 0;
  /// Whether an IOMMU is active on this host.
  virtual bool has_iommu() = 0;
  /// Every controller of the kernel's nvme driver, by number, also one that cannot be read.
  virtual std::vector<KernelController> controllers() = 0;

  virtual SriovState sriov(const std::string& physical) = 0;
  /// The address of VF number `vfn` (1-based: virtfn VFN-1). \return nothing when not enabled
  virtual std::optional<std::string> virtual_function(const std::string& physical,
                                                      unsigned vfn) = 0;
  virtual void set_autoprobe(const std::string& physical, bool probe) = 0;
  virtual void set_enabled_vfs(const std::string& physical, unsigned count) = 0;

  /// Tries whether the kernel lets this process change the function, and changes nothing: opens
  /// driver_override, or sriov_numvfs of a physical function, for writing.
  virtual void try_writing(const std::string& /*address*/) {}
  /// Writes driver_override; std::nullopt clears it.
  virtual void set_override(const std::string& address, std::optional<std::string> driver) = 0;
  virtual void unbind(const std::string& address) = 0;  ///< from its driver; no-op when it has none
  virtual void probe(const std::string& address) = 0;   ///< drivers_probe
  virtual void reset(const std::string& address) = 0;   ///< function level reset
  /// How reset() is done: the words of `reset_method`, `flr bus`, of which the kernel takes the
  /// first that works. Empty: the kernel does not say.
  virtual std::string reset_methods(const std::string& address) = 0;
  /// Limits of the queues of the controller that the nvme driver has at this address. \return
  /// nothing when the kernel does not tell, as where the controller has no namespace
  virtual std::optional<QueueLimits> queue_limits(const std::string& address) = 0;
  /// Controller Reset (CC.EN) of the controller that the nvme driver has at this address; ends when
  /// the driver has it again. \throws not_found when it has none
  virtual void reset_controller(const std::string& address) = 0;

  /// Whether the kernel has a driver, loading a module of that name first where it is missing.
  virtual bool has_driver(const std::string& driver) = 0;
  /// An installed vfio variant driver that claims this function (modules.alias `vfio_pci:`), or the
  /// name of its module while that is not loaded. Loads nothing.
  virtual std::optional<std::string> variant_driver(const std::string& address) = 0;
  /// The same, loading its module first. \return nothing also when that does not load
  virtual std::optional<std::string> load_variant_driver(const std::string& address) = 0;
  virtual VfioNodes vfio_nodes(const std::string& address) = 0;
  virtual Owner owner(const std::string& node) = 0;
  virtual void set_owner(const std::string& node, uid_t owner, gid_t group) = 0;

  /// What on this host uses this function's controller, its namespaces and their partitions.
  virtual std::vector<Use> host_uses(const std::string& address) = 0;
  /// Which processes hold the vfio nodes of this function open.
  virtual std::vector<Use> vfio_holders(const std::string& address) = 0;
  /// Why this function may have uses and holders that the two calls above did not show; empty: all
  /// were seen. Asked after them.
  virtual std::string unseen(const std::string& /*address*/) { return {}; }
  /// Has the processes looked at again by the next of these calls; otherwise they are looked at
  /// once.
  virtual void look_again() {}
};

}  // namespace nvmigrate
