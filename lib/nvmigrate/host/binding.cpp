// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/host/functions.h"

#include <algorithm>

#include "nvmigrate/base/interrupt.h"
#include "nvmigrate/base/time.h"
#include "nvmigrate/conditions/judge.h"
#include "nvmigrate/host/driver_change.h"
#include "nvmigrate/host/shared_node.h"
#include "nvmigrate/ports/pci_bus.h"
#include "nvmigrate/store/journal.h"
#include "nvmigrate/store/registry.h"

namespace nvmigrate {
namespace {

const std::vector<IntentKind> unbound_only{IntentKind::unbound};

/// Whether the driver that it had before this program changed it is known.
bool is_recorded(const ControlledFunction& function) {
  return function.binding || function.has(IntentKind::unbound);
}

bool is_on_vfio(const ControlledFunction& function) {
  return function.on_vfio() || (function.pci && is_vfio_driver(function.pci->driver));
}

/// Somebody else has it bound to vfio, and would be surprised to find that undone.
bool is_of_another(const ControlledFunction& function) {
  return !is_recorded(function) && function.pci && is_vfio_driver(function.pci->override_to);
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

/// The change of one function after the other.
class Changes {
 public:
  Changes(Session& session, BindingResult& plan) : session_(&session), plan_(&plan) {}

  template <typename Change>
  void each(Change change) {
    for (auto& planned : plan_->functions) {
      if (interrupted()) {
        planned.skipped = true;
        planned.changed = false;
        continue;
      }
      try {
        change(session_->function(planned.cntlid), planned);
      } catch (const Error& error) {
        planned.failure = error;
        planned.to = driver_if_known(planned);
        planned.changed = planned.to != planned.from;
      }
    }
    session_->refresh();
  }

  void bind(const ControlledFunction& function, BindingChange& change, const BindRequest& request) {
    const auto original = original_driver_of(function);
    if (change.changed) {
      record(change, original);
      take(change, original, request);
    } else {
      change.nodes = function.vfio;
      give_nodes(change.nodes, request);
      // Somebody else gave it to vfio, or a bind that ended before its record was written.
      if (!function.binding) remember(change, original);
    }
    if (change.changed || function.has(IntentKind::unbound)) strike(change.cntlid);
    if (request.owner) check_owners(change, *request.owner);
    check_shared_node(change.nodes, request.owner.value_or(Owner{}));
  }

  void unbind(const ControlledFunction& function, BindingChange& change,
              const UnbindRequest& request) {
    if (!change.changed) return;
    const auto original = original_driver_of(function);
    if (!change.gone) {
      record(change, original);
      release(function, change, original, request);
    }
    forget(change.cntlid);
    strike(change.cntlid);
    if (is_vfio_driver(change.to)) return;
    // Its own driver resets it. Without a driver the device decides, if it can be asked.
    if (change.to || !function.suspended()) session_->journal().strike_custody(change.cntlid);
  }

 private:
  PciBus& bus() { return session_->pci(); }

  std::optional<std::string> driver_if_known(const BindingChange& change) {
    try {
      const auto function = bus().find(change.address);
      return function ? function->driver : std::nullopt;
    } catch (const Error&) {
      return change.from;
    }
  }

  void record(const BindingChange& change, const OriginalDriver& original) {
    session_->journal().record(IntentKind::unbound, change.cntlid,
                               details_of(change.address, original));
  }

  void strike(std::uint16_t cntlid) { session_->journal().strike(unbound_only, cntlid); }

  void forget(std::uint16_t cntlid) {
    auto& registry = session_->registry();
    if (registry.binding_of(cntlid) != nullptr) registry.forget_binding(cntlid);
  }

  void remember(const BindingChange& change, const OriginalDriver& original) {
    session_->registry().remember({change.cntlid, change.address, *change.to, original.driver,
                                   original.override_to, utc_now()});
  }

  void give_nodes(const VfioNodes& nodes, const BindRequest& request) {
    if (!request.owner) return;
    for (const auto& node : {nodes.group, nodes.device}) {
      if (node) bus().set_owner(*node, request.owner->user, request.owner->group);
    }
  }

  /// udev sets owners of its own when a node appears, and may come last.
  void check_owners(const BindingChange& change, const Owner& asked) {
    for (const auto& node : {change.nodes.group, change.nodes.device}) {
      if (node) check_owner(change.cntlid, *node, asked);
    }
  }

  /// Told once, for all functions.
  void check_shared_node(const VfioNodes& nodes, const Owner& user) {
    const auto fact = fact_of_shared_node(session_->device(), nodes, user);
    if (!fact) return;
    auto found = judged(*fact, Verb::bind);
    for (const auto& told : plan_->findings) {
      if (told.message == found.message) return;
    }
    plan_->findings.push_back(std::move(found));
  }

  void check_owner(std::uint16_t cntlid, const std::string& node, const Owner& asked) {
    Fact fact{.code = "node_owner", .device = session_->device(), .cntlid = cntlid};
    try {
      const auto is = bus().owner(node);
      if (is == asked) return;
      fact.words = {{"node", node}, {"is", in_numbers(is)}, {"asked", in_numbers(asked)}};
    } catch (const Error& error) {
      fact.code = "node_lost";
      fact.words = {{"reason", error.what()}};
    }
    plan_->findings.push_back(judged(fact, Verb::bind));
  }

  void take(BindingChange& change, const OriginalDriver& original, const BindRequest& request) {
    try {
      change.nodes = give_to_vfio(bus(), change.address, *change.to, request.timeout);
      give_nodes(change.nodes, request);
      remember(change, original);
    } catch (const Error& error) {
      change.nodes = {};
      throw put_back(error, change, original, request.timeout);
    }
  }

  /// \return the error to throw, which says whether the function is back where it was
  Error put_back(const Error& error, const BindingChange& change, const OriginalDriver& original,
                 std::chrono::milliseconds timeout) {
    try {
      if (is_gone(change)) return dropped(error, change);
      give_back(bus(), change.address, original, timeout);
      forget(change.cntlid);
      strike(change.cntlid);
    } catch (const Error& second) {
      return still_taken(error, std::string{"; putting it back failed: "} + second.what(), change);
    }
    return {error.status(), error.what() + ("; it is back at " + name_of(original)), error.advice(),
            error.remedies()};
  }

  static std::string name_of(const OriginalDriver& original) {
    return original.driver ? "driver " + *original.driver : "no driver";
  }

  /// The journal keeps its original driver, so that unbinding it can be tried again.
  [[nodiscard]] Error still_taken(const Error& error, const std::string& more,
                                  const BindingChange& change) const {
    return {error.status(),
            error.what() + more,
            "unbinding it gives it back to its own driver",
            {{.action = Remedy::Action::unbind,
              .device = session_->device(),
              .function = change.cntlid}}};
  }

  bool is_gone(const BindingChange& change) { return !bus().find(change.address); }

  Error dropped(const Error& error, const BindingChange& change) {
    forget(change.cntlid);
    strike(change.cntlid);
    return {error.status(), error.what() + std::string{"; its record was dropped"}};
  }

  /// Back to what was recorded, no driver included; of what is not recorded, to any driver.
  void release(const ControlledFunction& function, BindingChange& change,
               const OriginalDriver& original, const UnbindRequest& request) {
    try {
      if (is_recorded(function)) {
        give_back(bus(), change.address, original, request.timeout);
      } else {
        give_to_any(bus(), change.address);
      }
      change.to = driver_now(bus(), change.address);
    } catch (const Error& error) {
      change.gone = is_gone(change);
      if (!change.gone) throw still_taken(error, "; its original driver stays on record", change);
      change.to.reset();
    }
    if (is_vfio_driver(change.to)) stay(function, change, original, request);
  }

  /// A driver of vfio has it again. That is well where it had it before it was bound.
  void stay(const ControlledFunction& function, const BindingChange& change,
            const OriginalDriver& original, const UnbindRequest& request) {
    auto found = judged(fact_of("still_on_vfio", session_->device(), function,
                                {{"driver", *change.to}, {"cause", cause_of(change)}}),
                        Verb::unbind);
    if (is_recorded(function) && change.to == original.driver) {
      plan_->findings.push_back(std::move(found));
      return;
    }
    if (!is_recorded(function)) {
      give_back(bus(), change.address, original, request.timeout);
      strike(change.cntlid);
    }
    throw Error(found.status, found.message, found.advice).with_code(found.code);
  }

  std::string cause_of(const BindingChange& change) {
    const auto function = bus().find(change.address);
    if (function && function->override_to == change.to) return "its driver_override names it";
    return "that driver claims its vendor and device ID (ids= or new_id)";
  }

  Session* session_;
  BindingResult* plan_;
};

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
                  {{.action = Remedy::Action::provision, .device = topology.device, .count = 1}});
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
  Changes changes(session, plan);
  changes.each([&](const ControlledFunction& function, BindingChange& change) {
    changes.bind(function, change, request);
  });
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
      judge.look_at(function->cntlid);
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
  Changes changes(session, plan);
  changes.each([&](const ControlledFunction& function, BindingChange& change) {
    changes.unbind(function, change, request);
  });
  return plan;
}

}  // namespace nvmigrate
