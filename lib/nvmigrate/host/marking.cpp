// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/host/marking.h"

#include <algorithm>
#include <map>

#include "nvmigrate/host/guards.h"
#include "nvmigrate/host/selection.h"

namespace nvmigrate {
namespace {

using enum FindingCode;

class MarkPlanner {
 public:
  MarkPlanner(const Topology& topology, PciBus& bus, const MigrationAbility& ability)
      : topology_(&topology), bus_(&bus), ability_(&ability) {}

  MarkResult make(const std::string& words) {
    if (!ability_->possible) {
      blocker(no_live_migration, {},
              topology_->device + " cannot migrate what it controls: " + ability_->why_not);
    } else if (!ability_->vendor_state) {
      warning(
          queues_only, {},
          topology_->device + " has no vendor state format: a migration carries I/O queues only");
    }
    std::map<std::uint16_t, Pick> chosen;
    for (const auto& pick : resolve(*topology_, words)) {
      if (pick.kind == Pick::Kind::function) {
        chosen.emplace(pick.function->cntlid, pick);
      } else {
        const bool itself = pick.kind == Pick::Kind::controlling_function;
        blocker(itself ? controlling_function : unknown_function, pick,
                why_not(*topology_, pick).what());
      }
    }
    for (const auto& [id, pick] : chosen)
      consider(pick);
    return std::move(plan_);
  }

 private:
  void consider(const Pick& pick) {
    const auto& function = *pick.function;
    plan_.functions.push_back({function.cntlid, function.vfn, true, !function.marked});
    if (const auto vfs = function.pci ? bus_->sriov(function.pci->address).enabled : 0; vfs != 0) {
      blocker(has_virtual_functions, pick,
              describe(function) + " has " + std::to_string(vfs) + " VFs of its own");
    } else if (function.controls) {
      blocker(controlling_function, pick,
              describe(function) + " is a controlling function itself (it has SR-IOV)");
    }
    if (!function.online.value_or(true)) {
      warning(offline, pick, describe(function) + " is offline");
    }
    if (!on_vfio(function)) {
      warning(not_on_vfio, pick, describe(function) + " is not bound to vfio, so no VM has it");
    }
    consider_host(pick);
  }

  void consider_host(const Pick& pick) {
    const auto& function = *pick.function;
    const auto uses = function.pci ? bus_->host_uses(function.pci->address) : std::vector<Use>{};
    if (uses.empty()) return;
    warning(used_by_host, pick,
            describe(function) + " is used by this host: " + nvmigrate::describe(uses));
  }

  void blocker(FindingCode code, const Pick& pick, std::string message) {
    plan_.findings.push_back({code, Severity::blocker, pick.word, pick.cntlid, std::move(message)});
  }
  void warning(FindingCode code, const Pick& pick, std::string message) {
    plan_.findings.push_back({code, Severity::warning, pick.word, pick.cntlid, std::move(message)});
  }

  const Topology* topology_;
  PciBus* bus_;
  const MigrationAbility* ability_;
  MarkResult plan_;
};

ExitStatus status_of(FindingCode code) {
  if (code == no_live_migration) return ExitStatus::unsupported;
  return code == unknown_function ? ExitStatus::not_found : ExitStatus::refused;
}

/// Of several blockers the one that is told by the exit status.
ExitStatus graver(ExitStatus one, ExitStatus other) {
  for (const auto status : {ExitStatus::unsupported, ExitStatus::refused}) {
    if (one == status || other == status) return status;
  }
  return other;
}

}  // namespace

std::string_view to_string(Severity severity) noexcept {
  return severity == Severity::blocker ? "blocker" : "warning";
}

std::string_view to_string(FindingCode code) noexcept {
  switch (code) {
    case no_live_migration:
      return "no_live_migration";
    case controlling_function:
      return "controlling_function";
    case unknown_function:
      return "unknown_function";
    case has_virtual_functions:
      return "has_virtual_functions";
    case offline:
      return "offline";
    case not_on_vfio:
      return "not_on_vfio";
    case used_by_host:
      return "used_by_host";
    case queues_only:
      return "queues_only";
  }
  return "unknown";
}

bool MarkResult::changed() const noexcept {
  return std::any_of(functions.begin(), functions.end(), [](const auto& f) { return f.changed; });
}

MarkResult plan_mark(const Topology& topology, PciBus& bus, const std::string& words,
                     const MigrationAbility& ability) {
  return MarkPlanner(topology, bus, ability).make(words);
}

void insist_on_no_blocker(const MarkResult& plan) {
  auto status = ExitStatus::ok;
  std::string reasons;
  for (const auto& finding : plan.findings) {
    if (finding.severity != Severity::blocker) continue;
    status = graver(status, status_of(finding.code));
    reasons += (reasons.empty() ? "" : "; ") + finding.message;
  }
  if (!reasons.empty()) throw Error(status, "cannot mark: " + reasons);
}

MarkResult mark(const HostAccess& access, const Topology& topology, const std::string& words,
                const MigrationAbility& ability) {
  auto plan = plan_mark(topology, access.device.pci(), words, ability);
  insist_on_no_blocker(plan);
  for (const auto& function : plan.functions) {
    if (function.changed) access.registry.mark(function.cntlid);
  }
  return plan;
}

MarkResult plan_unmark(const Topology& topology, const Registry& registry,
                       const std::string& words) {
  std::map<std::uint16_t, MarkedFunction> functions;
  for (const auto& pick : resolve(topology, words)) {
    const bool gone = pick.kind == Pick::Kind::unknown && pick.cntlid;
    if (pick.kind != Pick::Kind::function && !(gone && registry.is_marked(*pick.cntlid))) {
      throw why_not(topology, pick);
    }
    const unsigned vfn = pick.function != nullptr ? pick.function->vfn : 0;
    const auto id = *pick.cntlid;
    functions.insert_or_assign(id, MarkedFunction{id, vfn, false, registry.is_marked(id)});
  }
  MarkResult plan;
  for (const auto& [id, function] : functions)
    plan.functions.push_back(function);
  return plan;
}

MarkResult unmark(const HostAccess& access, const Topology& topology, const std::string& words) {
  auto plan = plan_unmark(topology, access.registry, words);
  for (const auto& function : plan.functions) {
    if (function.changed) access.registry.unmark(function.cntlid);
  }
  return plan;
}

}  // namespace nvmigrate
