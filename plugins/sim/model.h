// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "nvmigrate/ports/pci_bus.h"
#include "nvmigrate/store/records.h"
#include "plugins/sim/guest.h"
#include "plugins/sim/parameters.h"

/// The pure model of a simulated NVM subsystem on its simulated host: values and the rules that
/// change them, without files, clock and encodings.
namespace nvmigrate::sim {

enum class Kind { controlling, vf, secondary, other };
std::string_view to_string(Kind kind) noexcept;

/// A Set Controller State that has begun and not ended. The prefix holds headers and queues; all
/// other bytes are checked when they come and not kept.
struct OpenSequence {
  std::uint64_t token = 0;               ///< generation of the subsystem when it began
  std::uint16_t through = 0;             ///< the controlling function that got it
  std::uint8_t version = 0, vendor = 0;  ///< indexes of that controlling function
  std::vector<std::byte> prefix;
  std::uint64_t position = 0;
  bool intact = true;
  bool operator==(const OpenSequence&) const = default;
};

/// A committed state that has not been resumed.
struct Loaded {
  std::string vendor_digest;
  bool operator==(const Loaded&) const = default;
};

/// Granules of host memory that follow one another: the address of the first, and their number.
using Granules = std::pair<std::uint64_t, std::uint32_t>;

/// What is tracked of a function. Every I/O of its guest changes one granule.
struct Tracking {
  std::uint16_t through = 0;  ///< the controlling function that began it
  std::uint8_t exponent = 0;  ///< granules of 2^n × 4 KiB
  std::vector<Granules> ranges;
  std::uint64_t seen = 0;      ///< progress of the guest that was looked at
  std::vector<Granules> left;  ///< found changed and not reported yet
  bool operator==(const Tracking&) const = default;
};

/// A use of the namespaces of a function by its host.
struct HostUse {
  std::string kind;    ///< mount, hold, swap, partition
  std::string object;  ///< /srv, dm-0, …
  bool operator==(const HostUse&) const = default;
};

/// A controller with its PCI function.
struct Function {
  std::uint16_t id = 0;
  Kind kind = Kind::other;
  std::uint16_t primary = 0;  ///< of a VF or secondary
  std::uint16_t vfn = 0;      ///< 1-based; 0: not a VF
  bool online = false;
  std::uint16_t vq = 0, vi = 0;
  std::set<std::uint32_t> namespaces;         ///< attached to it, also while it is offline
  std::optional<std::uint16_t> suspended_by;  ///< controlling function that suspended it
  std::optional<Guest> guest;                 ///< the controller is enabled while it has one
  std::optional<OpenSequence> sequence;
  std::optional<Loaded> loaded;
  bool was_set = false;  ///< a state was set since the last reset
  std::optional<Snapshot> stopped, continued;

  std::optional<std::string> driver, override_to;
  unsigned instance = 0;  ///< of its driver: the 3 of nvme3 or vfio3
  std::vector<HostUse> uses;
  std::optional<Tracking> tracking;
  std::optional<std::uint64_t> exported;  ///< seed of the exported subsystem's state that was set
  bool operator==(const Function&) const = default;

  [[nodiscard]] bool is_secondary() const noexcept {
    return kind == Kind::vf || kind == Kind::secondary;
  }
  [[nodiscard]] bool suspended() const noexcept { return suspended_by.has_value(); }
  [[nodiscard]] bool running() const noexcept { return guest && !suspended(); }
};

/// The state of a controlling function as a primary controller.
struct Primary {
  unsigned enabled_vfs = 0;
  bool autoprobe = true;
  std::uint16_t vq = 0, vi = 0;  ///< flexible resources of the primary itself
  std::uint16_t vq_after_reset = 0, vi_after_reset = 0;
  bool operator==(const Primary&) const = default;
};

/// A simulated subsystem and its host.
struct Subsystem {
  std::string name;
  Parameters parameters;
  std::uint64_t generation = 0;                                           ///< counts the changes
  std::vector<Primary> primaries;                                         ///< by controller id
  std::vector<Function> functions;                                        ///< by controller id
  std::map<std::string, std::pair<std::uint32_t, std::uint32_t>> owners;  ///< of vfio nodes
  bool operator==(const Subsystem&) const = default;

  [[nodiscard]] Function* find(std::uint64_t id) noexcept;
  [[nodiscard]] const Function* find(std::uint64_t id) const noexcept;
  [[nodiscard]] Function* at_address(std::string_view address) noexcept;
  [[nodiscard]] const Function* at_address(std::string_view address) const noexcept;
  /// Whether the function is on this host, and not behind another port.
  [[nodiscard]] bool here(const Function& function) const noexcept;
  /// Whether the function is on the bus: all but VFs that are not enabled.
  [[nodiscard]] bool present(const Function& function) const noexcept;
  [[nodiscard]] std::string address_of(const Function& function) const;
  [[nodiscard]] std::optional<unsigned> group_of(const Function& function) const noexcept;
  /// The device string of a controlling function: sim:NAME, or sim:NAME/ID when there are several.
  [[nodiscard]] std::string device_name(std::uint16_t controlling) const;
  /// The function that a user names relative to a controlling function: 3, 0x3, vf2, an address.
  /// \throws usage_error, not_found
  [[nodiscard]] const Function& named(const std::string& word, std::uint16_t controlling) const;
};

/// The serial number of the controllers of a subsystem, with whatever bytes it has.
std::string serial_of(const Subsystem& subsystem);
/// The key of the marks, bindings and journal of a subsystem, as a session derives it.
SubsystemKey key_of(const Subsystem& subsystem);

/// A new subsystem. \throws usage_error
Subsystem made(const std::string& name, const Parameters& parameters);
/// One of the functions of a new subsystem.
Function made_function(const Parameters& parameters, std::uint16_t id);

/// Most I/O queue pairs and interrupt vectors of a guest of a function.
struct Limits {
  unsigned pairs = 0, vectors = 0;
};
Limits limits_of(const Subsystem& subsystem, const Function& function) noexcept;

/// Controller level reset of a controlled function: ends its suspension, drops its queues and a
/// loaded state.
void reset(Function& function);
/// Resets it, takes it offline and takes its flexible resources.
void take_offline(Function& function);
/// Controller level reset of a controlling function: ends every suspension that it made and takes
/// its secondaries offline.
/// \param function_level else it is a Controller Reset; the parameters say which of the two puts a
/// new allocation to the primary into effect
void reset_controlling(Subsystem& subsystem, std::uint16_t id, bool function_level);
/// \throws refused when it is offline, suspended or has a guest; usage_error for too many queues
void start_guest(Subsystem& subsystem, Function& function, std::optional<unsigned> pairs);
/// Every running guest does some I/Os.
void advance_guests(Subsystem& subsystem);
/// The position of the guest of a function.
Snapshot snapshot_of(const Subsystem& subsystem, const Function& function);
/// Bytes of the vendor part in a whole image of this function; 0: it has none.
std::uint64_t vendor_length(const Subsystem& subsystem, const Function& function);
/// Bytes of the NVMe part with `queues` queues in all, before padding.
constexpr std::uint64_t nvme_length(std::uint64_t queues) noexcept { return 8 + 24 * queues; }

}  // namespace nvmigrate::sim
