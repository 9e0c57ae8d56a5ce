// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "nvmigrate/base/io.h"
#include "nvmigrate/ports/device.h"
#include "nvmigrate/store/folders.h"
#include "plugins/sim/guest.h"
#include "plugins/sim/parameters.h"

namespace nvmigrate {

/// The provider of simulated subsystems, for the table of providers: `sim:NAME` is the first
/// controlling function of a subsystem, `sim:NAME/1` the one with controller id 1.
bool owns_sim(std::string_view device);
/// The simulator's own files are not read through `io`: faults are for the tool, not for its
/// device. A name that begins with `demo` is created with defaults when it is missing. \throws
/// usage_error, not_found with the command that creates it, Error(io) naming a damaged file
std::unique_ptr<Device> open_sim(Io& io, const Folders& folders, const std::string& device);
/// `sim:NAME` or, when there are several, `sim:NAME/ID` of every controlling function, sorted.
std::vector<std::string> all_sims(Io& io, const Folders& folders);

namespace sim {

/// Makes a subsystem NAME in the sim folder. \throws usage_error, refused when there is one already
void create(const Folders& folders, const std::string& name, const Parameters& parameters = {});
/// Removes it, damaged or not, and the marks, bindings and journal kept of its NQN.
/// \throws not_found
void destroy(const Folders& folders, const std::string& name);
/// The NQN of a subsystem; of a damaged one as far as it can be told, else the one it has by
/// default. \throws not_found
std::string nqn_of(const Folders& folders, const std::string& name);
/// The names of all subsystems, sorted.
std::vector<std::string> names(const Folders& folders);

/// Gives an online function a running guest; whatever it held before is reset. `id` is a controller
/// id, `vf2`, or a PCI address.
/// \param queues I/O queue pairs; nothing: up to 2, 0: enabled without any, as a VMM prepares a
/// destination
/// \throws refused when it is offline, has a guest or is suspended; usage_error for too many queues
void start_guest(const Folders& folders, const std::string& device, const std::string& id,
                 std::optional<unsigned> queues = {});
/// Ends the guest; the function is reset, as when a VMM closes it. No-op without one.
/// \return false when there was none
bool stop_guest(const Folders& folders, const std::string& device, const std::string& id);

/// Where a guest is; asking lets a running one advance.
GuestReport guest_report(const Folders& folders, const std::string& device, const std::string& id);
/// Why the guest of the destination does not continue exactly where the one of the source stopped;
/// empty when it does. Both as reported by guest_report.
std::vector<std::string> discontinuities(const GuestReport& source, const GuestReport& destination);

}  // namespace sim
}  // namespace nvmigrate
