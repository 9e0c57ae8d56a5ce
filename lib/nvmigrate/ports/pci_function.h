// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "nvmigrate/version.h"

namespace nvmigrate {

/// A PCI function as the kernel shows it (/sys/bus/pci/devices/ADDRESS).
struct PciFunction {
  std::string address;                     ///< domain:bus:device.function, 0000:01:00.0
  std::uint16_t vendor = 0;                ///< PCI vendor id
  std::uint16_t device = 0;                ///< PCI device id
  std::uint32_t class_code = 0;            ///< 0x010802 for NVM Express
  std::optional<std::string> driver;       ///< bound driver; nothing: none
  std::optional<std::string> override_to;  ///< driver_override; nothing: none
  std::optional<unsigned> iommu_group;     ///< number; nothing: without an IOMMU
  std::optional<std::string> physical;     ///< address of the PF; nothing: it is not a VF

  bool operator==(const PciFunction&) const = default;
};

/// Whether a driver is one of vfio: vfio-pci, or a variant driver.
inline bool is_vfio_driver(const std::optional<std::string>& driver) {
  return driver && driver->find("vfio") != std::string::npos;
}

/// What the kernel's queues of a controller take in one command, the admin queue included.
struct QueueLimits {
  std::size_t bytes = 0;     ///< max_hw_sectors_kb; 0: no limit
  std::size_t segments = 0;  ///< max_segments; 0: no limit
  std::size_t page = 4096;   ///< bytes of a page of this host

  /// Most bytes that fit wherever their memory lies: each page of it may be a segment, and memory
  /// that begins within a page reaches into one more. 0: no limit
  [[nodiscard]] NVMIGRATE_API std::size_t most() const noexcept;
};

/// SR-IOV of a physical function; total is 0 without SR-IOV.
struct SriovState {
  unsigned total = 0;     ///< sriov_totalvfs
  unsigned enabled = 0;   ///< sriov_numvfs
  bool autoprobe = true;  ///< sriov_drivers_autoprobe

  bool operator==(const SriovState&) const = default;
};

/// The owner of a vfio node.
struct Owner {
  uid_t user = 0;
  gid_t group = 0;
  bool operator==(const Owner&) const = default;
};

/// Who may open a device node.
struct NodeRights {
  Owner owner{};
  mode_t mode = 0666;  ///< the permission bits

  /// Whether they let this user, in this group alone, read and write it.
  [[nodiscard]] bool admit(const Owner& who) const noexcept {
    if (who.user == 0) return true;
    const unsigned shift = who.user == owner.user ? 6 : who.group == owner.group ? 3 : 0;
    return (mode >> shift & 06U) == 06U;
  }
};

/// The nodes through which a VM opens a function; neither `group` nor `device`, unless it is bound
/// to a vfio driver. Each is of use only with the node beside it, which all VMs of the host share.
struct VfioNodes {
  std::optional<std::string> group{};     ///< /dev/vfio/GROUP
  std::optional<NodeRights> container{};  ///< /dev/vfio/vfio, needed with `group`
  std::optional<std::string> device{};    ///< /dev/vfio/devices/vfioN, kernel 6.6 and later
  std::optional<NodeRights> iommufd{};    ///< /dev/iommu, needed with `device`

  /// Whether a VM that may choose opens it through iommufd.
  [[nodiscard]] bool by_iommufd() const noexcept { return device && iommufd; }
};

}  // namespace nvmigrate
