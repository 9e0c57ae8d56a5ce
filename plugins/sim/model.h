// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "nvmigrate/ports/pci_bus.h"
#include "plugins/sim/guest.h"
#include "plugins/sim/parameters.h"

/// The pure model of a simulated NVM subsystem on its simulated host: values and the rules that
/// change them; no files, no clock, no encodings.
namespace nvmigrate::sim {

enum class Kind { controlling, vf, secondary, other };
std::string_view to_string(Kind kind) noexcept;

/// Set Controller State that has begun and not ended. The prefix holds the bytes that mean
/// something (headers and queues); all others are checked when they come and not kept.
struct OpenSequence {
  std::uint64_t token = 0;               ///< generation of the subsystem in which it began
  std::uint16_t through = 0;             ///< controlling function it came through
  std::uint8_t version = 0, vendor = 0;  ///< indexes of that controlling function
  std::vector<std::byte> prefix;
  std::uint64_t position = 0;
  bool intact = true;
  bool operator==(const OpenSequence&) const = default;
};

/// A committed state that waits for its Resume.
struct Loaded {
  std::string vendor_digest;
  bool operator==(const Loaded&) const = default;
};

/// Something of this host that uses the namespaces of a function.
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
  std::uint16_t vfn = 0;      ///< 1-based; 0: no VF
  bool online = false;
  std::uint16_t vq = 0, vi = 0;
  std::optional<std::uint16_t> suspended_by;  ///< controlling function that suspended it
  std::optional<Guest> guest;                 ///< enabled while there is one
  std::optional<OpenSequence> sequence;
  std::optional<Loaded> loaded;
  bool was_set = false;  ///< a state was set since the last reset
  std::optional<Snapshot> stopped, continued;

  std::optional<std::string> driver, override_to;
  unsigned instance = 0;  ///< of its driver: the 3 of nvme3 or vfio3
  std::vector<HostUse> uses;
  bool operator==(const Function&) const = default;

  [[nodiscard]] bool is_secondary() const noexcept {
    return kind == Kind::vf || kind == Kind::secondary;
  }
  [[nodiscard]] bool suspended() const noexcept { return suspended_by.has_value(); }
  [[nodiscard]] bool running() const noexcept { return guest && !suspended(); }
};

/// What is a controlling function's own as a primary controller.
struct Primary {
  unsigned enabled_vfs = 0;
  bool autoprobe = true;
  std::uint16_t vq = 0, vi = 0;  ///< flexible resources of the primary itself
  std::uint16_t vq_after_reset = 0, vi_after_reset = 0;
  bool operator==(const Primary&) const = default;
};

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
  /// VF enabled, or no VF: whether the function is on the bus.
  [[nodiscard]] bool present(const Function& function) const noexcept;
  [[nodiscard]] std::string address_of(const Function& function) const;
  [[nodiscard]] std::optional<unsigned> group_of(const Function& function) const noexcept;
  /// The function that a user names relative to a controlling function: 3, 0x3, vf2, an address.
  /// \throws usage_error, not_found
  [[nodiscard]] const Function& named(const std::string& word, std::uint16_t controlling) const;
};

/// A subsystem as it is when it comes from the factory. \throws usage_error
Subsystem made(const std::string& name, const Parameters& parameters);
/// One of its functions as it is then.
Function made_function(const Parameters& parameters, std::uint16_t id);

/// How many I/O queue pairs and interrupt vectors a guest of this function may have.
struct Limits {
  unsigned pairs = 0, vectors = 0;
};
Limits limits_of(const Subsystem& subsystem, const Function& function) noexcept;

/// Controller level reset of a function that is controlled: not suspended, its queues and whatever
/// was loaded gone.
void reset(Function& function);
/// Offline: reset, and without flexible resources.
void take_offline(Function& function);
/// Controller level reset of a controlling function: releases every suspension it made, takes its
/// secondaries offline; by function level reset also puts the primary's new allocation into effect.
void reset_controlling(Subsystem& subsystem, std::uint16_t id, bool function_level);
/// \throws refused when it is offline, suspended or has a guest; usage_error for too many queues
void start_guest(Subsystem& subsystem, Function& function, std::optional<unsigned> pairs);
/// Every running guest does some I/Os.
void advance_guests(Subsystem& subsystem);
/// Where the guest of a function is.
Snapshot snapshot_of(const Subsystem& subsystem, const Function& function);
/// Bytes of the vendor part in a whole image of this function; 0 without one.
std::uint64_t vendor_length(const Subsystem& subsystem, const Function& function);
/// Bytes of the NVMe part with `queues` queues in all, before padding.
constexpr std::uint64_t nvme_length(std::uint64_t queues) noexcept { return 8 + 24 * queues; }

}  // namespace nvmigrate::sim
