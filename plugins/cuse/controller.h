// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "nvmigrate/ports/device.h"

namespace nvmigrate::cuse {

/// Most data of one command: the largest power of two that fits, with the command, into the 32
/// pages that the kernel carries for one ioctl of a CUSE device.
inline constexpr std::size_t most_data = std::size_t{64} << 10U;

/// A part of the memory of the process that called ioctl().
struct Range {
  std::uint64_t address = 0;
  std::size_t bytes = 0;
  bool operator==(const Range&) const = default;
};

/// One call of ioctl() as CUSE delivers it: at first without data.
struct Call {
  unsigned request = 0;                ///< NVME_IOCTL_ADMIN_CMD
  std::uint64_t argument = 0;          ///< its third argument
  bool privileged = false;             ///< whether the caller may administrate
  std::span<const std::byte> input{};  ///< what was in the ranges to read, in their order
  std::size_t room = 0;                ///< bytes of the ranges to write
};

/// What becomes of it.
struct Reply {
  int error = 0;                       ///< errno; 0: none
  int result = 0;                      ///< what ioctl() returns: 0, or the status of the command
  std::vector<std::byte> output{};     ///< for the ranges to write
  std::vector<Range> read{}, write{};  ///< not both empty: call again with these ranges
};

struct Layout;

/// The character device of a controller as programs see it: what the kernel's NVMe driver does with
/// an ioctl, over the seams of a device. One thread at a time uses it.
class Controller {
 public:
  /// Reads its identity. \throws NvmeError, OsError
  explicit Controller(std::unique_ptr<Device> device);

  /// As nvme_dev_ioctl() of Linux: admin commands, resets and rescans; it has no namespaces. Never
  /// throws: what the device throws is an errno.
  Reply call(const Call& call);

 private:
  Reply submit(const Call& call, const Layout& layout);

  std::unique_ptr<Device> device_;
  std::size_t most_;
};

}  // namespace nvmigrate::cuse
