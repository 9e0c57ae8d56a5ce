// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "nvmigrate/base/finding.h"
#include "nvmigrate/session/session.h"

namespace nvmigrate {

/// The resources of one secondary controller that differ from those of all VFs.
struct OwnResources {
  std::uint16_t cntlid = 0;  ///< of one that is not a VF
  unsigned vfn = 0;          ///< 1-based; 0: it is not a VF
  std::optional<std::uint16_t> queues{}, interrupts{};
};

/// The virtual functions that a controlling function shall have.
struct ProvisionRequest {
  unsigned vfs = 0;                           ///< at least 1, unless `own` has some
  std::optional<std::uint16_t> queues{};      ///< of each function; nothing: an even share
  std::optional<std::uint16_t> interrupts{};  ///< likewise
  std::vector<OwnResources> own{};            ///< of those that differ, each once
  bool recreate = false;  ///< existing functions may be destroyed and made again
  /// The controlling function gives back the flexible resources that it holds, and is reset for it.
  bool release_primary = false;
  /// Ids of namespaces to attach to each function; empty: all; nothing: attachments stay.
  std::optional<std::vector<std::uint32_t>> attach{};
  std::vector<std::string> allowed{};  ///< codes of conditions: `suspension_unknown`
};

/// What one step does.
enum class ProvisionAction {
  unbind,           ///< the function from its driver
  set_autoprobe,    ///< value: whether new VFs get a driver of this host
  set_vfs,          ///< value: number of VFs
  allocate_queues,  ///< value: flexible ones that the controlling function holds after its reset
  allocate_interrupts,  ///< likewise
  reset_controlling,    ///< resets of the controlling function until it holds what was allocated
  attach,               ///< Namespace Attachment; value: the namespace id
  detach,               ///< likewise
  forget,               ///< marks, binding and journal of a VF that is gone
  offline,              ///< Virtualization Management
  assign_queues,        ///< likewise; value: how many
  assign_interrupts,    ///< likewise
  reset,                ///< function level reset of the VF
  online,               ///< Virtualization Management
};
/// `unbind`, `set_vfs`, …: the word in JSON.
NVMIGRATE_API std::string_view to_string(ProvisionAction action) noexcept;

/// One effect, of the controlling function as a whole or of one function.
struct ProvisionStep {
  ProvisionAction action{};
  std::optional<std::uint16_t> cntlid;  ///< nothing: of the controlling function, or not known
  unsigned vfn = 0;                     ///< 1-based; 0: not of a VF
  unsigned value = 0;                   ///< see ProvisionAction
};

/// One of the functions, afterwards.
struct ProvisionedFunction {
  std::optional<std::uint16_t> cntlid;  ///< nothing: the device has no list of secondaries
  unsigned vfn = 0;                     ///< 1-based; 0: it is not a VF
  std::string address;                  ///< empty while the VF is not enabled
  bool online = true;
  std::uint16_t queues = 0, interrupts = 0;
};

/// What the controlling function gives back, or gave.
struct PrimaryRelease {
  std::uint16_t queues = 0, interrupts = 0;
  std::string methods{};          ///< of the reset of the function, as PciBus::reset_methods()
  bool controller_reset = false;  ///< that did not suffice, and a Controller Reset followed
};

/// What will be done, or was.
struct ProvisionResult {
  unsigned was_vfs = 0, vfs = 0;
  std::vector<ProvisionStep> steps;            ///< none: everything is as requested
  std::vector<ProvisionedFunction> functions;  ///< afterwards
  std::optional<PrimaryRelease> release{};     ///< nothing: the controlling function is not reset
  std::vector<std::uint32_t> namespaces{};  ///< that were asked for, attached to each VF afterwards
  std::optional<Intent> unfinished;         ///< of an earlier run, which this one finishes
  Findings findings;                        ///< warnings

  [[nodiscard]] bool changed() const noexcept { return !steps.empty(); }
};

/// How provisioning waits and resets.
struct ProvisionLimits {
  std::chrono::milliseconds appear{10'000};  ///< for VFs to appear on the bus
  unsigned parallel_resets = 16;             ///< most at a time
  /// Starts a thread; empty: std::thread.
  std::function<std::thread(std::function<void()>)> start{};
  std::chrono::milliseconds live{120'000};  ///< for the controlling function after its reset
};

/// The steps from the present state to the requested one. Changes nothing. Warns of a number of
/// resources that the device may round, and of VFs that no controller id names. \throws usage_error
/// for 0 VFs; Refusal with everything that stands: the device has no SR-IOV or fewer resources,
/// existing VFs would have to be destroyed, a function to be reset or destroyed is in use or holds
/// a guest; to release what the controlling function holds, also that function
NVMIGRATE_API ProvisionResult plan_provision(Session& session, const ProvisionRequest& request);

/// Makes it so (sriov_numvfs; Virtualization Management, Base 2.1 §8.2.6), reads it back and
/// compares. After a failure everything is as it was before, with the marks, bindings and drivers
/// of VFs that were destroyed, or the journal names what is not; namespaces that were attached are
/// detached; the controlling function is reset
/// only to release what it holds (ACT 1 with NR 0, a reset in sysfs, and a Controller Reset where
/// the device still holds it then), or to undo that. Functions that are offline without the
/// resources that an earlier run recorded get those again. Namespaces are attached before a
/// function is online, and recorded, to be detached when it is no longer provisioned. Finishes what
/// a run that ended early began. Claims the session. \throws as plan_provision; NvmeError; OsError;
/// Error(device) when the controller granted fewer resources than asked for, or reads back
/// otherwise; Error(unsupported) when it says that a function may not have so many;
/// Error(timed_out); Interrupted, rolled back
/// \param then what belongs to it: runs when everything is as requested, also when it was so
/// before; when it throws, everything is put back
NVMIGRATE_API ProvisionResult provision(Session& session, const ProvisionRequest& request,
                                        const ProvisionLimits& limits = {},
                                        const std::function<void()>& then = {});

/// The steps to no VF. Changes nothing. \throws Refusal with everything that stands
NVMIGRATE_API ProvisionResult plan_deprovision(Session& session,
                                               const std::vector<std::string>& allowed = {});

/// Takes all VFs away, detaches the namespaces that provision() attached to them, and forgets what
/// is recorded of them. What it did not reach after a failure
/// is in the journal, and the next run finishes it. Claims the session. \throws as provision()
NVMIGRATE_API ProvisionResult deprovision(Session& session,
                                          const std::vector<std::string>& allowed = {},
                                          const ProvisionLimits& limits = {});

/// Finishes what a provision or deprovision that ended early began, as its journal says.
/// Claims the session. \return nothing when there is nothing to finish. \throws as provision()
NVMIGRATE_API std::optional<ProvisionResult> finish_provisioning(
    Session& session, const ProvisionLimits& limits = {});

}  // namespace nvmigrate
