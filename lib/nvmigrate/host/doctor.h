// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "nvmigrate/host/access.h"
#include "nvmigrate/host/marking.h"
#include "nvmigrate/host/provision.h"

namespace nvmigrate {

enum class Grade { ok, warning, problem };
std::string_view to_string(Grade grade) noexcept;

/// One thing looked at.
struct Check {
  std::string name;  ///< "iommu", "live_migration", "suspended", …
  Grade grade = Grade::ok;
  std::string message;                  ///< what was found
  std::string fix;                      ///< what mends it; empty when nothing needs to
  std::optional<std::uint16_t> cntlid;  ///< the controlled function concerned
};
using Checks = std::vector<Check>;

/// The tool's own folders: private or not yet made, and whether they take what is to be kept.
Checks check_folders(Io& io, const Folders& folders);
/// What binding needs. \param needed whether there is hardware that is to be bound; else what is
/// missing is a warning. Looking for vfio-pci may load its module.
Checks check_bus(PciBus& bus, bool needed);
/// What the controlling function can.
Checks check_abilities(const Topology& topology, const MigrationAbility& ability);
/// What was begun and not ended, and records that do not fit what is there.
Checks check_records(const Topology& topology, const Registry& registry);

/// Something that was put right, or not.
struct Repair {
  std::string name;  ///< of the check
  std::optional<std::uint16_t> cntlid;
  std::string message;
  bool done = false;
};

/// What repairing needs of the rooms above.
struct RepairTools {
  std::function<void(std::uint16_t)> resume;  ///< lets a function run; throws when it does not
  std::function<void(Topology&)> complete;    ///< complete_account()
};

/// Puts right what can be without risk: finishes a provision or deprovision that died, gives
/// driverless functions back to their drivers, resumes what a command that died had suspended or
/// was about to resume, and strikes from the journal what is over. Needs the lock.
std::vector<Repair> repair(const HostAccess& access, const RepairTools& tools,
                           const ProvisionLimits& limits = {});

}  // namespace nvmigrate
