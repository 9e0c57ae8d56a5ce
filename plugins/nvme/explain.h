// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <string>

#include "nvmigrate/nvme/admin_port.h"

namespace nvmigrate::nvme {

/// What is being done to a controlled function.
enum class Step { notify, suspend, resume, read, load };

/// `suspend controller 5`.
std::string operation(Step step, std::uint16_t function);
/// The error of a step: names step, controller and status, and hints at what is to be done about
/// it.
NvmeError explain(NvmeStatus status, Step step, std::uint16_t function);
/// Submits and insists on success. \throws explain(), OsError
AdminCompletion send(AdminPort& port, const AdminCommand& command, Step step,
                     std::uint16_t function);

}  // namespace nvmigrate::nvme
