// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "nvmigrate/base/io.h"
#include "nvmigrate/nvme/admin_port.h"

struct nvme_passthru_cmd64;

namespace nvmigrate {

/// The call that submits: a file descriptor, the command, and where DW1 and DW0 of its completion
/// go (upper and lower half). Returns 0, an NVMe status, or -1 with errno.
using AdminPassthru = std::function<int(int, nvme_passthru_cmd64&, std::uint64_t&)>;

/// libnvme's, over NVME_IOCTL_ADMIN64_CMD.
int submit_with_libnvme(int fd, nvme_passthru_cmd64& command, std::uint64_t& result);

/// Admin commands through the character device of a controller.
class LinuxAdminPort final : public AdminPort {
 public:
  /// \param file the open character device, known to be an NVMe controller
  /// \param name its name in errors
  LinuxAdminPort(OpenFile file, std::string name, AdminPassthru passthru = submit_with_libnvme);

  /// \throws OsError: a missing permission names the capability; EINTR says that a reset cancelled
  /// the command after it was sent; a time-out has the status `timed_out`
  AdminCompletion submit(const AdminCommand& command) override;

 private:
  OpenFile file_;
  std::string name_;
  AdminPassthru passthru_;
};

}  // namespace nvmigrate
