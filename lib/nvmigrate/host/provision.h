// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "nvmigrate/host/access.h"

namespace nvmigrate {

/// What the virtual functions of a controlling function are to be.
struct ProvisionWish {
  unsigned vfs = 0;
  std::optional<std::uint16_t> queues{};      ///< a function; nothing: an even share
  std::optional<std::uint16_t> interrupts{};  ///< likewise
  bool recreate = false;     ///< existing functions may be destroyed and made again
  bool allow_moved = false;  ///< even those whose state runs elsewhere since a transfer
};

enum class ProvisionAction {
  unbind,             ///< the function from its driver
  set_autoprobe,      ///< value: whether new VFs get a driver of this host
  set_vfs,            ///< value: number of VFs
  forget,             ///< marks, binding and journal of a VF that is no more
  offline,            ///< Virtualization Management
  assign_queues,      ///< likewise; value: how many
  assign_interrupts,  ///< likewise
  reset,              ///< function level reset of the VF
  online,             ///< Virtualization Management
};
std::string_view to_string(ProvisionAction action) noexcept;

/// One effect, of the controlling function as a whole or of one function.
struct ProvisionStep {
  ProvisionAction action{};
  std::optional<std::uint16_t> cntlid;
  unsigned vfn = 0;  ///< 0: of no VF
  unsigned value = 0;
};

struct ProvisionedFunction {
  std::optional<std::uint16_t> cntlid;  ///< nothing: the device has no list of secondaries
  unsigned vfn = 0;
  std::string address;  ///< empty while the VF is not enabled
  bool online = true;
  std::uint16_t queues = 0, interrupts = 0;
};

/// What will be done, or was.
struct ProvisionResult {
  unsigned was_vfs = 0, vfs = 0;
  std::vector<ProvisionStep> steps;            ///< none: everything is as wished
  std::vector<ProvisionedFunction> functions;  ///< afterwards
  std::optional<Intent> wreck;                 ///< of an earlier run, which this one finishes
  std::vector<std::string> warnings;           ///< a sentence each

  [[nodiscard]] bool changed() const noexcept { return !steps.empty(); }
};

struct ProvisionLimits {
  std::chrono::milliseconds appear{10'000};  ///< for VFs to appear on the bus
  unsigned parallel_resets = 16;
};

/// The steps from what is to what is wished. Changes nothing. Warns of a number of resources that
/// the device may round, and of VFs that no controller id will name.
/// \throws unsupported (no SR-IOV, no such resources); refused, naming the override where there is
/// one: more than the device has (free and needed are named), a VF count that is not 0 would
/// change, an Online function would get other resources, a function to be reset or destroyed is in
/// use
ProvisionResult plan_provision(const Topology& topology, PciBus& bus, const ProvisionWish& wish);

/// Makes it so, reads it back and compares. After a failure everything is as it was before, marks,
/// bindings and drivers of VFs that were destroyed included, or the journal names what is not; the
/// controlling function is never reset. Finishes what a run that died began. \throws as
/// plan_provision; NvmeError; OsError; Error(device) when the controller granted another number of
/// resources than asked for, or reads back otherwise; Interrupted, rolled back
ProvisionResult provision(const HostAccess& access, const ProvisionWish& wish,
                          const ProvisionLimits& limits = {});

/// The steps to no VF. \throws refused when one of them is in use
ProvisionResult plan_deprovision(const Topology& topology, PciBus& bus, bool allow_moved = false);

/// Takes all VFs away and forgets what is remembered of them. What it did not reach after a failure
/// the journal names, and the next run finishes.
ProvisionResult deprovision(const HostAccess& access, bool allow_moved = false,
                            const ProvisionLimits& limits = {});

/// Finishes what a provision or deprovision that died began, as its journal says.
/// \return nothing when there is no such wreck
std::optional<ProvisionResult> finish_provisioning(const HostAccess& access,
                                                   const ProvisionLimits& limits = {});

}  // namespace nvmigrate
