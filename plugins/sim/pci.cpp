// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugins/sim/pci.h"

#include <fmt/core.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <thread>

#include "nvmigrate/base/error.h"
#include "plugins/sim/host.h"

namespace nvmigrate::sim {
namespace {

std::string attribute(const std::string& address, const char* name) {
  return fmt::format("/sys/bus/pci/devices/{}/{}", address, name);
}

[[noreturn]] void gone(const std::string& address) {
  throw not_found(fmt::format("there is no PCI function {} on the simulated host", address));
}

const Function& required(const Subsystem& subsystem, const std::string& address) {
  const auto* const function = subsystem.at_address(address);
  if (function == nullptr) gone(address);
  return *function;
}

const Function& required_physical(const Subsystem& subsystem, const std::string& address,
                                  const char* name) {
  const auto& function = required(subsystem, address);
  if (function.kind != Kind::controlling || subsystem.parameters.vfs_total == 0) {
    throw OsError(ENOENT, "write to", attribute(address, name));
  }
  return function;
}

std::string state_of(const Subsystem& subsystem, const Function& function) {
  return function.online && subsystem.present(function) ? "live" : "dead";
}

// Of a host with as many processors as the controller has queues for, up to eight.
std::uint32_t queues_of_driver(const Subsystem& subsystem, const Function& function) {
  constexpr unsigned processors = 8;
  if (function.kind != Kind::controlling) {
    return 1 + std::min(limits_of(subsystem, function).pairs, processors);
  }
  const auto& primary = subsystem.primaries[function.id];
  return std::min<std::uint32_t>(subsystem.parameters.vq_private + primary.vq, processors + 1U);
}

Use use_of(const Function& function, const HostUse& use) {
  const auto disk = fmt::format("/dev/nvme{}n1", function.instance);
  if (use.kind == "mount") return {.object = disk, .how = "is mounted on " + use.object};
  if (use.kind == "hold") return {.object = disk, .how = "is held by " + use.object};
  if (use.kind == "swap") return {.object = disk, .how = "is used as swap"};
  return {.object = disk + "p1", .how = "is open"};
}

}  // namespace

template <typename Act>
void SimPciBus::change(const std::string& address, const Act& act) {
  store_->change([&](Subsystem& now) {
    auto* const function = now.at_address(address);
    if (function == nullptr) gone(address);
    act(now, *function);
    return 0;
  });
}

std::optional<PciFunction> SimPciBus::find(const std::string& address) {
  const auto subsystem = store_->read();
  const auto* const function = subsystem->at_address(address);
  if (function == nullptr) return std::nullopt;
  PciFunction found;
  found.address = address;
  found.vendor = subsystem->parameters.vendor_id();
  found.device = pci_device;
  found.class_code = nvme_class;
  found.driver = function->driver;
  found.override_to = function->override_to;
  found.iommu_group = subsystem->group_of(*function);
  if (function->kind == Kind::vf) {
    found.physical = subsystem->address_of(subsystem->functions[function->primary]);
  }
  return found;
}

std::vector<std::string> SimPciBus::group_members(unsigned group) {
  const auto subsystem = store_->read();
  std::vector<std::string> members;
  for (const auto& function : subsystem->functions) {
    if (subsystem->present(function) && subsystem->here(function) &&
        subsystem->group_of(function) == group) {
      members.push_back(subsystem->address_of(function));
    }
  }
  std::sort(members.begin(), members.end());
  return members;
}

bool SimPciBus::has_iommu() { return store_->read()->parameters.iommu; }

std::vector<KernelController> SimPciBus::controllers() {
  const auto subsystem = store_->read();
  std::vector<const Function*> bound;
  for (const auto& function : subsystem->functions) {
    if (function.driver == "nvme") bound.push_back(&function);
  }
  std::sort(bound.begin(), bound.end(),
            [](const auto* a, const auto* b) { return a->instance < b->instance; });
  // As sysfs, which ends at the first NUL.
  const auto whole = serial_of(*subsystem);
  const auto serial = whole.substr(0, whole.find('\0'));
  std::vector<KernelController> found;
  found.reserve(bound.size());
  for (const auto* each : bound) {
    found.push_back({.name = "nvme" + std::to_string(each->instance),
                     .address = subsystem->address_of(*each),
                     .transport = "pcie",
                     .state = state_of(*subsystem, *each),
                     .subsystem_nqn = subsystem->parameters.nqn,
                     .cntlid = each->id,
                     .max_queue_entries = max_queue_size + 1U,
                     .queues = queues_of_driver(*subsystem, *each),
                     .serial = serial});
  }
  return found;
}

SriovState SimPciBus::sriov(const std::string& physical) {
  const auto subsystem = store_->read();
  const auto& function = required(*subsystem, physical);
  if (function.kind != Kind::controlling) return {};
  const auto& primary = subsystem->primaries[function.id];
  return {.total = subsystem->parameters.vfs_total,
          .enabled = primary.enabled_vfs,
          .autoprobe = primary.autoprobe};
}

std::optional<std::string> SimPciBus::virtual_function(const std::string& physical, unsigned vfn) {
  const auto subsystem = store_->read();
  const auto& owner = required(*subsystem, physical);
  for (const auto& function : subsystem->functions) {
    if (function.kind == Kind::vf && function.primary == owner.id && function.vfn == vfn &&
        owner.kind == Kind::controlling && subsystem->present(function)) {
      return subsystem->address_of(function);
    }
  }
  return std::nullopt;
}

void SimPciBus::set_autoprobe(const std::string& physical, bool probe) {
  change(physical, [&](Subsystem& now, Function& function) {
    required_physical(now, physical, "sriov_drivers_autoprobe");
    now.primaries[function.id].autoprobe = probe;
  });
}

void SimPciBus::set_enabled_vfs(const std::string& physical, unsigned count) {
  change(physical, [&](Subsystem& now, Function& function) {
    required_physical(now, physical, "sriov_numvfs");
    if (const int failure = sim::set_enabled_vfs(now, function.id, count); failure != 0) {
      throw OsError(failure, fmt::format("write {} to", count),
                    attribute(physical, "sriov_numvfs"));
    }
  });
}

void SimPciBus::set_override(const std::string& address, std::optional<std::string> driver) {
  change(address, [&](Subsystem&, Function& function) { function.override_to = driver; });
}

void SimPciBus::unbind(const std::string& address) {
  change(address, [](Subsystem& now, Function& function) { sim::unbind(now, function); });
}

void SimPciBus::probe(const std::string& address) {
  change(address, [](Subsystem& now, Function& function) { sim::probe(now, function); });
}

void SimPciBus::reset(const std::string& address) {
  const auto subsystem = store_->read();
  required(*subsystem, address);
  std::this_thread::sleep_for(std::chrono::milliseconds(subsystem->parameters.reset_ms));
  change(address, [](Subsystem& now, Function& function) { reset_function(now, function); });
}

std::string SimPciBus::reset_methods(const std::string& /*address*/) { return "flr"; }

std::optional<QueueLimits> SimPciBus::queue_limits(const std::string& /*address*/) {
  return QueueLimits{};
}

void SimPciBus::reset_controller(const std::string& address) {
  change(address, [&](Subsystem& now, Function& function) {
    if (function.driver != "nvme") throw OsError(ENOENT, "reset the controller of", address);
    sim::reset_controller(now, function);
  });
}

bool SimPciBus::has_driver(const std::string& driver) {
  return sim::has_driver(*store_->read(), driver);
}

std::optional<std::string> SimPciBus::variant_driver(const std::string& address) {
  const auto subsystem = store_->read();
  const auto& driver = subsystem->parameters.variant_driver;
  const auto& function = required(*subsystem, address);
  if (driver.empty() || function.kind != Kind::vf) return std::nullopt;
  return driver;
}

std::optional<std::string> SimPciBus::load_variant_driver(const std::string& address) {
  return variant_driver(address);
}

VfioNodes SimPciBus::vfio_nodes(const std::string& address) {
  const auto subsystem = store_->read();
  return nodes_of(*subsystem, required(*subsystem, address));
}

Owner SimPciBus::owner(const std::string& node) {
  const auto subsystem = store_->read();
  const auto found = subsystem->owners.find(node);
  if (found == subsystem->owners.end()) return {};
  return {found->second.first, found->second.second};
}

void SimPciBus::set_owner(const std::string& node, uid_t owner, gid_t group) {
  store_->change([&](Subsystem& now) {
    const bool known =
        std::any_of(now.functions.begin(), now.functions.end(), [&](const Function& function) {
          const auto nodes = nodes_of(now, function);
          return nodes.group == node || nodes.device == node;
        });
    if (!known) throw OsError(ENOENT, "change the owner of", node);
    now.owners[node] = {owner, group};
    return 0;
  });
}

std::vector<Use> SimPciBus::host_uses(const std::string& address) {
  const auto subsystem = store_->read();
  const auto& function = required(*subsystem, address);
  std::vector<Use> uses;
  if (function.driver != "nvme") return uses;
  for (const auto& use : function.uses)
    uses.push_back(use_of(function, use));
  return uses;
}

std::vector<Use> SimPciBus::vfio_holders(const std::string& address) {
  const auto subsystem = store_->read();
  const auto& function = required(*subsystem, address);
  if (!function.guest || !is_vfio(*subsystem, function)) return {};
  const auto nodes = nodes_of(*subsystem, function);
  return {{.object = fmt::format("the guest of controller {} (simulated)", function.id),
           .how = fmt::format("has {} open", nodes.device.value_or(nodes.group.value_or("")))}};
}

}  // namespace nvmigrate::sim
