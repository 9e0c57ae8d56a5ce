// SPDX-License-Identifier: LGPL-2.1-or-later
#include <algorithm>
#include <map>

#include "nvmigrate/host/binding.h"
#include "nvmigrate/host/driver_change.h"
#include "nvmigrate/host/guards.h"

namespace nvmigrate {
namespace {

constexpr std::uint32_t bridge_class = 0x06;
constexpr unsigned class_shift = 16;

BindingChange unchanged(const ControlledFunction& function) {
  BindingChange change;
  change.cntlid = function.cntlid;
  if (function.pci) {
    change.address = function.pci->address;
    change.from = function.pci->driver;
    change.to = change.from;
  }
  return change;
}

/// A driver that is none of vfio would take the function and give no node.
void insist_on_vfio(const std::string& driver) {
  if (driver.find("vfio") != std::string::npos) return;
  throw usage_error("--driver: '" + driver + "' is no driver of vfio (their names contain 'vfio')");
}

class BindPlanner {
 public:
  BindPlanner(const Topology& topology, PciBus& bus, const FunctionList& functions,
              const BindWish& wish)
      : topology_(&topology), bus_(&bus), wish_(&wish) {
    if (wish.driver) insist_on_vfio(*wish.driver);
    for (const auto* function : functions)
      plan_.functions.push_back(consider(*function));
  }

  BindingResult make() {
    for (const auto& change : plan_.functions) {
      if (change.changed) refuse(*topology_->find(change.cntlid));
    }
    return std::move(plan_);
  }

 private:
  BindingChange consider(const ControlledFunction& function) {
    if (!function.pci) {
      throw refused("cannot bind " + describe(function) + ": it is not on the PCI bus",
                    "nvmigrate provision " + topology_->device + " --vfs N enables VFs");
    }
    auto change = unchanged(function);
    if (wish_->driver || !on_vfio(function)) change.to = driver_for(function);
    change.changed = change.from != change.to || !on_vfio(function);
    if (!function.online.value_or(true)) {
      change.warnings.push_back(describe(function) + " is offline: a VM cannot start it");
    }
    return change;
  }

  std::string driver_for(const ControlledFunction& function) {
    if (wish_->driver) return *wish_->driver;
    return bus_->variant_driver(function.pci->address).value_or(stock_driver);
  }

  void refuse(const ControlledFunction& function) {
    const Deed deed{"bind", false};
    if (function.pci->address == topology_->address) {
      throw refused("cannot bind " + describe(function) +
                    ": it is the controlling function itself");
    }
    refuse_controlling(*bus_, function, deed);
    refuse_host_uses(*bus_, function, deed);
    refuse_open_node(*bus_, function, deed);
    refuse_suspended(*topology_, function, deed);
    refuse_group(function);
  }

  void refuse_group(const ControlledFunction& function) {
    if (!bus_->has_iommu() || !function.pci->iommu_group) {
      throw refused("cannot bind " + describe(function) + ": no IOMMU protects this host from it",
                    "switch the IOMMU on in the firmware and on the kernel's command line "
                    "(intel_iommu=on, or amd_iommu=on)");
    }
    if (wish_->allow_shared_group) return;
    const auto others = strangers_in(*function.pci->iommu_group);
    if (others.empty()) return;
    throw refused("cannot bind " + describe(function) + ": it shares IOMMU group " +
                      std::to_string(*function.pci->iommu_group) + " with " + others,
                  "bind all of them at once, or say --allow shared_group");
  }

  [[nodiscard]] bool is_bound_too(const std::string& address) const {
    return std::any_of(plan_.functions.begin(), plan_.functions.end(),
                       [&](const BindingChange& change) { return change.address == address; });
  }

  std::string strangers_in(unsigned group) {
    if (const auto known = strangers_.find(group); known != strangers_.end()) return known->second;
    std::string others;
    for (const auto& address : bus_->group_members(group)) {
      if (is_bound_too(address) || is_harmless(address)) continue;
      others += (others.empty() ? "" : ", ") + address;
    }
    return strangers_.emplace(group, others).first->second;
  }

  /// A bridge stays with the host; what is on vfio already is as safe as what is to be bound.
  bool is_harmless(const std::string& address) {
    const auto function = bus_->find(address);
    if (!function || function->class_code >> class_shift == bridge_class) return true;
    const auto nodes = bus_->vfio_nodes(address);
    return nodes.group || nodes.device;
  }

  const Topology* topology_;
  PciBus* bus_;
  const BindWish* wish_;
  BindingResult plan_;
  std::map<unsigned, std::string> strangers_;
};

}  // namespace

BindingResult plan_bind(const Topology& topology, PciBus& bus, const FunctionList& functions,
                        const BindWish& wish) {
  return BindPlanner(topology, bus, functions, wish).make();
}

BindingResult plan_unbind(const Topology& topology, PciBus& bus, const FunctionList& functions,
                          const UnbindWish& wish) {
  BindingResult plan;
  for (const auto* function : functions) {
    auto change = unchanged(*function);
    change.changed = on_vfio(*function) || function->binding || function->has(IntentKind::unbound);
    if (change.changed) {
      refuse_open_node(bus, *function, {"unbind", false});
      refuse_suspended(topology, *function, {"unbind", wish.allow_moved});
      change.to = original_driver_of(*function).driver;
    }
    plan.functions.push_back(std::move(change));
  }
  return plan;
}

}  // namespace nvmigrate
