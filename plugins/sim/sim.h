// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "nvmigrate/base/io.h"
#include "nvmigrate/ports/device.h"
#include "nvmigrate/store/folders.h"
#include "nvmigrate/store/records.h"
#include "plugins/sim/guest.h"
#include "plugins/sim/parameters.h"

namespace nvmigrate {

/// The provider of simulated subsystems, for the table of providers: `sim:NAME` is the first
/// controlling function of a subsystem, `sim:NAME/1` the one with controller id 1.
bool owns_sim(std::string_view device);
/// Does not read the simulator's own files through `io`, whose injected faults are not for the
/// device. A subsystem whose name begins with `demo` is created with defaults when it is missing.
/// \throws usage_error, not_found with a remedy, Error(io) naming a damaged file
std::unique_ptr<Device> open_sim(Io& io, const Folders& folders, const std::string& device);
/// `sim:NAME` or, when there are several, `sim:NAME/ID` of every controlling function, sorted.
std::vector<std::string> all_sims(Io& io, const Folders& folders);

namespace sim {

struct Memory;
/// A device of a subsystem that is in memory, which must outlive it.
std::unique_ptr<Device> open_in_memory(Memory& memory, const std::string& device);

/// The parts of a device string.
struct Place {
  std::string name;
  std::uint16_t controlling = 0;
};

/// Parses `sim:NAME` or `sim:NAME/ID`. \throws usage_error
Place place_of(std::string_view device);
/// Accepts at most 48 letters, digits, '-' and '_'. \throws usage_error
void check_name(std::string_view name);

/// Makes a subsystem `name` in the sim folder. \throws usage_error, refused when there is one
/// already
void create(const Folders& folders, const std::string& name, const Parameters& parameters = {});
/// Removes it, damaged or not, with its marks, bindings and journal.
/// \throws not_found
void destroy(const Folders& folders, const std::string& name);
/// The key of the records of a subsystem, with the default NQN when a damaged file does not tell
/// it. \throws not_found
SubsystemKey key_of(const Folders& folders, const std::string& name);
/// The names of all subsystems, sorted.
std::vector<std::string> names(const Folders& folders);

/// Resets an online function and starts a guest on it.
/// \param id a controller id, `vf2`, or a PCI address
/// \param queues I/O queue pairs, by default up to 2. 0 enables the controller without any, as a
/// VMM prepares a destination \throws refused when it is offline, has a guest or is suspended;
/// usage_error for too many queues
void start_guest(const Folders& folders, const std::string& device, const std::string& id,
                 std::optional<unsigned> queues = {});
/// Ends the guest and resets the function, as when a VMM closes it. \return false without a guest
bool stop_guest(const Folders& folders, const std::string& device, const std::string& id);

/// The position of a guest. Asking lets a running one advance.
GuestReport guest_report(const Folders& folders, const std::string& device, const std::string& id);
/// The reasons why the guest of the destination does not continue exactly where the guest of the
/// source stopped; empty when it does. Both come from guest_report.
std::vector<std::string> discontinuities(const GuestReport& source, const GuestReport& destination);

}  // namespace sim
}  // namespace nvmigrate
