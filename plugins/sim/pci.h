// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "nvmigrate/ports/pci_bus.h"
#include "plugins/sim/store.h"

namespace nvmigrate::sim {

/// The PCI bus of a simulated host. Fails like the kernel, with OsError on the attribute that a
/// real host would have.
class SimPciBus final : public PciBus {
 public:
  explicit SimPciBus(Store& store) : store_(&store) {}

  std::optional<PciFunction> find(const std::string& address) override;
  std::vector<std::string> group_members(unsigned group) override;
  bool has_iommu() override;
  std::vector<KernelController> controllers() override;

  SriovState sriov(const std::string& physical) override;
  std::optional<std::string> virtual_function(const std::string& physical, unsigned vfn) override;
  void set_autoprobe(const std::string& physical, bool probe) override;
  void set_enabled_vfs(const std::string& physical, unsigned count) override;

  void set_override(const std::string& address, std::optional<std::string> driver) override;
  void unbind(const std::string& address) override;
  void probe(const std::string& address) override;
  void reset(const std::string& address) override;
  std::string reset_methods(const std::string& address) override;
  std::optional<QueueLimits> queue_limits(const std::string& address) override;
  void reset_controller(const std::string& address) override;

  bool has_driver(const std::string& driver) override;
  std::optional<std::string> variant_driver(const std::string& address) override;
  std::optional<std::string> load_variant_driver(const std::string& address) override;
  VfioNodes vfio_nodes(const std::string& address) override;
  Owner owner(const std::string& node) override;
  void set_owner(const std::string& node, uid_t owner, gid_t group) override;

  std::vector<Use> host_uses(const std::string& address) override;
  std::vector<Use> vfio_holders(const std::string& address) override;

 private:
  template <typename Act>
  void change(const std::string& address, const Act& act);

  Store* store_;
};

}  // namespace nvmigrate::sim
