// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/host/doctor.h"

#include <utility>

#include "nvmigrate/host/driver_change.h"
#include "nvmigrate/host/guards.h"
#include "nvmigrate/host/provision_records.h"

namespace nvmigrate {
namespace {

Check fine(std::string name, std::string message) {
  return {std::move(name), Grade::ok, std::move(message), {}, {}};
}

Check folder(Io& io, const std::string& name, const std::string& path) {
  try {
    const bool made = check_private_folder(io, path);
    return fine(name, path + (made ? " is private" : " is not made yet"));
  } catch (const Error& error) {
    const std::string another =
        "mend it, or name another in NVMIGRATE_STATE_DIR, NVMIGRATE_RUN_DIR or NVMIGRATE_SIM_DIR";
    return {name,
            Grade::problem,
            "nothing can be kept in " + path + ": " + error.what(),
            error.hint().empty() ? another : error.hint(),
            {}};
  }
}

class RecordChecker {
 public:
  RecordChecker(const Topology& topology, const Registry& registry)
      : topology_(&topology), registry_(&registry) {}

  Checks make() {
    for (const auto& intent : topology_->intents)
      consider(intent);
    for (const auto& intent : topology_->other_intents)
      consider_other(intent);
    for (const auto& function : topology_->functions) {
      for (const auto& intent : function.intents)
        consider(intent);
      consider(function);
    }
    for (const auto& mark : registry_->marks())
      consider_record("mark", mark.cntlid, "unmark");
    for (const auto& binding : registry_->bindings()) {
      consider_record("binding", binding.cntlid, "provision");
    }
    return std::move(checks_);
  }

 private:
  [[nodiscard]] std::string run(const std::string& verb, std::uint16_t cntlid) const {
    return "nvmigrate " + verb + " " + topology_->device + " " + std::to_string(cntlid);
  }

  static std::string by(const Intent& intent) {
    return " (" + intent.command + ", pid " + std::to_string(intent.pid) + ", " + intent.time + ")";
  }

  void consider(const Intent& intent) {
    if (intent.at_work) return;
    const bool controls = intent.cntlid == topology_->identity.cntlid;
    const auto who =
        controls ? "controlling function " + topology_->device : function(intent.cntlid);
    auto check = account(intent);
    check.name = to_string(intent.kind);
    check.message = who + " " + check.message + by(intent);
    check.cntlid = intent.cntlid;
    checks_.push_back(std::move(check));
  }

  /// What another controlling function of the subsystem left is mended through that one only.
  void consider_other(const Intent& intent) {
    if (intent.at_work) return;
    const auto device = intent.details.find(device_detail);
    const auto name = device == intent.details.end() ? std::string{"DEVICE"} : device->second;
    checks_.push_back({"other_provisioning", Grade::warning,
                       "controlling function " + name + " (controller " +
                           std::to_string(intent.cntlid) + ") is provisioned in part" + by(intent),
                       "nvmigrate doctor " + name + " --repair", intent.cntlid});
  }

  [[nodiscard]] std::string function(std::uint16_t cntlid) const {
    const auto* found = topology_->find(cntlid);
    return found != nullptr ? describe(*found) : describe(cntlid, 0);
  }

  [[nodiscard]] Check account(const Intent& intent) const {
    const auto repaired = "nvmigrate doctor " + topology_->device + " --repair";
    if (intent.stale) {
      return {{},
              Grade::warning,
              "is " + std::string{to_string(intent.kind)} + " by the journal alone: it runs",
              repaired,
              {}};
    }
    switch (intent.kind) {
      case IntentKind::suspended:
        if (intent.details.contains(unfinished_detail)) {
          return {{}, Grade::problem, "was left suspended by a command that died", repaired, {}};
        }
        return {{}, Grade::warning, "is suspended", run("resume", intent.cntlid), {}};
      case IntentKind::loading:
        if (intent.committed) {
          return {{},
                  Grade::problem,
                  "holds the whole state of a transfer and is not yet resumed",
                  repaired,
                  {}};
        }
        return {{},
                Grade::problem,
                "holds a state that was not loaded to its end",
                run("import", intent.cntlid) + " -f FILE",
                {}};
      case IntentKind::moved:
        return {{}, Grade::ok, "must not run: its state runs elsewhere", {}, {}};
      case IntentKind::unbound:
        return {
            {}, Grade::problem, "was taken from its driver and not given to another", repaired, {}};
      case IntentKind::provisioning:
        return {{}, Grade::problem, "is provisioned in part", repaired, {}};
    }
    return {};
  }

  void consider(const ControlledFunction& function) {
    if (function.suspended_by_others()) {
      checks_.push_back({"suspended", Grade::warning,
                         describe(function) + " is suspended, and not by this tool as far as it "
                                              "remembers",
                         run("resume", function.cntlid) + ", or " +
                             run("suspend", function.cntlid) + " to keep it so on record",
                         function.cntlid});
    }
    if (!function.binding || on_vfio(function) || function.has(IntentKind::unbound)) return;
    checks_.push_back({"binding", Grade::warning,
                       describe(function) + " was bound to " + function.binding->driver +
                           " and is not any more (a reboot, or another tool)",
                       run("bind", function.cntlid) + ", or " + run("unbind", function.cntlid),
                       function.cntlid});
  }

  void consider_record(const std::string& what, std::uint16_t cntlid, const std::string& verb) {
    if (topology_->find(cntlid) != nullptr) return;
    checks_.push_back({what, Grade::warning,
                       "there is a " + what + " of " + function(cntlid) + ", which " +
                           topology_->device + " does not control",
                       verb == "unmark" ? run(verb, cntlid) : "bring the function back", cntlid});
  }

  const Topology* topology_;
  const Registry* registry_;
  Checks checks_;
};

}  // namespace

std::string_view to_string(Grade grade) noexcept {
  switch (grade) {
    case Grade::ok:
      return "ok";
    case Grade::warning:
      return "warning";
    case Grade::problem:
      return "problem";
  }
  return "problem";
}

Checks check_folders(Io& io, const Folders& folders) {
  return {folder(io, "state_folder", folders.state), folder(io, "run_folder", folders.run),
          folder(io, "sim_folder", folders.sim)};
}

Checks check_bus(PciBus& bus, bool needed) {
  const auto missing = needed ? Grade::problem : Grade::warning;
  Checks checks;
  if (bus.has_iommu()) {
    checks.push_back(fine("iommu", "an IOMMU is at work"));
  } else {
    checks.push_back({"iommu",
                      missing,
                      "no IOMMU is at work, so nothing can be bound to vfio",
                      "switch it on in the firmware and on the kernel's command line "
                      "(intel_iommu=on, or amd_iommu=on)",
                      {}});
  }
  if (bus.has_driver(stock_driver)) {
    checks.push_back(fine("vfio_driver", std::string{stock_driver} + " is available"));
  } else {
    checks.push_back({"vfio_driver",
                      missing,
                      std::string{stock_driver} + " is not available",
                      std::string{"modprobe "} + stock_driver,
                      {}});
  }
  return checks;
}

Checks check_abilities(const Topology& topology, const MigrationAbility& ability) {
  Checks checks;
  const auto& device = topology.device;
  if (ability.possible) {
    checks.push_back(fine("live_migration", device + " can migrate what it controls"));
  } else {
    checks.push_back({"live_migration",
                      Grade::problem,
                      device + " cannot migrate what it controls: " + ability.why_not,
                      "use a controller, or a firmware, with host managed live migration",
                      {}});
  }
  if (ability.possible && !ability.vendor_state) {
    checks.push_back({"vendor_state",
                      Grade::warning,
                      device + " has no vendor state format: a migration carries I/O queues only",
                      "the guest or its VMM has to set up the rest",
                      {}});
  }
  if (topology.sriov.total != 0) {
    checks.push_back(fine("sriov", device + " has " + std::to_string(topology.sriov.enabled) +
                                       " of at most " + std::to_string(topology.sriov.total) +
                                       " VFs"));
  } else {
    checks.push_back({"sriov",
                      topology.functions.empty() ? Grade::warning : Grade::ok,
                      device + " has no SR-IOV",
                      {},
                      {}});
  }
  return checks;
}

Checks check_records(const Topology& topology, const Registry& registry) {
  return RecordChecker(topology, registry).make();
}

}  // namespace nvmigrate
