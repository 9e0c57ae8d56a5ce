// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugins/sim/host.h"

#include <fmt/core.h>

#include <algorithm>
#include <cerrno>
#include <set>

#include "nvmigrate/base/error.h"

namespace nvmigrate::sim {
namespace {

bool is_vfio_driver(const Subsystem& subsystem, const std::string& driver) {
  const auto& variant = subsystem.parameters.variant_driver;
  return driver == "vfio-pci" || (!variant.empty() && driver == variant);
}

bool takes(const Subsystem& subsystem, const Function& function, const std::string& driver) {
  if (driver == "nvme") return function.online;
  if (!is_vfio_driver(subsystem, driver) || !subsystem.parameters.iommu) return false;
  return driver == "vfio-pci" || function.kind == Kind::vf;
}

/// By the place of the function where that is free, so that it does not depend on which of several
/// functions that are bound at once comes first; else the lowest that is free.
unsigned free_instance(const Subsystem& subsystem, const Function& function, bool vfio) {
  std::set<unsigned> taken;
  for (const auto& each : subsystem.functions) {
    if (each.driver && is_vfio(subsystem, each) == vfio) taken.insert(each.instance);
  }
  const auto before = std::count_if(
      subsystem.functions.begin(), subsystem.functions.end(), [&](const Function& each) {
        return each.id < function.id && !(vfio && each.kind == Kind::controlling);
      });
  const auto place = static_cast<unsigned>(before);
  if (!taken.contains(place)) return place;
  unsigned free = 0;
  while (taken.contains(free))
    ++free;
  return free;
}

}  // namespace

bool is_vfio(const Subsystem& subsystem, const Function& function) {
  return function.driver && is_vfio_driver(subsystem, *function.driver);
}

VfioNodes nodes_of(const Subsystem& subsystem, const Function& function) {
  if (!is_vfio(subsystem, function)) return {};
  VfioNodes nodes;
  const auto group = subsystem.group_of(function);
  if (group && subsystem.parameters.vfio_groups) {
    nodes.group = "/dev/vfio/" + std::to_string(*group);
    nodes.container = NodeRights{};
  }
  if (subsystem.parameters.vfio_cdevs) {
    nodes.device = "/dev/vfio/devices/vfio" + std::to_string(function.instance);
    nodes.iommufd = NodeRights{.mode = 0660};  // as the kernel makes it
  }
  return nodes;
}

bool has_driver(const Subsystem& subsystem, const std::string& driver) {
  return driver == "nvme" || is_vfio_driver(subsystem, driver);
}

void probe(Subsystem& subsystem, Function& function) {
  const bool held_back = function.kind == Kind::vf && !function.override_to &&
                         !subsystem.primaries[function.primary].autoprobe;
  const std::string driver = function.override_to.value_or("nvme");
  if (function.driver || held_back || !takes(subsystem, function, driver)) return;
  function.instance = free_instance(subsystem, function, is_vfio_driver(subsystem, driver));
  function.driver = driver;
}

void unbind(Subsystem& subsystem, Function& function) {
  if (!function.driver) return;
  if (function.kind == Kind::controlling) reset_controlling(subsystem, function.id, false);
  const auto nodes = nodes_of(subsystem, function);
  subsystem.owners.erase(nodes.group.value_or(""));
  subsystem.owners.erase(nodes.device.value_or(""));
  function.driver.reset();
  function.instance = 0;
  function.uses.clear();
  if (function.guest) reset(function);
}

int set_enabled_vfs(Subsystem& subsystem, std::uint16_t controlling, unsigned count) {
  auto& primary = subsystem.primaries[controlling];
  if (count > subsystem.parameters.vfs_total) return ERANGE;
  if (count == primary.enabled_vfs) return 0;
  if (count != 0 && primary.enabled_vfs != 0) return EBUSY;
  primary.enabled_vfs = count;
  for (auto& function : subsystem.functions) {
    if (function.kind != Kind::vf || function.primary != controlling) continue;
    if (function.vfn <= count) {
      probe(subsystem, function);
    } else {
      take_offline(function);
      unbind(subsystem, function);
      function.override_to.reset();
    }
  }
  return 0;
}

void use(Subsystem& subsystem, Function& function, const HostUse& use) {
  if (function.driver != "nvme") {
    throw refused(
        fmt::format("cannot use the namespace of controller {} of sim:{}: the nvme driver "
                    "of the host does not have it",
                    function.id, subsystem.name));
  }
  if (std::find(function.uses.begin(), function.uses.end(), use) == function.uses.end()) {
    function.uses.push_back(use);
  }
}

void reset_function(Subsystem& subsystem, Function& function) {
  if (function.kind == Kind::controlling) {
    reset_controlling(subsystem, function.id, true);
  } else {
    reset(function);
  }
}

void power_cycle(Subsystem& subsystem) {
  subsystem.owners.clear();
  for (auto& function : subsystem.functions) {
    reset(function);
    if (!subsystem.here(function)) continue;
    const auto made = made_function(subsystem.parameters, function.id);
    if (function.is_secondary()) take_offline(function);
    function.driver = function.is_secondary() ? std::nullopt : made.driver;
    function.instance = function.driver ? made.instance : 0;
    function.override_to.reset();
    function.uses.clear();
    if (function.kind != Kind::controlling) continue;
    auto& primary = subsystem.primaries[function.id];
    primary.enabled_vfs = 0;
    primary.autoprobe = true;
    primary.vq = primary.vq_after_reset;
    primary.vi = primary.vi_after_reset;
  }
}

void reset_controller(Subsystem& subsystem, Function& function) {
  if (function.kind == Kind::controlling) {
    reset_controlling(subsystem, function.id, false);
  } else {
    reset(function);
  }
}

}  // namespace nvmigrate::sim
