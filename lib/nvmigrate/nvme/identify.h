// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "nvmigrate/base/uuid.h"
#include "nvmigrate/nvme/admin_port.h"

namespace nvmigrate {

/// Who a controller is and what it can (Identify Controller).
struct ControllerIdentity {
  std::uint16_t cntlid = 0;
  std::uint16_t vendor = 0;
  std::string serial, model, firmware;  ///< without padding; control characters as '?'
  std::string subsystem_nqn;
  std::uint32_t version = 0;     ///< 0x00020100 is 2.1
  std::size_t max_transfer = 0;  ///< bytes, from MDTS with 4 KiB pages; 0: no limit
  bool virtualization_management = false;
  bool live_migration = false;  ///< OACS b11, HMLMS
};

/// Flexible resources of one kind (queues or interrupts) of a primary controller.
struct FlexibleResources {
  bool supported = false;
  std::uint32_t total = 0;          ///< VQFRT
  std::uint32_t assigned = 0;       ///< VQRFA
  std::uint16_t primary = 0;        ///< VQRFAP
  std::uint16_t private_ = 0;       ///< VQPRT
  std::uint16_t per_secondary = 0;  ///< VQFRSM
  std::uint16_t granularity = 0;    ///< VQGRAN
  /// What is left for secondary controllers.
  [[nodiscard]] std::uint32_t free() const noexcept;
};

struct PrimaryResources {
  FlexibleResources queues, interrupts;
};

struct SecondaryController {
  std::uint16_t cntlid = 0, primary = 0;
  bool online = false;
  std::uint16_t vfn = 0;  ///< 1-based; 0: no virtual function
  std::uint16_t queues = 0, interrupts = 0;
  bool operator==(const SecondaryController&) const = default;
};

/// CNS 20h as the controller numbers it: the index of an entry is its place + 1.
struct FormatTable {
  std::vector<std::uint16_t> versions;
  std::vector<Uuid> vendors;
  /// \return 0 when the version, or the vendor format, is not there
  [[nodiscard]] std::uint8_t index_of(std::uint16_t version) const noexcept;
  [[nodiscard]] std::uint8_t index_of(const Uuid& vendor) const noexcept;
};

/// Decoders of the 4096 bytes of an Identify answer. \throws Error(device) saying which count is
/// beyond what the data holds
ControllerIdentity decode_identity(std::span<const std::byte> data);
PrimaryResources decode_primary_resources(std::span<const std::byte> data);
std::vector<SecondaryController> decode_secondaries(std::span<const std::byte> data);
std::vector<std::uint16_t> decode_controllers(std::span<const std::byte> data);
FormatTable decode_formats(std::span<const std::byte> data);

/// Readers through the controlling function. Lists are continued (CNTID = last + 1) while full, and
/// a device whose list does not ascend is an Error(device). \throws NvmeError, OsError
ControllerIdentity read_identity(AdminPort& port);
/// \return nothing when the controller has no Virtualization Management (Invalid Field)
std::optional<PrimaryResources> read_primary_resources(AdminPort& port);
/// \return an empty list when the controller does not know the list (Invalid Field)
std::vector<SecondaryController> read_secondaries(AdminPort& port);
std::vector<std::uint16_t> read_controllers(AdminPort& port);
/// \throws unsupported naming CNS 20h when the controller does not know it
FormatTable read_formats(AdminPort& port);

}  // namespace nvmigrate
