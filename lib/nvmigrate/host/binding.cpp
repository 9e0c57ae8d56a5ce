// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/host/functions.h"

#include <algorithm>

#include "nvmigrate/conditions/judge.h"
#include "nvmigrate/conditions/selection.h"
#include "nvmigrate/host/binding_changes.h"
#include "nvmigrate/host/driver_change.h"
#include "nvmigrate/ports/pci_bus.h"
#include "nvmigrate/store/journal.h"

namespace nvmigrate {
namespace {

bool is_on_vfio(const ControlledFunction& function) {
  return function.on_vfio() || (function.pci && is_vfio_driver(function.pci->driver));
}

/// Somebody else has it bound to vfio, and would be surprised to find that undone.
bool is_of_another(const ControlledFunction& function) {
  return !is_recorded(function) && function.pci && is_vfio_driver(function.pci->override_to);
}

/// The host has it already, by the driver that it is to get back: nothing is taken from anybody.
bool is_back(const ControlledFunction& function) {
  return function.unread.empty() && function.pci && !is_on_vfio(function) &&
         is_recorded(function) && function.pci->driver == original_driver_of(function).driver;
}

BindingChange unchanged(const ControlledFunction& function) {
  BindingChange change;
  change.cntlid = function.cntlid;
  if (function.binding) change.address = function.binding->address;
  if (function.pci) {
    change.address = function.pci->address;
    change.from = function.pci->driver;
    change.to = change.from;
  }
  return change;
}

/// Another driver than one of vfio would bind the function but create no vfio node.
void insist_on_vfio(const std::string& driver) {
  if (is_vfio_driver(driver)) return;
  throw usage_error("'" + driver + "' is not a vfio driver: their names contain 'vfio'");
}

std::string driver_for(Session& session, const ControlledFunction& function,
                       const BindRequest& request) {
  if (request.driver) return *request.driver;
  return session.pci().variant_driver(function.pci->address).value_or(stock_driver);
}

BindingChange planned_bind(Session& session, const ControlledFunction& function,
                           const BindRequest& request) {
  auto change = unchanged(function);
  if (!function.pci) {
    change.changed = true;
    return change;
  }
  if (request.driver || !function.on_vfio()) change.to = driver_for(session, function, request);
  change.changed = change.from != change.to || !function.on_vfio();
  return change;
}

/// The plan changes nothing, so it does not know whether a variant driver loads.
void load_drivers(PciBus& bus, BindingResult& plan) {
  for (auto& change : plan.functions) {
    if (change.changed) change.to = bus.load_variant_driver(change.address).value_or(stock_driver);
  }
}

void insist_on_drivers(Session& session, const BindingResult& plan) {
  Judge judge(Verb::bind, session);
  for (const auto& change : plan.functions) {
    if (!change.changed || session.pci().has_driver(*change.to)) continue;
    auto fact = judge.about_device("no_driver", {{"driver", *change.to}});
    fact.cntlid = change.cntlid;
    judge.add(fact);
  }
  judge.refuse("bind");
}

/// Claiming a session has its topology read again.
FunctionList claimed(Session& session, const FunctionList& functions) {
  if (session.claimed()) return functions;
  std::vector<std::uint16_t> ids;
  for (const auto* function : functions)
    ids.push_back(function->cntlid);
  session.claim();
  FunctionList again;
  for (const auto id : ids)
    again.push_back(&session.function(id));
  return again;
}

template <typename Member>
bool any_of(const BindingResult& result, Member member) {
  return std::any_of(result.functions.begin(), result.functions.end(), member);
}

}  // namespace

bool BindingResult::changed() const noexcept {
  return any_of(*this, [](const auto& one) { return one.changed; });
}

bool BindingResult::failed() const noexcept {
  return any_of(*this, [](const auto& one) { return one.failure.has_value(); });
}

bool BindingResult::skipped() const noexcept {
  return any_of(*this, [](const auto& one) { return one.skipped; });
}

FunctionList select_to_bind(const Topology& topology, const std::string& words) {
  auto functions = select(topology, words, "bind");
  if (words != "all") return functions;
  std::erase_if(functions, [](const ControlledFunction* function) { return !function->pci; });
  if (!functions.empty()) return functions;
  throw not_found("no function that " + topology.device + " controls is on the PCI bus", {},
                  ways_to_provision(topology, std::max(1U, topology.recorded_vfs())));
}

BindingResult plan_bind(Session& session, const FunctionList& functions,
                        const BindRequest& request) {
  if (request.driver) insist_on_vfio(*request.driver);
  BindingResult plan;
  Judge judge(Verb::bind, session, request.allowed);
  FunctionList changing;
  for (const auto* function : functions) {
    plan.functions.push_back(planned_bind(session, *function, request));
    if (plan.functions.back().changed) {
      judge.look_at(function->cntlid);
      judge.try_writing(*function);
      changing.push_back(function);
    } else {
      judge.look_at_control(function->cntlid);
    }
  }
  judge.look_at_groups(changing, functions);
  judge.refuse("bind");
  plan.findings = judge.findings();
  return plan;
}

BindingResult bind(Session& session, const FunctionList& functions, const BindRequest& request) {
  auto plan = plan_bind(session, claimed(session, functions), request);
  if (!request.driver) load_drivers(session.pci(), plan);
  insist_on_drivers(session, plan);
  carry_out(session, plan, request);
  return plan;
}

BindingResult plan_unbind(Session& session, const FunctionList& functions,
                          const UnbindRequest& request) {
  BindingResult plan;
  Judge judge(Verb::unbind, session, request.allowed);
  for (const auto* function : functions) {
    auto change = unchanged(*function);
    change.changed = is_on_vfio(*function) || is_recorded(*function) || !function->unread.empty();
    if (change.changed) {
      if (is_back(*function)) {
        judge.look_at_control(function->cntlid);
        judge.look_at_custody(function->cntlid);
      } else {
        judge.look_at(function->cntlid);
      }
      if (is_of_another(*function)) {
        judge.add(fact_of("foreign_override", session.device(), *function,
                          {{"driver", *function->pci->override_to}}));
      }
      judge.try_writing(*function);
      change.gone = !function->pci;
      change.to.reset();
      if (!change.gone && is_recorded(*function)) change.to = original_driver_of(*function).driver;
    } else {
      judge.look_at_control(function->cntlid);
      // The device says whether the record of a guest still holds.
      if (session.journal().custody(function->cntlid)) session.ask(function->cntlid);
    }
    plan.functions.push_back(std::move(change));
  }
  judge.refuse("unbind");
  plan.findings = judge.findings();
  return plan;
}

BindingResult unbind(Session& session, const FunctionList& functions,
                     const UnbindRequest& request) {
  auto plan = plan_unbind(session, claimed(session, functions), request);
  carry_out(session, plan, request);
  return plan;
}

}  // namespace nvmigrate
