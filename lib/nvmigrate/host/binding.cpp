// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/host/binding.h"

#include <algorithm>

#include "nvmigrate/base/interrupt.h"
#include "nvmigrate/base/time.h"
#include "nvmigrate/host/driver_change.h"
#include "nvmigrate/host/guards.h"

namespace nvmigrate {
namespace {

const std::vector<IntentKind> unbound_only{IntentKind::unbound};

/// Adds to an error that is being handled what became of the function.
Error with(const Error& error, const std::string& more, std::string hint) {
  return {error.status(), error.what() + more, std::move(hint)};
}

std::string in_numbers(const Owner& owner) {
  return std::to_string(owner.user) + ":" + std::to_string(owner.group);
}

/// The change of one function after the other.
class Changes {
 public:
  Changes(const HostAccess& access, const Topology& topology)
      : access_(access), topology_(&topology) {}

  template <typename Change>
  void each(BindingResult& plan, Change change) {
    for (auto& planned : plan.functions) {
      if (interrupted()) {
        planned.skipped = true;
        planned.changed = false;
        continue;
      }
      try {
        change(*topology_->find(planned.cntlid), planned);
      } catch (const Error& error) {
        planned.failure = error;
        planned.changed = false;
        planned.to = planned.from;
      }
    }
  }

  void bind(const ControlledFunction& function, BindingChange& change, const BindWish& wish) {
    const auto original = original_driver_of(function);
    if (change.changed) {
      record(change, original);
      take(change, original, wish);
    } else {
      change.nodes = function.vfio;
      give_nodes(change.nodes, wish);
      // A bind that died before its record was written, but after the driver had taken it.
      if (function.has(IntentKind::unbound) && !function.binding) remember(change, original);
    }
    if (change.changed || function.has(IntentKind::unbound)) strike(change.cntlid);
    if (wish.owner) check_owners(change, *wish.owner);
  }

  void unbind(const ControlledFunction& function, BindingChange& change, const UnbindWish& wish) {
    if (!change.changed) return;
    const auto original = original_driver_of(function);
    if (function.pci) {
      const bool is_recorded = function.binding || function.has(IntentKind::unbound);
      record(change, original);
      release(change, original, is_recorded, wish);
    }
    forget(change.cntlid);
    access_.journal.strike({IntentKind::unbound, IntentKind::moved}, change.cntlid);
  }

 private:
  PciBus& bus() { return access_.device.pci(); }

  void record(const BindingChange& change, const OriginalDriver& original) {
    access_.journal.record(IntentKind::unbound, change.cntlid,
                           details_of(change.address, original));
  }

  void strike(std::uint16_t cntlid) { access_.journal.strike(unbound_only, cntlid); }

  void forget(std::uint16_t cntlid) {
    if (access_.registry.binding_of(cntlid) != nullptr) access_.registry.forget_binding(cntlid);
  }

  void remember(const BindingChange& change, const OriginalDriver& original) {
    access_.registry.remember({change.cntlid, change.address, *change.to, original.driver,
                               original.override_to, utc_now()});
  }

  void give_nodes(const VfioNodes& nodes, const BindWish& wish) {
    if (!wish.owner) return;
    for (const auto& node : {nodes.group, nodes.device}) {
      if (node) bus().set_owner(*node, wish.owner->user, wish.owner->group);
    }
  }

  /// udev sets owners of its own when a node appears, and may come last.
  void check_owners(BindingChange& change, const Owner& asked) {
    for (const auto& node : {change.nodes.group, change.nodes.device}) {
      if (node) check_owner(change, *node, asked);
    }
  }

  void check_owner(BindingChange& change, const std::string& node, const Owner& asked) {
    try {
      const auto is = bus().owner(node);
      if (is == asked) return;
      change.warnings.push_back(node + " belongs to " + in_numbers(is) + " and not to " +
                                in_numbers(asked) + ": a rule of udev set another owner");
    } catch (const Error& error) {
      change.warnings.emplace_back(error.what());
    }
  }

  void take(BindingChange& change, const OriginalDriver& original, const BindWish& wish) {
    try {
      change.nodes = give_to_vfio(bus(), change.address, *change.to, wish.timeout);
      give_nodes(change.nodes, wish);
      remember(change, original);
    } catch (const Error& error) {
      change.nodes = {};
      throw put_back(error, change, original, wish.timeout);
    }
  }

  /// \return the error to throw, which says whether the function is back where it was
  Error put_back(const Error& error, const BindingChange& change, const OriginalDriver& original,
                 std::chrono::milliseconds timeout) {
    try {
      give_back(bus(), change.address, original, timeout);
      forget(change.cntlid);
      strike(change.cntlid);
    } catch (const Error& second) {
      return with(error, std::string{"; putting it back failed: "} + second.what(),
                  "nvmigrate unbind " + topology_->device + " " + std::to_string(change.cntlid) +
                      " gives it back to its own driver");
    }
    return with(error, "; it is back at " + original.driver.value_or("no driver"), error.hint());
  }

  /// Back to what was recorded, no driver included; what others took from its driver goes to any.
  void release(BindingChange& change, const OriginalDriver& original, bool is_recorded,
               const UnbindWish& wish) {
    try {
      if (is_recorded || original.driver) {
        give_back(bus(), change.address, original, wish.timeout);
        change.to = original.driver;
      } else {
        change.to = give_to_any(bus(), change.address);
      }
    } catch (const Error& error) {
      throw with(error, "; the journal keeps its original driver",
                 "nvmigrate unbind " + topology_->device + " " + std::to_string(change.cntlid) +
                     " tries again");
    }
  }

  HostAccess access_;
  const Topology* topology_;
};

/// The plan changes nothing, so it does not know whether a variant driver loads.
void load_drivers(PciBus& bus, BindingResult& plan) {
  for (auto& change : plan.functions) {
    if (change.changed) change.to = bus.load_variant_driver(change.address).value_or(stock_driver);
  }
}

void insist_on_drivers(PciBus& bus, const BindingResult& plan) {
  for (const auto& change : plan.functions) {
    if (!change.changed || bus.has_driver(*change.to)) continue;
    throw unsupported("this kernel has no driver " + *change.to + ", and no module of that name",
                      "install it, or name another with --driver");
  }
}

}  // namespace

bool BindingResult::changed() const noexcept {
  return std::any_of(functions.begin(), functions.end(), [](const auto& f) { return f.changed; });
}

bool BindingResult::failed() const noexcept {
  return std::any_of(functions.begin(), functions.end(),
                     [](const auto& f) { return f.failure.has_value(); });
}

bool BindingResult::skipped() const noexcept {
  return std::any_of(functions.begin(), functions.end(), [](const auto& f) { return f.skipped; });
}

BindingResult bind(const HostAccess& access, const Topology& topology,
                   const FunctionList& functions, const BindWish& wish) {
  auto plan = plan_bind(topology, access.device.pci(), functions, wish);
  if (!wish.driver) load_drivers(access.device.pci(), plan);
  insist_on_drivers(access.device.pci(), plan);
  Changes changes(access, topology);
  changes.each(plan, [&](const ControlledFunction& function, BindingChange& change) {
    changes.bind(function, change, wish);
  });
  return plan;
}

BindingResult unbind(const HostAccess& access, const Topology& topology,
                     const FunctionList& functions, const UnbindWish& wish) {
  auto plan = plan_unbind(topology, access.device.pci(), functions, wish);
  Changes changes(access, topology);
  changes.each(plan, [&](const ControlledFunction& function, BindingChange& change) {
    changes.unbind(function, change, wish);
  });
  return plan;
}

}  // namespace nvmigrate
