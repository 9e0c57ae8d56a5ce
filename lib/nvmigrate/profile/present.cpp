// SPDX-License-Identifier: LGPL-2.1-or-later
#include <algorithm>

#include "nvmigrate/host/functions.h"
#include "nvmigrate/ports/pci_bus.h"
#include "nvmigrate/profile/expanded.h"

namespace nvmigrate {
namespace {

std::optional<std::uint16_t> count_of(const ControlledFunction& function, std::uint16_t now,
                                      std::uint16_t granted, std::uint16_t asked) {
  if (!function.secondary || now == 0) return std::nullopt;
  return function.wanted && now == granted ? asked : now;
}

/// Who has the nodes of a function beside root.
std::optional<std::string> owner_of(Session& session, const ControlledFunction& function) {
  const auto& node = function.vfio.device ? function.vfio.device : function.vfio.group;
  if (!node) return std::nullopt;
  const auto owner = session.pci().owner(*node);
  if (owner == Owner{}) return std::nullopt;
  return text_of(owner);
}

FunctionProfile function_of(Session& session, const ControlledFunction& function) {
  const auto wanted = function.wanted.value_or(WantedResources{});
  FunctionProfile one;
  one.queues = count_of(function, function.queues, wanted.granted_queues, wanted.queues);
  one.interrupts =
      count_of(function, function.interrupts, wanted.granted_interrupts, wanted.interrupts);
  one.marked = function.marked;
  one.backend = backend_to_name(session, function);
  one.driver = function.on_vfio() ? function.pci->driver : std::string{host_driver_word};
  one.owner = owner_of(session, function);
  return one;
}

bool holds_none(const FlexibleResources& kind) { return !kind.supported || kind.primary == 0; }

/// Those that all VFs have. \return nothing if the device does not tell, or has no VFs
std::optional<std::vector<std::uint32_t>> namespaces_of_all(const Topology& topology) {
  std::optional<std::vector<std::uint32_t>> common;
  for (const auto& function : topology.functions) {
    if (function.vfn == 0 || !topology.is_enabled_vf(function) || !function.namespaces) continue;
    if (!common) common = function.namespaces;
    std::erase_if(*common, [&](std::uint32_t nsid) {
      return !std::binary_search(function.namespaces->begin(), function.namespaces->end(), nsid);
    });
  }
  if (common && common->empty()) common.reset();
  return common;
}

template <typename Member>
void share(SubsystemProfile& wanted, Member FunctionProfile::*member) {
  const auto vfs = wanted.vfs.value_or(0);
  const auto value = vfs == 0 ? Member{} : wanted.functions["vf1"].*member;
  for (unsigned vfn = 1; vfn <= vfs; ++vfn) {
    if (wanted.functions[vf_key(vfn)].*member != value) return;
  }
  if (!value) return;
  wanted.defaults.*member = value;
  for (unsigned vfn = 1; vfn <= vfs; ++vfn)
    (wanted.functions[vf_key(vfn)].*member).reset();
}

template <typename Member>
void inherit(FunctionProfile& function, const FunctionProfile& from,
             Member FunctionProfile::*member) {
  if (!(function.*member)) function.*member = from.*member;
}

}  // namespace

std::optional<std::string> backend_to_name(const Session& session,
                                           const ControlledFunction& function) {
  const auto& rows = session.workspace().catalog->backends;
  const bool named = std::any_of(rows.begin(), rows.end(), [&](const BackendRow& row) {
    return row.name == function.backend && row.only_by_name;
  });
  return named ? std::optional(function.backend) : std::nullopt;
}

FunctionProfile merged(FunctionProfile function, const FunctionProfile& defaults) {
  inherit(function, defaults, &FunctionProfile::queues);
  inherit(function, defaults, &FunctionProfile::interrupts);
  inherit(function, defaults, &FunctionProfile::marked);
  inherit(function, defaults, &FunctionProfile::backend);
  inherit(function, defaults, &FunctionProfile::driver);
  inherit(function, defaults, &FunctionProfile::owner);
  return function;
}

void expand(SubsystemProfile& wanted) {
  for (unsigned vfn = 1; vfn <= wanted.vfs.value_or(0); ++vfn) {
    auto& function = wanted.functions[vf_key(vfn)];
    function = merged(function, wanted.defaults);
  }
  wanted.defaults = {};
}

void compress(SubsystemProfile& wanted) {
  share(wanted, &FunctionProfile::queues);
  share(wanted, &FunctionProfile::interrupts);
  share(wanted, &FunctionProfile::marked);
  share(wanted, &FunctionProfile::backend);
  share(wanted, &FunctionProfile::driver);
  share(wanted, &FunctionProfile::owner);
  std::erase_if(wanted.functions, [](const auto& one) { return one.second == FunctionProfile{}; });
}

SubsystemProfile named_as(Session& session) {
  const auto& topology = session.topology();
  SubsystemProfile wanted{.nqn = session.key().nqn, .serial = session.identity().serial};
  const bool several = std::any_of(topology.functions.begin(), topology.functions.end(),
                                   [](const auto& function) { return function.controls; });
  if (several) wanted.controller_id = session.identity().cntlid;
  return wanted;
}

SubsystemProfile expanded_present(Session& session) {
  session.ask_namespaces();
  const auto& topology = session.topology();
  auto now = named_as(session);
  if (topology.sriov.total != 0) now.vfs = topology.sriov.enabled;
  const bool any = topology.sriov.enabled != 0;
  if (any) now.namespaces = namespaces_of_all(topology);
  if (const auto& resources = topology.resources; any && resources) {
    const bool flexible = resources->queues.supported || resources->interrupts.supported;
    now.release_primary =
        flexible && holds_none(resources->queues) && holds_none(resources->interrupts);
  }
  for (const auto& function : topology.functions) {
    if (function.controls || function.elsewhere()) continue;
    if (function.vfn != 0 && !topology.is_enabled_vf(function)) continue;
    if (function.vfn == 0 && !function.secondary && !function.marked && !function.binding) continue;
    const auto key = function.vfn != 0 ? vf_key(function.vfn) : std::to_string(function.cntlid);
    now.functions.emplace(key, function_of(session, function));
  }
  return now;
}

SubsystemProfile profile_of(Session& session) {
  auto now = expanded_present(session);
  compress(now);
  return now;
}

}  // namespace nvmigrate
