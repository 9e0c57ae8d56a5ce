// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "nvmigrate/nvme/identity.h"

namespace nvmigrate::sim {

/// How the controlling functions behave: as the specification says; like the known emulator with
/// its quirks (only whole images, CSUP only in the header, other statuses); with the vendor
/// commands of Intel's RFC in place of Migration Send and Receive; or with both command sets.
enum class Personality { spec, emulator, rfc, both };
/// `spec`, …
std::string_view to_string(Personality personality) noexcept;
/// \return nothing for an unknown name
std::optional<Personality> personality_of(std::string_view name) noexcept;

/// Which reset of a primary puts a new allocation of flexible resources to it into effect: by the
/// specification one of the function, but drives differ.
enum class PrimaryReset { function, controller, both, never };
/// `function`, …
std::string_view to_string(PrimaryReset reset) noexcept;
/// \return nothing for an unknown name
std::optional<PrimaryReset> primary_reset_of(std::string_view name) noexcept;

/// What the Commands Supported and Effects log says of Virtualization Management, Migration Send
/// and Migration Receive: not supported by default; no restriction; no other command of the same,
/// or of any namespace; Get Log Page fails.
enum class Effects { absent, free, same_namespace, any_namespace, unreadable };
/// `absent`, …
std::string_view to_string(Effects effects) noexcept;
/// \return nothing for an unknown name
std::optional<Effects> effects_of(std::string_view name) noexcept;

/// Bytes of the header of a Controller State.
inline constexpr std::uint64_t state_header_size = 48;

/// The shape of a simulated subsystem. By default it has eight VFs, none enabled, and migrates in
/// the NVMe format and one vendor format.
struct Parameters {
  Personality personality = Personality::spec;
  unsigned controlling = 1;  ///< controlling functions; ids 0 … controlling-1
  unsigned vfs_total = 8;    ///< VFs of each controlling function
  /// Of the controlling functions, the last so many are of another host, as those behind the second
  /// port of a drive: neither they nor their VFs, which are online, are on this host's PCI bus.
  unsigned elsewhere = 0;
  unsigned others = 0;       ///< controllers that are neither VFs nor secondaries
  unsigned secondaries = 0;  ///< secondary controllers of the first one without a VF (VFN 0)
  bool migration = true;     ///< HMLMS, or the vendor commands
  /// Flexible resources of a primary; 0 for none. By default 8 queues and 4 interrupts a VF.
  std::optional<std::uint32_t> vq{}, vi{};
  std::uint16_t vq_max = 16, vi_max = 8;  ///< most for one secondary
  std::uint16_t vq_private = 2;           ///< queues of a primary that are not flexible
  std::uint16_t grain = 1;     ///< assignments are rounded up to a multiple (NRM differs from NR)
  bool round_down = false;     ///< they are rounded down instead
  bool primary_holds = false;  ///< at first a primary holds all flexible resources that are free
  PrimaryReset primary_reset = PrimaryReset::function;

  bool namespace_management = true;
  unsigned namespaces = 1;                                  ///< with ids from 1
  std::uint64_t namespace_size = std::uint64_t{16} << 30U;  ///< bytes of each, whole blocks
  std::uint32_t block_size = 512;                           ///< a power of 2
  /// Each can be attached to one controller only, and is attached to the first controlling
  /// function.
  bool private_namespaces = false;
  bool detached = false;  ///< at first no namespace is attached to a function that is controlled

  /// Bytes of a whole image, a multiple of 4; 48 for a bare header with neither part. Bytes that
  /// the queues do not need go to the vendor part, or, without one, pad the NVMe part. By default
  /// the vendor part has 64 KiB and 20 bytes.
  std::optional<std::uint64_t> state_size{};
  bool vendor = true;                ///< a vendor part; never with the emulator's personality
  std::vector<Uuid> vendor_uuids{};  ///< formats of the vendor part; empty: one of the simulator
  std::vector<std::uint16_t> versions{0};  ///< of the NVMe controller state
  bool renumber_formats = false;           ///< odd controlling functions number formats backwards
  /// Most bytes of one command: 0 for no limit, or a power of 2 from 8 KiB on. By default 512 KiB
  /// or, with the emulator's personality, no limit.
  std::optional<std::uint64_t> mdts{};
  Effects effects = Effects::absent;
  bool exported_subsystem = false;  ///< NVMe 2.4 with the state of an exported NVM subsystem
  bool track_memory = false;        ///< THMCS; never with the emulator's personality
  bool track_user_data = false;     ///< TUDCS, without any queue to log into

  bool iommu = true;
  bool vfio_groups = true;       ///< the kernel has group nodes (VFIO_GROUP)
  bool vfio_cdevs = true;        ///< the kernel has cdev nodes and /dev/iommu (VFIO_DEVICE_CDEV)
  bool shared_groups = false;    ///< VFs 1 and 2 share an IOMMU group, 3 and 4, …
  std::string variant_driver{};  ///< a vfio variant driver that claims the VFs; empty: none
  /// How its lists of controllers are odd: `empty` (the secondary ones, until there are VFs),
  /// `unsorted`, `doubled` entries, one VF of two controllers (`vfn`), the `status` 137h (of all
  /// controllers). Empty: they are not.
  std::string odd_list{};
  unsigned reset_ms = 0;  ///< how long a function level reset takes

  /// Texts of Identify Controller; `\xNN` stands for a byte. Without a serial number it is made
  /// from the name of the subsystem.
  std::optional<std::string> serial{};
  std::string model = "nvmigrate simulated controller";
  std::string firmware = "1.0";
  std::string nqn{};  ///< empty: made from the name of the subsystem
  std::uint64_t seed = 1;

  [[nodiscard]] bool is_emulator() const noexcept { return personality == Personality::emulator; }
  /// Whether they are a vendor's that has the commands of the RFC.
  [[nodiscard]] bool is_vendors() const noexcept {
    return personality == Personality::rfc || personality == Personality::both;
  }
  /// PCI vendor of every function.
  [[nodiscard]] std::uint16_t vendor_id() const noexcept;
  /// Whether they have Migration Send and Receive (HMLMS).
  [[nodiscard]] bool is_standard() const noexcept {
    return migration && personality != Personality::rfc;
  }
  bool operator==(const Parameters&) const = default;
};

/// Fills in the defaults for a subsystem called `name`. \throws usage_error naming a wrong
/// parameter
Parameters completed(Parameters parameters, const std::string& name);

/// A text with the bytes for which `\xNN` stands.
std::string bytes_of(const std::string& text);

/// The format tables of a controlling function, in its own order.
std::vector<std::uint16_t> versions_of(const Parameters& parameters, std::uint16_t controlling);
std::vector<Uuid> vendors_of(const Parameters& parameters, std::uint16_t controlling);

}  // namespace nvmigrate::sim
