// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/session/topology.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "nvmigrate/nvme/identify.h"
#include "nvmigrate/ports/device.h"
#include "nvmigrate/session/read_topology.h"
#include "nvmigrate/store/journal.h"
#include "nvmigrate/store/registry.h"

namespace nvmigrate {
namespace {

constexpr std::string_view host_driver = "nvme";
constexpr std::uint32_t nvm_class = 0x0108;  ///< mass storage, non-volatile memory
constexpr unsigned interface_bits = 8;

/// What the kernel and our records say about where the controllers of one subsystem are.
class Places {
 public:
  Places(const std::vector<KernelController>& controllers, const std::string& subsystem_nqn,
         const ControllerIdentity& identity, const Registry& registry, const Journal& journal) {
    for (const auto& controller : controllers) {
      if (!controller.unread.empty()) unread_ = &controller;
      if (!controller.address.empty()) all_.emplace(controller.address, controller);
      if (is_of_another(controller, identity)) continue;
      const bool same_name = controller.subsystem_nqn == subsystem_nqn;
      if (same_name || has_serial_of(controller, identity)) ours_.insert(controller.address);
      if (!same_name) continue;
      if (!controller.address.empty()) by_address_.emplace(controller.address, controller);
      if (controller.cntlid) by_id_.emplace(*controller.cntlid, controller);
    }
    for (const auto& intent : journal.intents()) {
      const auto address = intent.details.find("address");
      if (address != intent.details.end()) recorded_.emplace(intent.cntlid, address->second);
    }
    for (const auto& binding : registry.bindings()) {
      recorded_.insert_or_assign(binding.cntlid, binding.address);
    }
  }

  [[nodiscard]] bool has_peers(const std::string& own_address) const {
    return !recorded_.empty() || by_address_.size() > by_address_.count(own_address);
  }

  /// The one at its address, whatever it calls itself. Without an address, that of its id: the
  /// controller of another transport may have the id of a function that is on the bus.
  [[nodiscard]] const KernelController* controller(const ControlledFunction& function,
                                                   const std::string& address) const {
    if (!address.empty()) {
      const auto found = all_.find(address);
      return found == all_.end() ? nullptr : &found->second;
    }
    const auto found = by_id_.find(function.cntlid);
    return function.vfn != 0 || found == by_id_.end() ? nullptr : &found->second;
  }

  /// A controller that cannot be read, so that it may be any. \return nullptr if all can be read
  [[nodiscard]] const KernelController* unread() const noexcept { return unread_; }

  /// Whether only a record of ours says where it is.
  [[nodiscard]] bool is_only_recorded(const ControlledFunction& function) const {
    return function.vfn == 0 && !by_id_.contains(function.cntlid);
  }

  /// Of a function whose address does not follow from a VF number; empty if unknown.
  [[nodiscard]] std::string address(std::uint16_t cntlid) const {
    if (const auto found = by_id_.find(cntlid); found != by_id_.end()) {
      return found->second.address;
    }
    const auto record = recorded_.find(cntlid);
    if (record == recorded_.end()) return {};
    const auto taken = all_.find(record->second);
    if (taken == all_.end()) return record->second;
    const auto& id = taken->second.cntlid;
    const bool by_another = (id && id != cntlid) || !ours_.contains(record->second);
    return by_another ? std::string{} : record->second;
  }

 private:
  /// Two drives may claim one NQN. A serial number with odd bytes the kernel shows otherwise.
  static bool is_of_another(const KernelController& controller,
                            const ControllerIdentity& identity) {
    const bool odd = identity.serial.find('\\') != std::string::npos;
    return !odd && !identity.serial.empty() && !controller.serial.empty() &&
           controller.serial != identity.serial;
  }

  static bool has_serial_of(const KernelController& controller,
                            const ControllerIdentity& identity) {
    return !identity.serial.empty() && controller.serial == identity.serial;
  }

  std::map<std::string, KernelController> all_, by_address_;
  std::set<std::string> ours_;  ///< addresses
  std::map<std::uint16_t, KernelController> by_id_;
  std::map<std::uint16_t, std::string> recorded_;
  const KernelController* unread_ = nullptr;
};

/// Reads what the device lists.
class Lists {
 public:
  Lists(AdminPort& port, Oddities& oddities, bool lenient)
      : port_(&port), oddities_(&oddities), lenient_(lenient) {}

  std::optional<PrimaryResources> resources(std::uint16_t own) {
    return or_none([&] { return read_primary_resources(*port_, own, oddities_); });
  }
  std::vector<SecondaryController> secondaries() {
    return or_none([&] { return read_secondaries(*port_, oddities_); });
  }
  std::vector<std::uint16_t> controllers() {
    return or_none([&] { return read_controllers(*port_, oddities_); });
  }

 private:
  template <typename Read>
  auto or_none(Read read) -> decltype(read()) {
    try {
      return read();
    } catch (const Error& error) {
      if (!lenient_ || error.status() != ExitStatus::device) throw;
      oddities_->push_back({error.what(), true});
      return {};
    }
  }

  AdminPort* port_;
  Oddities* oddities_;
  bool lenient_;
};

const KernelController* controller_at(const std::vector<KernelController>& controllers,
                                      const std::string& address) {
  for (const auto& controller : controllers) {
    if (!address.empty() && controller.address == address) return &controller;
  }
  return nullptr;
}

ControlledFunction of_secondary(const SecondaryController& secondary) {
  ControlledFunction function;
  function.cntlid = secondary.cntlid;
  function.secondary = true;
  function.online = secondary.online;
  function.vfn = secondary.vfn;
  function.queues = secondary.queues;
  function.interrupts = secondary.interrupts;
  return function;
}

/// An entry that names another primary controller is of that one.
void add(std::map<std::uint16_t, ControlledFunction>& functions,
         const SecondaryController& secondary, std::uint16_t own) {
  if (secondary.primary == own) {
    functions.emplace(secondary.cntlid, of_secondary(secondary));
    return;
  }
  auto& theirs = functions[secondary.cntlid];
  theirs.cntlid = secondary.cntlid;
  theirs.of_another = true;
  auto& primary = functions[secondary.primary];
  primary.cntlid = secondary.primary;
  primary.controls = true;
}

std::vector<ControlledFunction> functions_of(Lists& lists, std::uint16_t own, bool manages,
                                             bool has_others) {
  std::map<std::uint16_t, ControlledFunction> functions;
  if (manages) {
    for (const auto& secondary : lists.secondaries()) {
      add(functions, secondary, own);
    }
  }
  if (has_others) {
    for (const auto id : lists.controllers())
      functions[id].cntlid = id;
  }
  functions.erase(own);
  std::vector<ControlledFunction> sorted;
  sorted.reserve(functions.size());
  for (auto& [id, function] : functions)
    sorted.push_back(std::move(function));
  return sorted;
}

std::string address_of(const ControlledFunction& function, const Topology& topology, PciBus& bus,
                       const Places& places) {
  if (function.vfn == 0) return places.address(function.cntlid);
  if (function.vfn > topology.sriov.enabled) return {};
  return bus.virtual_function(topology.address, function.vfn).value_or(std::string{});
}

/// Addresses are given anew at a boot or a hotplug: a record may name what is another device by
/// now.
bool can_be_of(const PciFunction& pci, const ControllerIdentity& identity) {
  return pci.class_code >> interface_bits == nvm_class && pci.vendor == identity.vendor;
}

std::optional<PciFunction> find(const ControlledFunction& function, const std::string& address,
                                const Topology& topology, PciBus& bus, const Places& places) {
  auto pci = bus.find(address);
  const bool doubtful = pci && places.is_only_recorded(function);
  if (doubtful && !can_be_of(*pci, topology.identity)) return std::nullopt;
  return pci;
}

void place_if_readable(ControlledFunction& function, const Topology& topology, PciBus& bus,
                       const Places& places) {
  auto address = address_of(function, topology, bus, places);
  if (!address.empty()) function.pci = find(function, address, topology, bus, places);
  if (!function.pci) address.clear();
  if (function.pci && !function.pci->physical) function.controls = bus.sriov(address).total != 0;
  const bool of_local = function.pci && function.pci->physical && !function.secondary;
  if (of_local && *function.pci->physical != topology.address) function.of_another = true;
  if (const auto* known = places.controller(function, address)) {
    function.kernel_name = known->name;
  }
  if (function.pci && function.pci->driver && *function.pci->driver != host_driver) {
    function.vfio = bus.vfio_nodes(address);
  }
}

/// What cannot be read of one function does not hide the others.
void place(ControlledFunction& function, const Topology& topology, PciBus& bus,
           const Places& places) {
  try {
    place_if_readable(function, topology, bus, places);
  } catch (const OsError& error) {
    function.unread = error.what();
  }
  const bool on_host = function.pci && function.pci->driver == host_driver;
  const bool lost = on_host ? !function.kernel_name : !function.pci && function.vfn == 0;
  if (lost && places.unread() != nullptr) function.unread = places.unread()->unread;
}

void recall(Topology& topology, const Journal& journal) {
  for (const auto& intent : journal.intents()) {
    if (intent.cntlid == topology.identity.cntlid) {
      topology.intents.push_back(intent);
    } else if (is_of_controlling(intent.kind)) {
      topology.other_intents.push_back(intent);
    }
  }
}

}  // namespace

std::string describe(const ControlledFunction& function) {
  return describe(function.cntlid, function.vfn);
}

std::string describe(std::uint16_t cntlid, unsigned vfn) {
  auto text = "controlled function " + std::to_string(cntlid);
  return vfn == 0 ? text : text + " (vf " + std::to_string(vfn) + ")";
}

const Intent* ControlledFunction::intent(IntentKind kind) const noexcept {
  const auto found = std::find_if(intents.begin(), intents.end(), [kind](const Intent& one) {
    return one.kind == kind && !one.stale;
  });
  return found == intents.end() ? nullptr : &*found;
}

std::optional<bool> ControlledFunction::suspended() const noexcept {
  return told ? told->suspended : std::nullopt;
}

bool ControlledFunction::untold() const noexcept { return told && !told->suspended; }

bool ControlledFunction::held() const noexcept {
  return suspended().value_or(custody() != nullptr);
}

const Intent* ControlledFunction::custody() const noexcept {
  const auto found = std::find_if(intents.begin(), intents.end(), [](const Intent& one) {
    return is_custody(one.kind) && !one.stale;
  });
  return found == intents.end() ? nullptr : &*found;
}

bool ControlledFunction::may_run_twice() const noexcept {
  const auto* guest = custody();
  const bool left =
      guest != nullptr && (guest->kind == IntentKind::exported || guest->kind == IntentKind::away);
  return left && suspended() == false;
}

bool ControlledFunction::suspended_without_record() const noexcept {
  return suspended() == true && custody() == nullptr;
}

bool ControlledFunction::lost_resources() const noexcept {
  return wanted && online == false &&
         (queues < wanted->granted_queues || interrupts < wanted->granted_interrupts);
}

bool ControlledFunction::lacks_namespace() const noexcept {
  const bool needs = online == true || marked || binding || custody() != nullptr;
  return needs && !controls && namespaces && namespaces->empty();
}

const ControlledFunction* Topology::find(std::uint16_t cntlid) const noexcept {
  const auto found = std::lower_bound(
      functions.begin(), functions.end(), cntlid,
      [](const ControlledFunction& function, std::uint16_t id) { return function.cntlid < id; });
  return found != functions.end() && found->cntlid == cntlid ? &*found : nullptr;
}

ControlledFunction* Topology::find(std::uint16_t cntlid) noexcept {
  return const_cast<ControlledFunction*>(std::as_const(*this).find(cntlid));
}

bool Topology::lacks_vfs() const noexcept {
  if (sriov.total == 0) return false;
  return sriov.enabled == 0 ||
         std::any_of(functions.begin(), functions.end(),
                     [](const ControlledFunction& one) { return one.lost_resources(); });
}

unsigned Topology::recorded_vfs() const noexcept {
  unsigned most = 0;
  for (const auto& one : functions) {
    if (!one.elsewhere() && (one.recorded() || one.wanted))
      most = std::max<unsigned>(most, one.vfn);
  }
  return most;
}

unsigned Topology::vfs_for(const ControlledFunction& function) const noexcept {
  if (function.vfn == 0 || address.empty()) return 0;
  if (sriov.enabled != 0) return function.vfn > sriov.enabled ? 0 : sriov.enabled;
  return std::max<unsigned>(function.vfn, recorded_vfs());
}

bool Topology::is_enabled_vf(const ControlledFunction& function) const noexcept {
  if (function.vfn != 0) return function.vfn <= sriov.enabled;
  return function.pci && function.pci->physical == address && !address.empty();
}

std::string subsystem_nqn(Device& device, const ControllerIdentity& identity) {
  const auto controllers = device.pci().controllers();
  const auto* own = controller_at(controllers, device.address());
  if (own != nullptr && !own->subsystem_nqn.empty()) return own->subsystem_nqn;
  for (const auto& controller : controllers) {
    const bool may_be_own = own == nullptr && !device.address().empty();
    if (may_be_own && !controller.unread.empty()) throw Error(ExitStatus::io, controller.unread);
  }
  auto nqn = identity.subsystem_nqn.empty() ? default_nqn(identity) : identity.subsystem_nqn;
  // What the kernel shows of it is read without the padding of the model.
  return nqn.erase(nqn.find_last_not_of(' ') + 1);
}

void recall(ControlledFunction& function, const Registry& registry, const Journal& journal) {
  function.marked = registry.is_marked(function.cntlid);
  function.backend = registry.backend_of(function.cntlid);
  function.binding.reset();
  if (const auto* binding = registry.binding_of(function.cntlid)) function.binding = *binding;
  function.wanted.reset();
  // Of a function of another controlling function it is not for this one to restore.
  const auto* wanted = function.secondary ? registry.wanted_of(function.cntlid) : nullptr;
  if (wanted != nullptr) function.wanted = *wanted;
  function.intents.clear();
  for (const auto& intent : journal.intents()) {
    const bool own = intent.cntlid == function.cntlid;
    if (own && !is_of_controlling(intent.kind)) function.intents.push_back(intent);
  }
}

Topology read_topology(Device& device, const ControllerIdentity& identity, const std::string& nqn,
                       const Registry& registry, const Journal& journal, bool lenient) {
  Topology topology;
  topology.device = device.name();
  topology.address = device.address();
  topology.simulated = device.simulated();
  topology.identity = identity;
  topology.identity.subsystem_nqn = nqn;
  if (!topology.address.empty()) topology.sriov = device.pci().sriov(topology.address);

  const auto controllers = device.pci().controllers();
  if (const auto* own = controller_at(controllers, topology.address)) {
    topology.max_queue_entries = own->max_queue_entries;
    topology.host_queues = own->queues;
  }
  const Places places(controllers, nqn, identity, registry, journal);
  // A list that a controller does not know costs an entry in its error log, which monitoring
  // counts: a plain drive is not asked.
  const bool manages = identity.virtualization_management || topology.sriov.total > 0;
  const bool others = manages || identity.live_migration || places.has_peers(topology.address);
  topology.oddities = identity.oddities;
  Lists lists(device.admin(), topology.oddities, lenient);
  if (manages) topology.resources = lists.resources(identity.cntlid);
  topology.functions = functions_of(lists, identity.cntlid, manages, others);
  for (auto& function : topology.functions) {
    place(function, topology, device.pci(), places);
    recall(function, registry, journal);
  }
  recall(topology, journal);
  return topology;
}

}  // namespace nvmigrate
