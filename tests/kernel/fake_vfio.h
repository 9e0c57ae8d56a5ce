// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <linux/vfio.h>

#include <fstream>
#include <optional>
#include <string>

#include "tests/support/sim_vfio.h"

namespace nvmigrate::test {

/// What vfio answers in the made host, of whichever function. Its nodes and the descriptor of its
/// device stay files; its data descriptors are those of the simulated driver.
class FakeVfio {
 public:
  /// \param states a file with the flags of VFIO_DEVICE_FEATURE_MIGRATION; without it the drivers
  /// have no migration states
  explicit FakeVfio(std::string states) : states_(std::move(states)) {}

  static bool knows(unsigned long request) { return _IOC_TYPE(request) == VFIO_TYPE; }
  /// \param open_device gives a descriptor for the device
  int ioctl(unsigned long request, void* argument, int (*open_device)()) {
    switch (request) {
      case VFIO_GROUP_GET_STATUS:
        static_cast<vfio_group_status*>(argument)->flags = VFIO_GROUP_FLAGS_VIABLE;
        return 0;
      case VFIO_GROUP_GET_DEVICE_FD:
        return open_device();
      case VFIO_DEVICE_FEATURE:
        return feature(*static_cast<vfio_device_feature*>(argument));
      default:
        return 0;
    }
  }
  /// The driver behind a data descriptor, or nullptr.
  SimVfioDriver* driver_of(int fd) { return driver_.sessions.contains(fd) ? &driver_ : nullptr; }

 private:
  int feature(vfio_device_feature& asked) {
    std::uint64_t flags = 0;
    const bool migrates = static_cast<bool>(std::ifstream(states_) >> flags);
    driver_.flags = migrates ? std::optional(flags) : std::nullopt;
    return driver_.feature(asked.flags,
                           {reinterpret_cast<std::byte*>(asked.data), asked.argsz - sizeof asked});
  }

  std::string states_;
  SimVfioDriver driver_;
};

}  // namespace nvmigrate::test
