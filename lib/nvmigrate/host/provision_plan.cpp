// SPDX-License-Identifier: LGPL-2.1-or-later
#include <algorithm>
#include <utility>

#include "nvmigrate/host/guards.h"
#include "nvmigrate/host/provision.h"
#include "nvmigrate/host/provision_records.h"
#include "nvmigrate/host/provision_steps.h"

namespace nvmigrate {
namespace {

/// What an Online function needs at least (Base 2.1 §8.2.6): the admin queue and one for I/O.
constexpr std::uint16_t least_queues = 2;
constexpr std::uint16_t least_interrupts = 1;

using Functions = std::vector<const ControlledFunction*>;

Functions members(const Topology& topology, unsigned vfs) {
  Functions found(vfs, nullptr);
  for (const auto& function : topology.functions) {
    if (function.secondary && function.vfn != 0 && function.vfn <= vfs) {
      found[function.vfn - 1U] = &function;
    }
  }
  const auto missing = std::find(found.begin(), found.end(), nullptr);
  if (missing == found.end()) return found;
  throw unsupported(topology.device + " has no secondary controller for VF " +
                    std::to_string(missing - found.begin() + 1) +
                    " (Secondary Controller List, Identify CNS 15h)");
}

bool is_managed(const Topology& topology) {
  return topology.resources.has_value() &&
         std::any_of(topology.functions.begin(), topology.functions.end(),
                     [](const ControlledFunction& function) { return function.vfn != 0; });
}

/// One kind of flexible resource, and what is wished of it.
struct Kind {
  std::string name, granularity_field;
  unsigned type = 0;  ///< of Virtualization Management
  FlexibleResources has;
  std::optional<std::uint16_t> wish;
  std::uint16_t least = 0;
  std::uint16_t ControlledFunction::*assigned = nullptr;

  [[nodiscard]] bool differs(const ControlledFunction& function) const {
    return has.supported && wish && function.*assigned != *wish;
  }
};

class Planner {
 public:
  Planner(const Topology& topology, PciBus& bus, const ProvisionWish& wish)
      : topology_(&topology), bus_(&bus), wish_(&wish), managed_(is_managed(topology)) {
    const auto resources = topology.resources.value_or(PrimaryResources{});
    queues_ = {"queues",
               "VQGRAN",
               0,
               resources.queues,
               wish.queues,
               least_queues,
               &ControlledFunction::queues};
    interrupts_ = {"interrupts",
                   "VIGRAN",
                   1,
                   resources.interrupts,
                   wish.interrupts,
                   least_interrupts,
                   &ControlledFunction::interrupts};
    plan_.was_vfs = topology.sriov.enabled;
    plan_.vfs = wish.vfs;
    plan_.wreck = provisioning_wreck(topology);
  }

  ProvisionResult make() {
    check_wish();
    rebuild_ = topology_->sriov.enabled != wish_->vfs;
    if (rebuild_ && topology_->sriov.enabled != 0) allow_recreation(count_would_change());
    if (managed_) members_ = members(*topology_, wish_->vfs);
    for (const auto* function : members_)
      check_online(*function);
    if (rebuild_) check_destruction();
    choose();
    warn();
    make_steps();
    predict();
    return std::move(plan_);
  }

 private:
  void check_wish() const {
    const auto& device = topology_->device;
    if (wish_->vfs == 0) {
      throw usage_error("0 VFs are none to provision", "nvmigrate deprovision " + device);
    }
    if (topology_->sriov.total == 0) {
      throw unsupported(device + " has no SR-IOV (sriov_totalvfs of its PCI function)");
    }
    if (wish_->vfs > topology_->sriov.total) {
      throw refused(device + " has at most " + std::to_string(topology_->sriov.total) +
                    " VFs, not " + std::to_string(wish_->vfs));
    }
    check_kind(queues_);
    check_kind(interrupts_);
  }

  void check_kind(const Kind& kind) const {
    if (!kind.wish) return;
    const auto& device = topology_->device;
    if (!managed_ || !kind.has.supported) {
      throw unsupported(device + " has no flexible " + kind.name +
                        " (Primary Controller Capabilities, Identify CNS 14h)");
    }
    if (*kind.wish > kind.has.per_secondary) {
      throw refused(device + " gives a function at most " + std::to_string(kind.has.per_secondary) +
                    " " + kind.name + ", not " + std::to_string(*kind.wish));
    }
    if (*kind.wish < kind.least) {
      throw refused("a function needs at least " + std::to_string(kind.least) + " " + kind.name +
                    " to come online, not " + std::to_string(*kind.wish));
    }
  }

  [[nodiscard]] std::string count_would_change() const {
    return topology_->device + " has " + std::to_string(topology_->sriov.enabled) + " VFs; " +
           std::to_string(wish_->vfs) + " of them means to destroy those that are there";
  }

  void allow_recreation(const std::string& reason) {
    rebuild_ = true;
    const bool was_destroying = plan_.wreck && was_rebuilding(*plan_.wreck);
    if (wish_->recreate || was_destroying) return;
    throw refused(reason, "--recreate destroys them and makes them anew; nvmigrate deprovision " +
                              topology_->device + " takes them away");
  }

  void check_online(const ControlledFunction& function) {
    if (rebuild_ || !function.online.value_or(false)) return;
    if (!queues_.differs(function) && !interrupts_.differs(function)) return;
    allow_recreation(describe(function) + " is online with " + std::to_string(function.queues) +
                     " queues and " + std::to_string(function.interrupts) +
                     " interrupts; resources are only assigned to a function that is offline");
  }

  void check_destruction() {
    const Deed deed{"destroy", wish_->allow_moved};
    for (const auto& function : topology_->functions) {
      if (is_enabled_vf(*topology_, function)) refuse_in_use(*topology_, *bus_, function, deed);
    }
  }

  /// Which functions are to be made ready, and with what.
  void choose() {
    for (const auto* function : members_) {
      if (rebuild_ || !function->online.value_or(false)) chosen_.push_back(function);
    }
    if (chosen_.empty()) return;
    if (!rebuild_) {
      for (const auto* function : chosen_) {
        refuse_in_use(*topology_, *bus_, *function, {"reset", wish_->allow_moved});
      }
    }
    queues_each_ = share(queues_);
    interrupts_each_ = share(interrupts_);
  }

  /// Free now, or free once those that are chosen or destroyed are offline.
  [[nodiscard]] std::uint64_t available(const Kind& kind) const {
    std::uint64_t sum = kind.has.free();
    for (const auto& function : topology_->functions) {
      const bool chosen = std::find(chosen_.begin(), chosen_.end(), &function) != chosen_.end();
      if (chosen || (rebuild_ && is_enabled_vf(*topology_, function))) {
        sum += function.*kind.assigned;
      }
    }
    return sum;
  }

  [[nodiscard]] unsigned share(const Kind& kind) const {
    if (!kind.has.supported) return 0;
    const auto free = available(kind);
    const auto each = kind.wish ? *kind.wish : even_share(kind, free);
    const auto needed = std::uint64_t{each} * chosen_.size();
    if (needed <= free) return each;
    const auto held = kind.has.primary == 0
                          ? std::string{}
                          : "; it holds " + std::to_string(kind.has.primary) + " of " +
                                std::to_string(kind.has.total) + " for itself";
    throw refused(topology_->device + " has " + std::to_string(free) + " flexible " + kind.name +
                      " free, and " + std::to_string(needed) + " are needed for " +
                      std::to_string(chosen_.size()) + " functions with " + std::to_string(each) +
                      " each" + held,
                  more_of(kind));
  }

  [[nodiscard]] std::string more_of(const Kind& kind) const {
    auto fewer = "ask for fewer functions, or fewer " + kind.name + " each";
    if (kind.has.primary == 0) return fewer;
    const auto& device = topology_->device;
    return fewer + ", or before any VF is in use let it give back its own: nvme virt-mgmt " +
           device + " --cntlid=" + std::to_string(topology_->identity.cntlid) +
           " --rt=" + std::to_string(kind.type) + " --act=1 --nr=0, then nvme reset " + device;
  }

  [[nodiscard]] unsigned even_share(const Kind& kind, std::uint64_t free) const {
    const auto most = std::min<std::uint64_t>(free / chosen_.size(), kind.has.per_secondary);
    const auto grain = std::max<std::uint64_t>(kind.has.granularity, 1);
    const auto rounded = most >= grain ? most - most % grain : most;
    return static_cast<unsigned>(std::max<std::uint64_t>(rounded, kind.least));
  }

  void warn() {
    if (!managed_) {
      plan_.warnings.push_back(
          topology_->device +
          " has no Secondary Controller List (Identify CNS 15h), so its VFs "
          "have no controller id here and the other commands cannot name them");
    }
    if (chosen_.empty()) return;
    warn_of_rounding(queues_, queues_each_);
    warn_of_rounding(interrupts_, interrupts_each_);
  }

  void warn_of_rounding(const Kind& kind, unsigned each) {
    if (kind.has.granularity < 2 || each % kind.has.granularity == 0) return;
    plan_.warnings.push_back(topology_->device + " prefers " + kind.name + " in steps of " +
                             std::to_string(kind.has.granularity) + " (" + kind.granularity_field +
                             "); asked for " + std::to_string(each) +
                             " it may grant another number, and then the command fails");
  }

  void make_steps() {
    auto& steps = plan_.steps;
    const auto& sriov = topology_->sriov;
    const bool wanted_probe = autoprobe_before(*topology_, plan_.wreck);
    if (rebuild_ && sriov.autoprobe) steps.push_back({ProvisionAction::set_autoprobe, {}, 0, 0});
    if (rebuild_ && sriov.enabled != 0) steps.push_back({ProvisionAction::set_vfs, {}, 0, 0});
    if (rebuild_) add_forgetting(steps, *topology_, plan_.wreck);
    if (rebuild_) steps.push_back({ProvisionAction::set_vfs, {}, 0, wish_->vfs});
    std::vector<FunctionGoal> goals;
    for (const auto* function : chosen_)
      goals.push_back({function, queues_each_, interrupts_each_, true});
    add_steps(steps, goals);
    if (wanted_probe && (rebuild_ || !sriov.autoprobe)) {
      steps.push_back({ProvisionAction::set_autoprobe, {}, 0, 1});
    }
  }

  void predict() {
    for (unsigned vfn = 1; vfn <= wish_->vfs; ++vfn) {
      ProvisionedFunction after;
      after.vfn = vfn;
      if (managed_) {
        const auto& function = *members_[vfn - 1];
        const bool chosen = std::find(chosen_.begin(), chosen_.end(), &function) != chosen_.end();
        after.cntlid = function.cntlid;
        after.address = function.pci ? function.pci->address : std::string{};
        after.queues = chosen ? static_cast<std::uint16_t>(queues_each_) : function.queues;
        after.interrupts =
            chosen ? static_cast<std::uint16_t>(interrupts_each_) : function.interrupts;
      }
      plan_.functions.push_back(std::move(after));
    }
  }

  const Topology* topology_;
  PciBus* bus_;
  const ProvisionWish* wish_;
  bool managed_;
  bool rebuild_ = false;
  Kind queues_, interrupts_;
  Functions members_, chosen_;
  unsigned queues_each_ = 0, interrupts_each_ = 0;
  ProvisionResult plan_;
};

}  // namespace

ProvisionResult plan_provision(const Topology& topology, PciBus& bus, const ProvisionWish& wish) {
  return Planner(topology, bus, wish).make();
}

ProvisionResult plan_deprovision(const Topology& topology, PciBus& bus, bool allow_moved) {
  ProvisionResult plan;
  plan.was_vfs = topology.sriov.enabled;
  plan.wreck = provisioning_wreck(topology);
  for (const auto& function : topology.functions) {
    if (!is_enabled_vf(topology, function)) continue;
    refuse_in_use(topology, bus, function, {"destroy", allow_moved});
    if (function.vfn != 0 && function.pci && function.pci->driver) {
      plan.steps.push_back({ProvisionAction::unbind, function.cntlid, function.vfn, 0});
    }
  }
  for (const auto& function : topology.functions) {
    if (function.vfn != 0 && function.online.value_or(false)) {
      plan.steps.push_back({ProvisionAction::offline, function.cntlid, function.vfn, 0});
    }
  }
  if (plan.was_vfs != 0) plan.steps.push_back({ProvisionAction::set_vfs, {}, 0, 0});
  if (plan.was_vfs != 0 || plan.wreck) add_forgetting(plan.steps, topology, plan.wreck);
  if (!topology.sriov.autoprobe && autoprobe_before(topology, plan.wreck)) {
    plan.steps.push_back({ProvisionAction::set_autoprobe, {}, 0, 1});
  }
  return plan;
}

}  // namespace nvmigrate
