// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <atomic>
#include <cstddef>

#include "nvmigrate/nvme/admin_port.h"
#include "nvmigrate/session/backend.h"

namespace nvmigrate::nvme {

/// Track Send and Track Receive of NVMe Base 2.1 (§5.1.26, §5.1.27), of host memory only.
class NvmeMemoryTracker final : public MemoryTracker {
 public:
  /// \param chunk most bytes of a command
  NvmeMemoryTracker(AdminPort& port, std::size_t chunk) noexcept : port_(&port), chunk_(chunk) {}

  void start(std::uint16_t function, std::uint64_t granule,
             const std::vector<MemoryRange>& ranges) override;
  void stop(std::uint16_t function) override;
  TrackedMemory read(std::uint16_t function) override;

 private:
  AdminPort* port_;
  std::atomic<std::size_t> chunk_;  ///< less once the kernel did not take so much
};

}  // namespace nvmigrate::nvme
