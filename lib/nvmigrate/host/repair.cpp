// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/host/binding.h"
#include "nvmigrate/host/doctor.h"
#include "nvmigrate/host/guards.h"
#include "nvmigrate/host/provision_records.h"

namespace nvmigrate {
namespace {

template <typename Work>
Repair attempt(std::string name, std::optional<std::uint16_t> cntlid, Work work) {
  Repair repair{std::move(name), cntlid, {}, false};
  try {
    repair.message = work();
    repair.done = true;
  } catch (const Interrupted&) {
    throw;
  } catch (const Error& error) {
    repair.message = error.what();
  }
  return repair;
}

std::string give_back_driver(const HostAccess& access, const Topology& topology,
                             const ControlledFunction& function, const ProvisionLimits& limits) {
  const auto result = unbind(access, topology, {&function}, {false, limits.appear});
  const auto& change = result.functions.front();
  if (change.failure) throw Error(*change.failure);
  return describe(function) + " is back at " + change.to.value_or("no driver");
}

std::vector<IntentKind> kinds_that(const ControlledFunction& function, bool Intent::*holds) {
  std::vector<IntentKind> kinds;
  for (const auto& intent : function.intents) {
    if (intent.*holds) kinds.push_back(intent.kind);
  }
  return kinds;
}

bool is_left_suspended(const ControlledFunction& function) {
  for (const auto& intent : function.intents) {
    if (intent.kind == IntentKind::suspended && intent.details.contains(unfinished_detail)) {
      return !function.has(IntentKind::moved) && !function.has(IntentKind::loading);
    }
  }
  return false;
}

/// The intents that are over once the function runs, where it may be let run without risk.
std::vector<IntentKind> what_resume_ends(const ControlledFunction& function) {
  if (!kinds_that(function, &Intent::committed).empty()) {
    return {IntentKind::loading, IntentKind::suspended, IntentKind::moved};
  }
  if (is_left_suspended(function)) return {IntentKind::suspended};
  return {};
}

}  // namespace

std::vector<Repair> repair(const HostAccess& access, const RepairTools& tools,
                           const ProvisionLimits& limits) {
  std::vector<Repair> repairs;
  if (provisioning_wreck(access.topology())) {
    repairs.push_back(attempt("provisioning", std::nullopt, [&] {
      finish_provisioning(access, limits);
      return "what was provisioned in part is finished";
    }));
  }
  auto topology = access.topology();
  tools.complete(topology);
  for (const auto& function : topology.functions) {
    if (function.has(IntentKind::unbound)) {
      repairs.push_back(attempt("unbound", function.cntlid, [&] {
        return give_back_driver(access, topology, function, limits);
      }));
    }
    const auto over = kinds_that(function, &Intent::stale);
    if (!over.empty()) {
      repairs.push_back(attempt("stale", function.cntlid, [&] {
        access.journal.strike(over, function.cntlid);
        return describe(function) + " runs; the journal does not say otherwise any more";
      }));
    } else if (const auto ended = what_resume_ends(function); !ended.empty()) {
      repairs.push_back(attempt(std::string{to_string(ended.front())}, function.cntlid, [&] {
        tools.resume(function.cntlid);
        access.journal.strike(ended, function.cntlid);
        return describe(function) + " runs again";
      }));
    }
  }
  return repairs;
}

}  // namespace nvmigrate
