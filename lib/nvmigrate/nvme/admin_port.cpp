// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/nvme/admin_port.h"

namespace nvmigrate {

AdminCompletion submit_or_throw(AdminPort& port, const AdminCommand& command,
                                const std::string& operation) {
  const auto completion = port.submit(command);
  if (!completion.status.ok()) throw NvmeError(completion.status, operation);
  return completion;
}

}  // namespace nvmigrate
