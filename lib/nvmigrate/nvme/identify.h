// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "nvmigrate/nvme/admin_port.h"
#include "nvmigrate/nvme/identity.h"

namespace nvmigrate {

/// The NQN that Linux makes for a controller without a valid SUBNQN, as sysfs shows it: the prefix
/// `nqn.2014.08.org.nvmexpress:`, VID and SSVID in 4 hex digits each, SN and MN with their padding.
/// It ends at the first NUL, if one of the fields has any.
std::string default_nqn(const ControllerIdentity& identity);

/// A text of Identify Controller without its padding, but nothing else lost: what is not printable
/// ASCII, and a backslash, is written as `\xNN`.
std::string exact_text(std::string_view field);

/// An entry of the Secondary Controller List (CNS 15h), Base 2.1 figure 332.
struct SecondaryController {
  std::uint16_t cntlid = 0, primary = 0;
  bool online = false;
  std::uint16_t vfn = 0;  ///< 1-based; 0: not a virtual function
  std::uint16_t queues = 0, interrupts = 0;
  bool operator==(const SecondaryController&) const = default;
};

/// The controller state formats (CNS 20h) as the controller numbers them: from 1.
struct FormatTable {
  std::vector<std::uint16_t> versions;
  std::vector<Uuid> vendors;
  /// \return 0 when the table lacks the version, or the vendor format
  [[nodiscard]] std::uint8_t index_of(std::uint16_t version) const noexcept;
  [[nodiscard]] std::uint8_t index_of(const Uuid& vendor) const noexcept;
};

/// A namespace that is allocated in the subsystem.
struct NamespaceIdentity {
  NamespaceShape shape;
  bool shared = false;  ///< NMIC b0; else it can be attached to one controller only
};

/// Decoders of the 4096 bytes of an Identify answer. \throws Error(device) when there are fewer
/// bytes, or when a count exceeds what they can hold
ControllerIdentity decode_identity(std::span<const std::byte> data);
PrimaryResources decode_primary_resources(std::span<const std::byte> data);
std::vector<SecondaryController> decode_secondaries(std::span<const std::byte> data);
std::vector<std::uint16_t> decode_controllers(std::span<const std::byte> data);
FormatTable decode_formats(std::span<const std::byte> data);
/// Likewise of the 4096 bytes of the Commands Supported and Effects log: Virtualization Management,
/// Migration Send and Migration Receive, in this order.
std::vector<CommandEffects> decode_effects(std::span<const std::byte> data);
std::vector<std::uint32_t> decode_namespaces(std::span<const std::byte> data);
NamespaceIdentity decode_namespace(std::span<const std::byte> data, std::uint32_t nsid);

/// The most controllers of one list.
inline constexpr std::size_t most_controllers = 2047;
/// A Controller List, Base 2.1 §4.6.1. \param ids ascending, at most most_controllers
std::vector<std::byte> encode_controllers(std::span<const std::uint16_t> ids);

/// Readers through the controlling function. They continue a full list (CNTID = last + 1), and give
/// every list sorted and each controller once, whatever order the device has. Of controllers that
/// claim the same VF, or one that claims several, none is taken for a VF (VFN 0).
/// \param oddities what the device did otherwise than it must is added to them, if any are given
/// \throws NvmeError, OsError, Error(device) when a list that is continued does not ascend
ControllerIdentity read_identity(AdminPort& port);
/// \return nothing when the controller has no Virtualization Management (Invalid Field)
/// \param own controller id of the controlling function
std::optional<PrimaryResources> read_primary_resources(AdminPort& port, std::uint16_t own,
                                                       Oddities* oddities = nullptr);
/// Whether the device has Primary Controller Capabilities of this controller. A device that answers
/// with those of another controller, or with an error, does not say so. \throws OsError
bool is_primary(AdminPort& port, std::uint16_t cntlid);
/// \return an empty list when the controller does not know the list (Invalid Field)
std::vector<SecondaryController> read_secondaries(AdminPort& port, Oddities* oddities = nullptr);
/// The controllers of the subsystem. \return as above
std::vector<std::uint16_t> read_controllers(AdminPort& port, Oddities* oddities = nullptr);
/// The ids of all namespaces of the subsystem. \return nothing when the controller does not know
/// the list (Invalid Field)
std::optional<std::vector<std::uint32_t>> read_namespaces(AdminPort& port,
                                                          Oddities* oddities = nullptr);
/// A namespace that is allocated.
NamespaceIdentity read_namespace(AdminPort& port, std::uint32_t nsid);
/// The controllers that a namespace is attached to.
std::vector<std::uint16_t> read_attached(AdminPort& port, std::uint32_t nsid,
                                         Oddities* oddities = nullptr);
/// \throws unsupported naming CNS 20h when the controller does not know it
FormatTable read_formats(AdminPort& port);
std::vector<CommandEffects> read_effects(AdminPort& port);

}  // namespace nvmigrate
