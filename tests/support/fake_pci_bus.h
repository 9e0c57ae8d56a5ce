// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cerrno>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "nvmigrate/base/error.h"
#include "nvmigrate/ports/pci_bus.h"

namespace nvmigrate::test {

/// PCI functions in memory: one physical function whose VFs come and go, and whatever a test adds.
/// Changes are noted, and a hook may make each of them fail. Threads may share it for what changes
/// one function.
class FakePciBus : public PciBus {
 public:
  static constexpr const char* physical = "0000:01:00.0";
  using Hook = std::function<void(const std::string& change)>;

  FakePciBus() {
    functions[physical] = function_at(physical);
    functions[physical].driver = "nvme";
    sriov_of[physical] = {.total = 8, .enabled = 0, .autoprobe = true};
  }

  // What a test sets up and looks at.
  std::map<std::string, PciFunction> functions;
  std::map<std::string, SriovState> sriov_of;
  std::vector<KernelController> kernel;
  std::map<std::string, std::vector<Use>> uses, holders;
  std::set<std::string> unreadable;             ///< functions
  bool read_only = false;                       ///< /sys, for those who try it before
  std::string not_seen;                         ///< what unseen() says of every function
  std::map<std::string, std::string> variants;  ///< address → variant driver
  std::set<std::string> drivers{"nvme", "vfio-pci"};
  std::string claims = "nvme";     ///< takes a function without driver_override
  std::set<std::string> stubborn;  ///< drivers that take nothing
  std::map<std::string, Owner> owners;
  std::optional<Owner> rule;  ///< of udev, which has the last word
  std::string lost;           ///< a node that nobody can look at
  std::optional<QueueLimits> limits = QueueLimits{};
  bool limits_fail = false;
  bool iommu = true;
  bool loads = true;                                   ///< modules of variant drivers
  std::vector<std::string> loaded;                     ///< for these functions
  bool nodes = true;                                   ///< vfio nodes appear
  bool cdevs = false;                                  ///< device nodes as well
  std::optional<NodeRights> iommufd = NodeRights{};    ///< /dev/iommu
  std::optional<NodeRights> container = NodeRights{};  ///< /dev/vfio/vfio
  bool groups = true;                                  ///< group nodes
  std::vector<std::string> changes;  ///< "set_override 0000:01:00.1 vfio-pci", …
  Hook before_change;                ///< may throw
  std::function<void(unsigned count)> vfs_changed;
  std::function<void(const std::string&address)> was_reset, was_unbound;
  std::function<void()> physical_was_reset, controller_was_reset;

  static std::string vf_address(unsigned vfn) {
    const auto slot = std::to_string(vfn / 8);
    return "0000:01:" + std::string(2 - slot.size(), '0') + slot + "." + std::to_string(vfn % 8);
  }
  static PciFunction function_at(const std::string& address) {
    PciFunction function;
    function.address = address;
    function.class_code = 0x010802;
    return function;
  }
  /// Adds VFs, as set_enabled_vfs does, without noting it.
  void enable(unsigned count) {
    const auto old = sriov_of[physical].enabled;
    for (unsigned vfn = 1; vfn <= old; ++vfn)
      functions.erase(vf_address(vfn));
    for (unsigned vfn = 1; vfn <= count; ++vfn) {
      auto& vf = functions[vf_address(vfn)] = function_at(vf_address(vfn));
      vf.physical = physical;
      vf.iommu_group = 10 + vfn;
      if (sriov_of[physical].autoprobe) vf.driver = "nvme";
    }
    sriov_of[physical].enabled = count;
  }
  void give(const std::string& address, const std::string& driver) {
    functions.at(address).driver = driver;
  }

  std::optional<PciFunction> find(const std::string& address) override {
    const std::lock_guard only(mutex_);
    if (unreadable.contains(address)) throw OsError(EIO, "read", address);
    const auto found = functions.find(address);
    if (found == functions.end()) return std::nullopt;
    return found->second;
  }
  std::vector<std::string> group_members(unsigned group) override {
    std::vector<std::string> members;
    for (const auto& [address, function] : functions) {
      if (function.iommu_group == group) members.push_back(address);
    }
    return members;
  }
  bool has_iommu() override { return iommu; }
  std::vector<KernelController> controllers() override { return kernel; }
  SriovState sriov(const std::string& address) override { return sriov_of[address]; }
  std::optional<std::string> virtual_function(const std::string&, unsigned vfn) override {
    if (vfn == 0 || vfn > sriov_of[physical].enabled) return std::nullopt;
    return vf_address(vfn);
  }

  void set_autoprobe(const std::string& address, bool probe) override {
    note("set_autoprobe " + address + (probe ? " 1" : " 0"));
    sriov_of[address].autoprobe = probe;
  }
  void set_enabled_vfs(const std::string& address, unsigned count) override {
    note("set_vfs " + address + " " + std::to_string(count));
    if (count != 0 && sriov_of[address].enabled != 0) throw OsError(EBUSY, "write", "sriov_numvfs");
    enable(count);
    if (vfs_changed) vfs_changed(count);
  }
  void try_writing(const std::string& address) override {
    if (read_only) throw OsError(EROFS, "write to", address);
  }
  void set_override(const std::string& address, std::optional<std::string> driver) override {
    const std::lock_guard only(mutex_);
    note("set_override " + address + " " + driver.value_or("-"));
    at(address).override_to = std::move(driver);
  }
  void unbind(const std::string& address) override {
    const std::lock_guard only(mutex_);
    note("unbind " + address);
    at(address).driver.reset();
    if (was_unbound) was_unbound(address);
  }
  void probe(const std::string& address) override {
    const std::lock_guard only(mutex_);
    note("probe " + address);
    auto& function = at(address);
    const auto driver = function.override_to.value_or(claims);
    const bool allowed =
        function.override_to || !function.physical || sriov_of[*function.physical].autoprobe;
    if (allowed && drivers.contains(driver) && !stubborn.contains(driver)) function.driver = driver;
  }
  void reset(const std::string& address) override {
    note("reset " + address);
    if (address == physical && physical_was_reset) physical_was_reset();
    if (was_reset) was_reset(address);
  }

  std::string reset_methods(const std::string&) override { return "flr bus"; }
  std::optional<QueueLimits> queue_limits(const std::string& address) override {
    if (limits_fail) throw OsError(EIO, "read the limits of", address);
    return limits;
  }
  void reset_controller(const std::string& address) override {
    note("reset_controller " + address);
    if (controller_was_reset) controller_was_reset();
  }

  bool has_driver(const std::string& driver) override { return drivers.contains(driver); }
  std::optional<std::string> variant_driver(const std::string& address) override {
    const auto found = variants.find(address);
    if (found == variants.end()) return std::nullopt;
    return found->second;
  }
  std::optional<std::string> load_variant_driver(const std::string& address) override {
    loaded.push_back(address);
    if (!loads) return std::nullopt;
    return variant_driver(address);
  }
  VfioNodes vfio_nodes(const std::string& address) override {
    const std::lock_guard only(mutex_);
    const auto& function = at(address);
    VfioNodes found;
    if (!nodes || !function.driver || *function.driver == "nvme") return found;
    if (groups) found.group = "/dev/vfio/" + std::to_string(function.iommu_group.value_or(0));
    found.iommufd = iommufd;
    found.container = container;
    if (cdevs) found.device = "/dev/vfio/devices/vfio" + address.substr(address.size() - 1);
    return found;
  }
  Owner owner(const std::string& node) override {
    if (node == lost) throw OsError(ENOENT, "look at", node);
    return owners[node];
  }
  void set_owner(const std::string& node, uid_t owner, gid_t group) override {
    const std::lock_guard only(mutex_);
    note("set_owner " + node);
    owners[node] = rule.value_or(Owner{owner, group});
  }
  std::vector<Use> host_uses(const std::string& address) override { return uses[address]; }
  std::vector<Use> vfio_holders(const std::string& address) override { return holders[address]; }
  std::string unseen(const std::string& /*address*/) override { return not_seen; }

 private:
  PciFunction& at(const std::string& address) {
    const auto found = functions.find(address);
    if (found == functions.end()) throw not_found("no function " + address);
    return found->second;
  }
  void note(const std::string& change) {
    const std::lock_guard only(mutex_);
    changes.push_back(change);
    if (before_change) before_change(change);
  }

  std::recursive_mutex mutex_;  ///< hooks call back
};

}  // namespace nvmigrate::test
