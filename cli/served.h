// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/command.h"
#include "plugins/registry.h"

namespace nvmigrate::cli {

/// What one backend said when it was asked whether it serves a device.
struct Served {
  const BackendRow* row = nullptr;
  std::optional<BackendQuery> query;  ///< nothing: it does not
  std::string reason;                 ///< why not
};

/// Asks every backend in the order of the table; the first that serves is the one that is used.
/// Changes nothing. \throws NvmeError, OsError
std::vector<Served> ask_backends(AdminPort& port);
/// The first that serves, or nullptr.
const Served* chosen(const std::vector<Served>& asked) noexcept;

/// What is there, with the truth about suspensions as the device tells it (complete_account()).
Topology whole_account(const Context& context, Subject& subject);

/// `{"versions", "vendors"}`
Json json_of(const StateFormats& formats);

}  // namespace nvmigrate::cli
