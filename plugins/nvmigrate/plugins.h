// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "nvmigrate/session/session.h"

namespace nvmigrate {

/// The backends and the sources of devices that are built in, each a row of one explicit table. The
/// first backend of the table that serves a device is used.
NVMIGRATE_API const Catalog& built_in();

/// What a program needs to open sessions: this host, the folders of this user, and all that is
/// built in. The folders are those that the variables NVMIGRATE_STATE_DIR, NVMIGRATE_RUN_DIR and
/// NVMIGRATE_SIM_DIR name; else for root /var/lib/nvmigrate, /run/nvmigrate and
/// /var/lib/nvmigrate/sim; else those of XDG.
/// \param command the name of the program, recorded in journal and lock
/// \throws Error(usage) when a variable is not an absolute path, or the home folder is not known
NVMIGRATE_API Workspace default_workspace(std::string command);

/// Simulated subsystems for rehearsals and tests. Each is a file in the folder `sim` of the
/// workspace; `sim:NAME` names its controlling function. Guests are simulated too: they use their
/// queues as time passes, and remember where they were suspended. Besides what is said below, all
/// throw usage_error for a wrong name, not_found with a remedy, busy as Session::claim(), and
/// Error(io) that names a damaged file.
namespace simulation {

/// A function of a simulated subsystem.
struct Place {
  std::string device;    ///< `sim:NAME`; of a second controlling function `sim:NAME/1`
  std::string function;  ///< a controller id, `vf2`, or a PCI address
};

/// Makes a subsystem with eight VFs, none of them enabled; a state of it has an NVMe part and 64
/// KiB of vendor state. \param name at most 48 letters, digits, '-' and '_'
/// \throws refused when there is one already
NVMIGRATE_API void create(const Workspace& workspace, const std::string& name);
/// Removes it, damaged or not, with its marks, bindings and journal.
NVMIGRATE_API void destroy(const Workspace& workspace, const std::string& name);
/// The names of all that there are, sorted.
NVMIGRATE_API std::vector<std::string> names(const Workspace& workspace);

/// Resets an online function and starts a guest on it.
/// \param queues I/O queue pairs; nothing: up to 2; 0: it only enables the controller, as a VMM
/// prepares the destination of a migration
/// \throws refused when the function is offline, has a guest or is suspended; usage_error for more
/// queues than it has
NVMIGRATE_API void start_guest(const Workspace& workspace, const Place& place,
                               std::optional<unsigned> queues = {});
/// Ends the guest and resets the function, as when a VMM closes it. \return false without a guest
NVMIGRATE_API bool stop_guest(const Workspace& workspace, const Place& place);
/// The reasons why the guest of the destination does not continue exactly where the guest of the
/// source was suspended; empty when it does.
NVMIGRATE_API std::vector<std::string> discontinuities(const Workspace& workspace,
                                                       const Place& source,
                                                       const Place& destination);

}  // namespace simulation
}  // namespace nvmigrate
