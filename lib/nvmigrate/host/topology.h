// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "nvmigrate/nvme/identify.h"
#include "nvmigrate/ports/device.h"
#include "nvmigrate/store/journal.h"
#include "nvmigrate/store/registry.h"

namespace nvmigrate {

/// A controlled function: the join of what the controlling function, the PCI bus, the registry and
/// the journal know of one controller id.
struct ControlledFunction {
  std::uint16_t cntlid = 0;
  bool secondary = false;      ///< in the Secondary Controller List of the controlling function
  std::optional<bool> online;  ///< nothing: no secondary, the device does not say
  std::uint16_t vfn = 0;       ///< 1-based VF number; 0: no VF
  std::uint16_t queues = 0, interrupts = 0;  ///< assigned flexible resources
  std::optional<PciFunction> pci;            ///< nothing: not (yet) on the bus, or not known
  bool controls = false;  ///< has an SR-IOV capability: another controlling function
  VfioNodes vfio;
  std::optional<std::string> kernel_name;  ///< nvme3, when the nvme driver has it
  bool marked = false;
  /// What the device says; nothing: it was not asked, or does not tell (see complete_account()).
  std::optional<bool> frozen{};
  std::optional<Binding> binding;
  std::vector<Intent> intents;  ///< journalled and not ended

  [[nodiscard]] bool has(IntentKind kind) const noexcept;
  /// The device calls it suspended, and nothing that is remembered says why.
  [[nodiscard]] bool suspended_by_others() const noexcept;
};

/// A controlling function with everything it controls, ascending by controller id.
struct Topology {
  std::string device;   ///< as named by the user
  std::string address;  ///< PCI
  bool simulated = false;
  ControllerIdentity identity;
  std::optional<PrimaryResources> resources;
  std::optional<std::uint32_t> max_queue_entries{};  ///< of an I/O queue, where it is known
  SriovState sriov;
  std::vector<ControlledFunction> functions;
  std::vector<Intent> intents;        ///< of the controlling function itself
  std::vector<Intent> other_intents;  ///< `provisioning` of others that control in this subsystem

  [[nodiscard]] const ControlledFunction* find(std::uint16_t cntlid) const noexcept;
};

/// Reads it; changes nothing. Functions bound to vfio keep their controller id: it comes from the
/// VF number, or, for functions that are no VF, from the binding record.
/// \throws NvmeError, OsError
Topology read_topology(Device& device, const Registry& registry, const Journal& journal);

/// The functions that a user's words mean: `3`, `0x3`, `1-4,7`, `vf2`, a PCI address, `all` (but
/// no other controlling function); in the order of the topology, each once.
/// \throws usage_error for words that are none of these; not_found naming the one that is not
/// there; refused (never overridable) when one is the controlling function itself
std::vector<const ControlledFunction*> select(const Topology& topology, const std::string& words);
/// As select, of exactly one function. \throws usage_error when it is several
const ControlledFunction& select_one(const Topology& topology, const std::string& word);

}  // namespace nvmigrate
