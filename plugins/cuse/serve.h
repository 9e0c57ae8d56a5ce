// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "nvmigrate/base/io.h"
#include "nvmigrate/ports/device.h"

namespace nvmigrate::cuse {

/// A character device for other programs, and what answers behind it.
struct Served {
  std::string name;  ///< `nvme9`: the node is /dev/nvme9
  /// Opens the device; called for every open() of the node.
  std::function<std::unique_ptr<Device>()> open;
  /// Called once the node is there.
  std::function<void()> ready;
};

/// Makes the character device through CUSE, the kernel's character devices in user space, and
/// answers for it until a stop signal comes; the node goes with it. There must be an
/// InterruptGuard. \return the ioctls that were answered \throws unsupported when this build or the
/// kernel has no CUSE; refused when there is such a node; permission; OsError
std::uint64_t serve(Io& io, const Served& served);

}  // namespace nvmigrate::cuse
