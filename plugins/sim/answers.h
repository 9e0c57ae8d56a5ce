// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "nvmigrate/nvme/status.h"
#include "plugins/sim/image.h"
#include "plugins/sim/intake.h"
#include "plugins/sim/model.h"

/// The rules of the admin commands on the pure model. Statuses are SCT<<8 | SC, 0 for success.
namespace nvmigrate::sim {

/// How a command completes: status and dwords 0 and 1.
struct Answer {
  std::uint16_t status = 0;
  std::uint32_t dw0 = 0, dw1 = 0;
};

/// Identify data structures, as the controlling function `id` answers them.
/// \param from lowest controller id of a list \param nsid 0: the command names none
/// \param into 4096 bytes, all of them written, but only 4 for CNS 20h of the emulator
Answer identify(const Subsystem& subsystem, std::uint16_t id, std::uint8_t cns, std::uint16_t from,
                std::uint32_t nsid, std::span<std::byte> into);
/// Those about namespaces, CNS 10h to 12h, which differ by no controlling function.
Answer identify_namespaces(const Subsystem& subsystem, std::uint8_t cns, std::uint16_t from,
                           std::uint32_t nsid, std::span<std::byte> into);

/// Namespace Attachment. \param list 4096 bytes
Answer attach_namespace(Subsystem& subsystem, std::uint32_t nsid, bool detach,
                        std::span<const std::byte> list);

/// The Commands Supported and Effects log. \param into 4096 bytes
Answer effects_log(const Parameters& parameters, std::span<std::byte> into);

/// Virtualization Management through a controlling function, Base 2.1 §5.2.6.
struct VirtualizationRequest {
  std::uint16_t controller = 0;
  unsigned action = 0, resource = 0;
  std::uint16_t count = 0;
};
Answer virtualize(Subsystem& subsystem, std::uint16_t controlling,
                  const VirtualizationRequest& request);

/// Flexible resources of one kind of a primary controller, as they are now.
struct Pool {
  std::uint32_t total = 0, assigned = 0;
  std::uint16_t primary = 0, per_secondary = 0;
  /// The resources that a secondary which has `own` of them may have in all.
  [[nodiscard]] std::uint32_t left(std::uint16_t own) const noexcept;
};
Pool pool_of(const Subsystem& subsystem, std::uint16_t controlling, unsigned resource) noexcept;

/// Migration Send: Suspend (STYPE 1) or the notice of it (STYPE 0).
Answer suspend(Subsystem& subsystem, std::uint16_t controlling, std::uint16_t target, bool notice);
/// Migration Send: Resume.
Answer resume(Subsystem& subsystem, std::uint16_t target);

/// Migration Receive (SEL 1h) and Send (SEL 3h): the state of the exported NVM subsystem.
/// \param into its first bytes
Answer get_subsystem_state(const Subsystem& subsystem, std::uint16_t target,
                           std::span<std::byte> into);
Answer set_subsystem_state(Subsystem& subsystem, std::uint16_t target,
                           std::span<const std::byte> bytes);

/// Limits of the tracking of memory.
inline constexpr std::uint16_t most_tracked_ranges = 16, most_tracked_ranges_of_all = 64;
inline constexpr std::uint8_t coarsest_exponent = 9;               ///< granules of 4 KiB to 2 MiB
inline constexpr std::uint64_t most_tracked_granules = 1U << 22U;  ///< of one function

/// Track Send: Track Memory Changes. \param data of a start
Answer start_tracking(Subsystem& subsystem, std::uint16_t controlling, std::uint16_t target,
                      std::span<const std::byte> data);
Answer stop_tracking(Subsystem& subsystem, std::uint16_t target);
/// Track Receive: what the guest changed since it was asked last. \param into all of it is written
Answer read_tracked(Subsystem& subsystem, std::uint16_t target, std::span<std::byte> into);

/// The formats that two indexes name at a controlling function; index 0 names none.
/// \return nothing when an index is in no table, or the emulator refuses it
std::optional<Formats> formats_named(const Subsystem& subsystem, std::uint16_t controlling,
                                     unsigned version, unsigned vendor);

/// Whether a state may be read from, or loaded into, this controller now; 0 or why not.
std::uint16_t status_of_get(const Subsystem& subsystem, std::uint16_t target);
std::uint16_t status_of_set(const Subsystem& subsystem, std::uint16_t target);

/// The state of a function as it is now.
Image image_of(const Subsystem& subsystem, const Function& function, const Formats& formats);
/// The rules that a state for this function must follow.
Intake::Rules rules_for(const Subsystem& subsystem, const Function& function,
                        const Formats& formats);
/// Puts a whole and verified state into effect. It runs from the next Resume on, or at once if the
/// function is not suspended.
void commit(const Subsystem& subsystem, Function& function, const Intake::Result& state);

}  // namespace nvmigrate::sim
