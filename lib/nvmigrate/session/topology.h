// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <exception>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "nvmigrate/nvme/identity.h"
#include "nvmigrate/ports/pci_function.h"
#include "nvmigrate/store/records.h"

namespace nvmigrate {

/// What a device says of a controlled function at this moment.
struct FunctionState {
  std::optional<bool> suspended{};   ///< nothing: its command set has nothing that asks
  std::uint64_t bytes = 0;           ///< of its whole state in the formats asked for; 0: not known
  std::optional<unsigned> queues{};  ///< I/O queues of both kinds; nothing: not known
};

/// A controlled function: the join of what the controlling function, the PCI bus, the registry and
/// the journal know of one controller id.
struct ControlledFunction {
  std::uint16_t cntlid = 0;    ///< controller id
  bool secondary = false;      ///< in the Secondary Controller List of the controlling function
  std::optional<bool> online;  ///< nothing: the device does not say
  std::uint16_t vfn = 0;       ///< 1-based VF number; 0: it is not a VF
  std::uint16_t queues = 0, interrupts = 0;  ///< assigned flexible resources
  std::optional<PciFunction> pci;            ///< nothing: not (yet) on the bus, or not known
  /// Why the host does not tell where it is or who has it; empty: it told.
  std::string unread{};
  /// Another controlling function: it has an SR-IOV capability, or the device calls it a primary
  /// controller (see Session::ask_whether_controls()).
  bool controls = false;
  /// Known to be of another controlling function: a VF of that one on this host, or listed by the
  /// device as its secondary controller.
  bool of_another = false;
  std::optional<std::vector<std::uint32_t>>
      namespaces{};  ///< attached to it; nothing: see Session::ask_namespaces()
  VfioNodes vfio;    ///< nodes through which a VM opens it
  std::optional<std::string> kernel_name;  ///< nvme3, when the nvme driver has it
  bool marked = false;                     ///< it may be migrated
  std::string backend{};                   ///< recorded with the mark; may be empty
  /// What the device says of it; nothing: it was not asked, or did not tell (see Session::ask()).
  std::optional<FunctionState> told{};
  std::string not_told{};          ///< why the device did not tell, when it was asked in vain
  std::exception_ptr failure{};    ///< the same, as it was thrown
  bool asked = false;              ///< see Session::ask()
  std::optional<Binding> binding;  ///< nothing: it was not bound by this library
  std::optional<WantedResources> wanted;  ///< nothing: it was not provisioned by this library
  std::vector<Intent> intents;            ///< journalled and not ended

  /// An intent of this kind that the device does not contradict. \return nullptr if no intent
  /// matches
  [[nodiscard]] NVMIGRATE_API const Intent* intent(IntentKind kind) const noexcept;
  [[nodiscard]] bool has(IntentKind kind) const noexcept { return intent(kind) != nullptr; }
  /// What is recorded of its guest and not contradicted by the device. \return nullptr: nothing
  [[nodiscard]] NVMIGRATE_API const Intent* custody() const noexcept;
  /// Its state has left, and the device says that a guest runs here all the same.
  [[nodiscard]] NVMIGRATE_API bool may_run_twice() const noexcept;
  /// What the device says; nothing: it does not tell.
  [[nodiscard]] NVMIGRATE_API std::optional<bool> suspended() const noexcept;
  /// It was asked, and its command set cannot say whether it is suspended.
  [[nodiscard]] NVMIGRATE_API bool untold() const noexcept;
  /// Whether it is suspended: as the device says, and where that does not tell, as is recorded.
  [[nodiscard]] NVMIGRATE_API bool held() const noexcept;
  /// The device calls it suspended, and there is no record of who suspended it.
  [[nodiscard]] NVMIGRATE_API bool suspended_without_record() const noexcept;
  /// Whether a mark, a binding or an intent of it is recorded on this host.
  [[nodiscard]] bool recorded() const noexcept { return marked || binding || !intents.empty(); }
  /// Whether nothing says that it is for the controlling function to migrate: that does not list it
  /// as its secondary controller, and nothing is recorded of it.
  [[nodiscard]] bool foreign() const noexcept { return !secondary && !recorded(); }
  /// Whether it is foreign and another host, or another controlling function of this one, has it.
  [[nodiscard]] bool elsewhere() const noexcept { return foreign() && (of_another || !pci); }
  /// Whether it is bound to a driver of vfio (its node is there).
  [[nodiscard]] bool on_vfio() const noexcept { return vfio.group || vfio.device; }
  /// It is offline without the resources that it was provisioned with: the controlling function was
  /// reset, or the host restarted.
  [[nodiscard]] NVMIGRATE_API bool lost_resources() const noexcept;
  /// It is provisioned, bound or to migrate, and no namespace is attached to it.
  [[nodiscard]] NVMIGRATE_API bool lacks_namespace() const noexcept;
  /// Whether it may be online: it is, or the device does not say.
  [[nodiscard]] bool may_be_online() const noexcept { return online.value_or(true); }
};

/// `controlled function 3 (vf 3)`.
NVMIGRATE_API std::string describe(const ControlledFunction& function);
/// The same. \param vfn 1-based; 0: it is not a VF
NVMIGRATE_API std::string describe(std::uint16_t cntlid, unsigned vfn);

/// Where the guest of a controlled function is, as far as the device and the records tell.
enum class Custody {
  running,     ///< or empty; nothing is recorded
  offline,     ///< a secondary controller that is Offline
  suspended,   ///< by this tool, or as the device says; its state has not left
  exporting,   ///< its state is being read, or that ended early
  exported,    ///< its state was handed over: whoever has the bytes may run them
  away,        ///< its guest runs elsewhere
  loading,     ///< a state is loaded into it, or the load ended early
  loaded,      ///< it holds a complete state and is not resumed yet
  unbound,     ///< taken from its driver and not given to another
  two_copies,  ///< its state has left, and a guest runs here all the same
};
/// `running`, `offline`, …: the word in listings and in JSON.
NVMIGRATE_API std::string_view to_string(Custody custody) noexcept;
/// What records and device together say of it; the device as far as it was asked.
NVMIGRATE_API Custody custody_of(const ControlledFunction& function) noexcept;

/// A controlling function with everything it controls, ascending by controller id.
struct Topology {
  std::string device;   ///< as named by the user
  std::string address;  ///< PCI; empty when it is not a PCI function
  bool simulated = false;
  ControllerIdentity identity;
  std::optional<PrimaryResources> resources;         ///< nothing: no Virtualization Management
  std::optional<std::uint32_t> max_queue_entries{};  ///< of an I/O queue, where it is known
  std::optional<std::uint32_t>
      host_queues{};  ///< of the controlling function, that its driver uses
  SriovState sriov;
  unsigned wanted_vfs = 0;  ///< by the profiles of this host; known where VFs are missing
  std::optional<std::vector<std::uint32_t>>
      namespaces{};  ///< that there are; nothing: see Session::ask_namespaces()
  std::vector<NamespaceShape>
      namespace_shapes{};  ///< of those that told; see Session::ask_namespace_shapes()
  std::vector<ControlledFunction> functions;
  /// What is odd in the answers of the device; see Session::tolerate_unreadable_lists().
  Oddities oddities{};
  std::vector<Intent> intents;        ///< of the controlling function itself
  std::vector<Intent> other_intents;  ///< those of others that control in this subsystem

  /// \return nullptr when it controls no function of this controller id
  [[nodiscard]] NVMIGRATE_API const ControlledFunction* find(std::uint16_t cntlid) const noexcept;
  [[nodiscard]] NVMIGRATE_API ControlledFunction* find(std::uint16_t cntlid) noexcept;
  /// Whether there are no VFs, or some that lost what they were provisioned with.
  [[nodiscard]] bool lacks_vfs() const noexcept;
  /// The highest number of a VF that has a record, or 0.
  [[nodiscard]] unsigned recorded_vfs() const noexcept;
  /// How many VFs to provision so that this function is there again, with every other one of which
  /// something is recorded; 0: provisioning does not help it.
  [[nodiscard]] unsigned vfs_for(const ControlledFunction& function) const noexcept;
  /// Whether the function is a VF of this controlling function that is enabled now.
  [[nodiscard]] NVMIGRATE_API bool is_enabled_vf(const ControlledFunction& function) const noexcept;
};

}  // namespace nvmigrate
