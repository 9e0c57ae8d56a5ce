// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <string>

#include "nvmigrate/nvme/admin_port.h"

namespace nvmigrate::nvme {

/// A step of a migration, done to a controlled function.
enum class Step { notify, suspend, resume, read, load, track, untrack, read_tracked };

/// The step as an imperative: `suspend controller 5`.
std::string operation(Step step, std::uint16_t cntlid);
/// The error of a step: it names step, controller and status, and says what to do next.
NvmeError explain(NvmeStatus status, Step step, std::uint16_t cntlid);
/// What to send in place of `bytes` that the kernel did not send: it takes fewer in one command, or
/// has no memory for them. \return 0 when that is not the cause, or there is no less
std::size_t shorter(const OsError& error, std::size_t bytes) noexcept;
/// Submits a command that must succeed. \throws explain(), OsError
AdminCompletion send(AdminPort& port, const AdminCommand& command, Step step, std::uint16_t cntlid);

}  // namespace nvmigrate::nvme
