// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <span>

namespace nvmigrate::vfio {

/// Numbers of the kernel's interface (linux/vfio.h), some newer than Debian 12's copy of it.
namespace uapi {

inline constexpr std::uint32_t feature_get = 1U << 16U;  ///< VFIO_DEVICE_FEATURE_GET
inline constexpr std::uint32_t feature_set = 1U << 17U;  ///< VFIO_DEVICE_FEATURE_SET

inline constexpr std::uint32_t feature_migration = 1;  ///< VFIO_DEVICE_FEATURE_MIGRATION
inline constexpr std::uint32_t feature_state = 2;      ///< …_MIG_DEVICE_STATE
inline constexpr std::uint32_t feature_data_size = 9;  ///< …_MIG_DATA_SIZE, since Linux 6.2

/// struct vfio_device_feature_migration. The flags say which states a driver has.
struct Migration {
  std::uint64_t flags = 0;
};
inline constexpr std::uint64_t stop_copy = 1U << 0U;  ///< STOP, STOP_COPY, RESUMING
inline constexpr std::uint64_t p2p = 1U << 1U;        ///< RUNNING_P2P
inline constexpr std::uint64_t pre_copy = 1U << 2U;   ///< PRE_COPY and PRE_COPY_P2P

/// struct vfio_device_feature_mig_state
struct DeviceState {
  std::uint32_t state = 0;
  std::int32_t data_fd = -1;
};

/// struct vfio_device_feature_mig_data_size
struct DataSize {
  std::uint64_t stop_copy_length = 0;
};

}  // namespace uapi

/// The seam to one PCI function as the kernel's vfio shows it to the process that has it open: the
/// calls that migration needs. Linux implements it; tests put a simulated driver behind it. One
/// thread at a time uses it. It closes what it opened at its end, and that resets the function.
class VfioDevice {
 public:
  virtual ~VfioDevice() = default;

  /// Opens the function; the kernel resets it by that. Without effect while it is open.
  /// \throws OsError naming the node; EBUSY when another process has it open
  virtual void open() = 0;
  /// Whether this process has it open.
  [[nodiscard]] virtual bool is_open() const noexcept = 0;
  /// VFIO_DEVICE_FEATURE. \param flags the number of a feature, and GET or SET
  /// \param data of the feature. \return 0, or -1 and errno
  virtual int feature(std::uint32_t flags, std::span<std::byte> data) = 0;
  /// VFIO_DEVICE_RESET. \return 0, or -1 and errno
  virtual int reset() = 0;
  /// read(2) from a data descriptor that a SET of the state has given.
  virtual ssize_t read(int data_fd, std::span<std::byte> into) = 0;
  /// write(2) likewise.
  virtual ssize_t write(int data_fd, std::span<const std::byte> from) = 0;
  /// close(2) likewise.
  virtual void close_data(int data_fd) noexcept = 0;
};

}  // namespace nvmigrate::vfio
