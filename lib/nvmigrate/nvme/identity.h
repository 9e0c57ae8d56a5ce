// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "nvmigrate/version.h"

namespace nvmigrate {

/// Something in the answers of a device that the specification does not allow.
struct Oddity {
  std::string what;    ///< a clause: `the list of controllers is not sorted`
  bool hides = false;  ///< functions may be missing, or which VF a controller is
};
using Oddities = std::vector<Oddity>;

/// How a controlling function tracks what its controlled functions change (TRATTR and the fields
/// before it).
struct TrackingAbility {
  bool memory = false;                     ///< THMCS: of host memory
  bool user_data = false;                  ///< TUDCS: of user data, by a controller data queue
  bool powers_of_two = false;              ///< MRTLL: a range has a power of two of granules
  std::uint16_t ranges = 0;                ///< CMMRTD, most of one controller
  std::uint16_t ranges_of_all = 0;         ///< NMMRTD, most of all controllers together
  std::uint64_t finest = 0, coarsest = 0;  ///< MINMRTG and MAXMRTG: bytes of a granule
};

/// Host memory as a controller addresses it, in bytes.
struct MemoryRange {
  std::uint64_t address = 0, bytes = 0;
  auto operator<=>(const MemoryRange&) const = default;
};

/// What a controlled function changed since it was last asked.
struct TrackedMemory {
  std::vector<MemoryRange> ranges{};
  std::uint64_t granule = 0;  ///< bytes: the ranges are multiples of it
  bool more = false;          ///< there is more to read
  bool suspended = false;     ///< the function was suspended: without `more`, this is all
};

/// Identity and abilities of a controller (Identify Controller, Base 2.1 figure 312).
struct ControllerIdentity {
  std::uint16_t cntlid = 0;            ///< controller id
  std::uint16_t vendor = 0;            ///< PCI vendor id, VID
  std::uint16_t subsystem_vendor = 0;  ///< PCI subsystem vendor id, SSVID
  /// Without padding. What is not printable ASCII, and a backslash, is written as `\xNN`: no two
  /// drives get the same one.
  std::string serial;
  /// Up to the first NUL and without padding; '?' in place of what is not printable ASCII.
  std::string model, firmware;
  Oddities oddities{};  ///< of these texts
  /// SN (20 bytes) and MN (40 bytes) as the controller gave them, with padding and whatever else.
  std::string raw_serial, raw_model;
  /// SUBNQN, cleaned like the other texts; empty when the controller gives none that the kernel
  /// takes: 1 to 222 characters and a NUL.
  std::string subsystem_nqn;
  std::uint32_t version = 0;               ///< 0x00020100 is 2.1
  std::size_t max_transfer = 0;            ///< bytes, from MDTS with 4 KiB pages; 0: no limit
  bool virtualization_management = false;  ///< OACS b7
  bool namespace_management = false;       ///< OACS b3
  bool live_migration = false;             ///< OACS b11, HMLMS
  std::uint8_t first_vendor_byte = 0;      ///< byte 3072, the first that is vendor specific
  bool effects_log = false;  ///< LPA b1: it has the Commands Supported and Effects log
  TrackingAbility tracking{};
};

/// What the Commands Supported and Effects log (log page 05h) says of an admin command.
struct CommandEffects {
  std::uint8_t opcode = 0;
  bool supported = false;  ///< CSUPP
  /// CSE: 0, none; 1, no other command of the same namespace may be outstanding; 2, of any
  /// namespace. Linux makes no difference between these two.
  std::uint8_t restriction = 0;
};

/// Flexible resources of one kind, VQ (queues) or VI (interrupts), of a primary controller; the
/// fields of VI are named likewise.
struct FlexibleResources {
  bool supported = false;           ///< CRT
  std::uint32_t total = 0;          ///< VQFRT, assigned or not
  std::uint32_t assigned = 0;       ///< VQRFA, held by secondary controllers
  std::uint16_t primary = 0;        ///< VQRFAP, held by the primary
  std::uint16_t private_ = 0;       ///< VQPRT, private ones of the primary
  std::uint16_t per_secondary = 0;  ///< VQFRSM, the most of one secondary
  std::uint16_t granularity = 0;    ///< VQGRAN, in which they are best given
  /// The resources that neither the primary nor a secondary controller holds.
  [[nodiscard]] std::uint32_t free() const noexcept {
    const std::uint64_t taken = std::uint64_t{assigned} + primary;
    return taken > total ? 0 : static_cast<std::uint32_t>(total - taken);
  }
};

/// Primary Controller Capabilities (CNS 14h), Base 2.1 figure 330.
struct PrimaryResources {
  FlexibleResources queues, interrupts;
};

/// What a host sees of a namespace, apart from its content (Identify Namespace, CNS 11h).
struct NamespaceShape {
  std::uint32_t nsid = 0;        ///< namespace id
  std::uint64_t blocks = 0;      ///< NSZE
  std::uint32_t block_size = 0;  ///< bytes of data in a block, of the LBA format in use
  std::uint16_t metadata = 0;    ///< bytes of metadata of a block
  auto operator<=>(const NamespaceShape&) const = default;
};

/// `1 (33554432 blocks of 512 bytes), 2 (…)`, `none`.
NVMIGRATE_API std::string to_string(const std::vector<NamespaceShape>& namespaces);

/// A UUID in the byte order of RFC 9562.
struct Uuid {
  std::array<std::uint8_t, 16> bytes{};  ///< most significant first
  auto operator<=>(const Uuid&) const = default;
};

/// `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx`, lower case.
NVMIGRATE_API std::string to_string(const Uuid& uuid);
/// The form above, either case. \return nothing when it is not a UUID
NVMIGRATE_API std::optional<Uuid> parse_uuid(std::string_view text) noexcept;

/// The state formats that a controlling function knows, by value. The indexes of CNS 20h are its
/// own and never leave the backend.
struct StateFormats {
  std::vector<std::uint16_t> versions;  ///< of the NVMe controller state; the defined one is 0
  std::vector<Uuid> vendors;            ///< vendor formats
};

/// The parts of a state, by value; at least one is given.
struct FormatChoice {
  std::optional<std::uint16_t> version = 0;  ///< of the NVMe part; nothing: without it
  std::optional<Uuid> vendor;                ///< format of the vendor part; nothing: without it
  auto operator<=>(const FormatChoice&) const = default;
};

}  // namespace nvmigrate
