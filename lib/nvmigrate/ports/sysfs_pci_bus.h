// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>

#include "nvmigrate/ports/pci_bus.h"
#include "nvmigrate/ports/processes.h"
#include "nvmigrate/ports/sysfs.h"

namespace nvmigrate {

/// Loads a kernel module by name. The caller sees in /sys whether it worked.
using ModuleLoader = std::function<void(const std::string&)>;

/// The PCI functions of this host as sysfs shows them (Documentation/ABI/testing/sysfs-bus-pci).
class SysfsPciBus final : public PciBus {
 public:
  /// Modules are only loaded when the root is the host's own.
  SysfsPciBus(Io& io, const Sysroot& root);
  SysfsPciBus(Io& io, Sysroot root, ModuleLoader load_module);

  std::optional<PciFunction> find(const std::string& address) override;
  std::vector<std::string> group_members(unsigned group) override;
  bool has_iommu() override;
  std::vector<KernelController> controllers() override;

  SriovState sriov(const std::string& physical) override;
  std::optional<std::string> virtual_function(const std::string& physical, unsigned vfn) override;
  void set_autoprobe(const std::string& physical, bool probe) override;
  void set_enabled_vfs(const std::string& physical, unsigned count) override;

  void try_writing(const std::string& address) override;
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
  std::string unseen(const std::string& address) override;
  void look_again() override;

 private:
  const OpenDevices& opened();
  [[nodiscard]] std::optional<std::string> variant_module_of(const std::string& address) const;
  /// Writes an attribute of a function. \throws unsupported when the function does not have it
  void write(const std::string& address, const std::string& attribute, const std::string& text);

  Sysfs sysfs_;
  ModuleLoader load_module_;
  std::optional<OpenDevices> opened_;          ///< as they were last looked at
  std::map<std::string, std::string> unseen_;  ///< by address, since then
};

/// Whether a text has the form of a PCI address: domain:bus:device.function in hex, 0000:01:00.0.
bool is_pci_address(std::string_view text);

}  // namespace nvmigrate
