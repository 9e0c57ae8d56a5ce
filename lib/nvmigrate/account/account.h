// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "nvmigrate/base/finding.h"
#include "nvmigrate/host/provision.h"
#include "nvmigrate/session/session.h"

namespace nvmigrate {

/// What happened to the functions of a controlling function and still matters, and how to fix it.
/// The device is asked, and its answers are held against the records. Listings, checks and the
/// repair plan are made from it, and refusals use the same rules and sentences. Empty when all is
/// well.
/// \throws NvmeError, OsError, Interrupted
NVMIGRATE_API Findings account_of(Session& session);
/// The part of the account that is about one function. \throws not_found; as above
NVMIGRATE_API Findings account_of(Session& session, std::uint16_t cntlid);

/// Strikes the records that a reset of their function ended, where the lock of the subsystem is
/// free and the caller may change it; else they stay until the next change. Without effect on the
/// device. \throws Interrupted
NVMIGRATE_API void drop_ended_records(Session& session);

/// What its commands do to the queues of this host. Empty when they do nothing.
NVMIGRATE_API Findings check_effects(Session& session);
/// What the controlling function can do: live migration, vendor state, SR-IOV; and
/// check_effects().
/// \throws NvmeError, OsError
NVMIGRATE_API Findings check_abilities(Session& session);
/// Whether those who own the vfio nodes of this device's functions may open the node that all VMs
/// share. \throws OsError
NVMIGRATE_API Findings check_shared_nodes(Session& session);
/// What binding needs of the host. Looking for vfio-pci may load its module.
/// \param needed whether something is to be bound here; else what is missing is a warning
NVMIGRATE_API Findings check_bus(PciBus& bus, bool needed);
/// The tool's own folders: whether they are private and whether something can be kept in them.
NVMIGRATE_API Findings check_folders(Io& io, const Folders& folders);

/// One step of a repair, in the order in which they are done.
struct RepairStep {
  /// What is done.
  enum class Action {
    set_journal_aside,    ///< that is damaged; what is suspended then counts as exported
    finish_provisioning,  ///< of the controlling function
    strike_record,        ///< that the device contradicts
    resume,               ///< what a command that ended early left suspended or loaded
    give_back_driver,     ///< of a function that was taken from its driver
    finish_apply,         ///< of a profile, to the controlling function
  };
  Action action{};
  Finding finding{};                      ///< what the step is for
  std::optional<std::uint16_t> cntlid{};  ///< nothing: the controlling function

  bool done = false;      ///< repair() did it
  std::string failure{};  ///< why not
};

/// `finish_provisioning`, …
NVMIGRATE_API std::string_view to_string(RepairStep::Action action) noexcept;

/// What repair() would do: everything of the account that is safe to repair.
/// \throws as account_of()
NVMIGRATE_API std::vector<RepairStep> plan_repair(Session& session);
/// Carries out the plan. Claims the session. A step that fails is told, and the next one
/// begins. \throws Interrupted
NVMIGRATE_API std::vector<RepairStep> repair(Session& session, const ProvisionLimits& limits = {});

}  // namespace nvmigrate
