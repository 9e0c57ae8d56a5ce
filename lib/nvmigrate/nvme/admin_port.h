// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "nvmigrate/nvme/status.h"

namespace nvmigrate {

/// One NVMe admin command as the passthrough interface takes it; the kernel makes the data
/// pointers. Opcode bits 1:0 tell the direction of the data: 01b to the controller, 10b from it.
struct AdminCommand {
  std::uint8_t opcode = 0;
  std::uint32_t nsid = 0;
  std::uint32_t cdw10 = 0;
  std::uint32_t cdw11 = 0;
  std::uint32_t cdw12 = 0;
  std::uint32_t cdw13 = 0;
  std::uint32_t cdw14 = 0;
  std::uint32_t cdw15 = 0;
  std::span<const std::byte> to_device{};  ///< for opcodes ending in 01b
  std::span<std::byte> from_device{};      ///< for opcodes ending in 10b
  std::chrono::milliseconds timeout{0};    ///< 0: the driver's default
};

/// What a command completed with.
struct AdminCompletion {
  NvmeStatus status;
  std::uint32_t dw0 = 0;
  std::uint32_t dw1 = 0;
};

/// The seam to the controlling function: one admin command in, its completion out. Several threads
/// may submit at once. Linux implements it over NVME_IOCTL_ADMIN64_CMD, the simulator below the
/// backends; tests wrap either.
class AdminPort {
 public:
  virtual ~AdminPort() = default;

  /// \return the completion, also one with an error status
  /// \throws OsError when the kernel did not complete the command (EINTR is retried only before
  /// the command was sent)
  virtual AdminCompletion submit(const AdminCommand& command) = 0;
};

/// Submits a command that must succeed. \throws NvmeError naming `operation`, OsError
inline AdminCompletion submit_or_throw(AdminPort& port, const AdminCommand& command,
                                       const std::string& operation) {
  const auto completion = port.submit(command);
  if (!completion.status.ok()) throw NvmeError(completion.status, operation);
  return completion;
}

}  // namespace nvmigrate
