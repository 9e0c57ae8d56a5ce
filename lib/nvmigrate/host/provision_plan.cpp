// SPDX-License-Identifier: LGPL-2.1-or-later
#include <algorithm>
#include <utility>

#include "nvmigrate/conditions/judge.h"
#include "nvmigrate/host/provision.h"
#include "nvmigrate/host/provision_records.h"
#include "nvmigrate/host/provision_steps.h"

namespace nvmigrate {
namespace {

/// What an Online function needs at least (Base 2.1 §8.2.6): the admin queue and one for I/O.
constexpr std::uint16_t least_queues = 2;
constexpr std::uint16_t least_interrupts = 1;

using Functions = std::vector<const ControlledFunction*>;

/// By VF number; nullptr where there is none.
Functions members(const Topology& topology, unsigned vfs) {
  Functions found(vfs, nullptr);
  for (const auto& function : topology.functions) {
    if (function.secondary && function.vfn != 0 && function.vfn <= vfs) {
      found[function.vfn - 1U] = &function;
    }
  }
  return found;
}

bool is_managed(const Topology& topology) {
  return topology.resources.has_value() &&
         std::any_of(topology.functions.begin(), topology.functions.end(),
                     [](const ControlledFunction& function) { return function.vfn != 0; });
}

/// One kind of flexible resource, and how many are requested.
struct Kind {
  std::string name, granularity_field;
  FlexibleResources has;
  std::optional<std::uint16_t> requested;
  std::uint16_t least = 0;
  std::uint16_t ControlledFunction::*assigned = nullptr;

  [[nodiscard]] bool differs(const ControlledFunction& function) const {
    return has.supported && requested && function.*assigned != *requested;
  }
};

class Planner {
 public:
  Planner(Session& session, const ProvisionRequest& request)
      : topology_(&session.topology()),
        request_(&request),
        judge_(Verb::provision, session, request.allowed),
        managed_(is_managed(*topology_)) {
    const auto resources = topology_->resources.value_or(PrimaryResources{});
    queues_ = {"queues",       "VQGRAN",     resources.queues,
               request.queues, least_queues, &ControlledFunction::queues};
    interrupts_ = {"interrupts",       "VIGRAN",         resources.interrupts,
                   request.interrupts, least_interrupts, &ControlledFunction::interrupts};
    plan_.was_vfs = topology_->sriov.enabled;
    plan_.vfs = request.vfs;
    plan_.unfinished = unfinished_provisioning(*topology_);
  }

  ProvisionResult make() {
    check_kind(queues_);
    check_kind(interrupts_);
    check_count();
    rebuild_ = topology_->sriov.enabled != request_->vfs;
    if (rebuild_ && topology_->sriov.enabled != 0) require_recreation(vfs_exist());
    if (managed_) choose_members();
    if (!rebuild_) check_online();
    if (rebuild_) judge_.look_at_vfs();
    choose();
    warn();
    judge_.refuse("provision");
    plan_.findings = judge_.findings();
    make_steps();
    predict();
    return std::move(plan_);
  }

 private:
  /// Where the device cannot have so many, what they would need and destroy is not looked at.
  void check_count() {
    const auto most = topology_->sriov.total;
    if (request_->vfs <= most) return;
    judge_.add(most == 0 ? judge_.about_device("no_sriov")
                         : judge_.about_device("too_many_vfs",
                                               {{"most", std::to_string(most)},
                                                {"count", std::to_string(request_->vfs)}}));
    judge_.refuse("provision");
  }

  void check_kind(const Kind& kind) {
    if (!kind.requested) return;
    Words words{{"kind", kind.name},
                {"count", std::to_string(*kind.requested)},
                {"most", std::to_string(kind.has.per_secondary)},
                {"least", std::to_string(kind.least)}};
    if (!managed_ || !kind.has.supported) {
      judge_.add(judge_.about_device("no_flexible_resources", words));
    } else if (*kind.requested > kind.has.per_secondary) {
      judge_.add(judge_.about_device("too_many_resources", words));
    } else if (*kind.requested < kind.least) {
      judge_.add(judge_.about_device("too_few_resources", words));
    }
  }

  [[nodiscard]] Fact vfs_exist() const {
    return judge_.about_device("vfs_exist", {{"enabled", std::to_string(topology_->sriov.enabled)},
                                             {"count", std::to_string(request_->vfs)}});
  }

  void require_recreation(Fact fact) {
    rebuild_ = true;
    const bool was_destroying = plan_.unfinished && was_rebuilding(*plan_.unfinished);
    if (request_->recreate || was_destroying) return;
    const auto& device = topology_->device;
    fact.remedies = {{.action = Remedy::Action::recreate,
                      .device = device,
                      .count = request_->vfs,
                      .queues = request_->queues,
                      .interrupts = request_->interrupts},
                     {.action = Remedy::Action::deprovision, .device = device}};
    judge_.add(fact);
  }

  void choose_members() {
    members_ = members(*topology_, request_->vfs);
    const auto missing = std::find(members_.begin(), members_.end(), nullptr);
    if (missing == members_.end()) return;
    const auto vfn = missing - members_.begin() + 1;
    judge_.add(judge_.about_device("no_secondary", {{"vfn", std::to_string(vfn)}}));
    std::erase(members_, nullptr);
  }

  void check_online() {
    for (const auto* function : members_) {
      const bool differs = queues_.differs(*function) || interrupts_.differs(*function);
      if (!differs || !function->online.value_or(false)) continue;
      require_recreation(fact_of("resources_assigned", topology_->device, *function,
                                 {{"queues", std::to_string(function->queues)},
                                  {"interrupts", std::to_string(function->interrupts)}}));
    }
  }

  /// Which functions are to be made ready, and with what.
  void choose() {
    for (const auto* function : members_) {
      if (rebuild_ || !function->online.value_or(false)) chosen_.push_back(function);
    }
    if (chosen_.empty()) return;
    if (!rebuild_) {
      for (const auto* function : chosen_)
        judge_.look_at(function->cntlid);
    }
    queues_each_ = share(queues_);
    interrupts_each_ = share(interrupts_);
  }

  /// Free now, or free once those that are chosen or destroyed are offline.
  [[nodiscard]] std::uint64_t available(const Kind& kind) const {
    std::uint64_t sum = kind.has.free();
    for (const auto& function : topology_->functions) {
      const bool chosen = std::find(chosen_.begin(), chosen_.end(), &function) != chosen_.end();
      if (chosen || (rebuild_ && topology_->is_enabled_vf(function))) {
        sum += function.*kind.assigned;
      }
    }
    return sum;
  }

  [[nodiscard]] unsigned share(const Kind& kind) {
    if (!kind.has.supported) return 0;
    const auto free = available(kind);
    const auto each = kind.requested ? *kind.requested : even_share(kind, free);
    const auto needed = std::uint64_t{each} * chosen_.size();
    if (needed > free) add_shortage(kind, free, each, needed);
    return each;
  }

  void add_shortage(const Kind& kind, std::uint64_t free, unsigned each, std::uint64_t needed) {
    const auto held = kind.has.primary == 0
                          ? std::string{}
                          : "; the controlling function holds " + std::to_string(kind.has.primary) +
                                " of " + std::to_string(kind.has.total) + " itself";
    judge_.add(judge_.about_device("resources_short", {{"free", std::to_string(free)},
                                                       {"kind", kind.name},
                                                       {"needed", std::to_string(needed)},
                                                       {"count", std::to_string(chosen_.size())},
                                                       {"each", std::to_string(each)},
                                                       {"held", held}}));
  }

  [[nodiscard]] unsigned even_share(const Kind& kind, std::uint64_t free) const {
    const auto most = std::min<std::uint64_t>(free / chosen_.size(), kind.has.per_secondary);
    const auto grain = std::max<std::uint64_t>(kind.has.granularity, 1);
    const auto rounded = most >= grain ? most - most % grain : most;
    return static_cast<unsigned>(std::max<std::uint64_t>(rounded, kind.least));
  }

  void warn() {
    if (!managed_) judge_.add(judge_.about_device("no_controller_ids"));
    if (chosen_.empty()) return;
    warn_of_rounding(queues_, queues_each_);
    warn_of_rounding(interrupts_, interrupts_each_);
  }

  void warn_of_rounding(const Kind& kind, unsigned each) {
    if (kind.has.granularity < 2 || each % kind.has.granularity == 0) return;
    judge_.add(judge_.about_device("granularity", {{"kind", kind.name},
                                                   {"grain", std::to_string(kind.has.granularity)},
                                                   {"field", kind.granularity_field},
                                                   {"each", std::to_string(each)}}));
  }

  void make_steps() {
    auto& steps = plan_.steps;
    const auto& sriov = topology_->sriov;
    const bool wanted_probe = autoprobe_before(*topology_, plan_.unfinished);
    if (rebuild_ && sriov.autoprobe) steps.push_back({ProvisionAction::set_autoprobe, {}, 0, 0});
    if (rebuild_ && sriov.enabled != 0) steps.push_back({ProvisionAction::set_vfs, {}, 0, 0});
    if (rebuild_) add_forgetting(steps, *topology_, plan_.unfinished);
    if (rebuild_) steps.push_back({ProvisionAction::set_vfs, {}, 0, request_->vfs});
    std::vector<FunctionGoal> goals;
    for (const auto* function : chosen_)
      goals.push_back({function, queues_each_, interrupts_each_, true});
    add_steps(steps, goals);
    if (wanted_probe && (rebuild_ || !sriov.autoprobe)) {
      steps.push_back({ProvisionAction::set_autoprobe, {}, 0, 1});
    }
  }

  void predict() {
    for (unsigned vfn = 1; vfn <= request_->vfs; ++vfn) {
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
  const ProvisionRequest* request_;
  Judge judge_;
  bool managed_;
  bool rebuild_ = false;
  Kind queues_, interrupts_;
  Functions members_, chosen_;
  unsigned queues_each_ = 0, interrupts_each_ = 0;
  ProvisionResult plan_;
};

}  // namespace

ProvisionResult plan_provision(Session& session, const ProvisionRequest& request) {
  if (request.vfs == 0) throw usage_error("0 is not a number of VFs to provision");
  return Planner(session, request).make();
}

ProvisionResult plan_deprovision(Session& session, const std::vector<std::string>& allowed) {
  const auto& topology = session.topology();
  ProvisionResult plan;
  plan.was_vfs = topology.sriov.enabled;
  plan.unfinished = unfinished_provisioning(topology);
  Judge judge(Verb::deprovision, session, allowed);
  judge.look_at_vfs();
  judge.refuse("deprovision");
  plan.findings = judge.findings();
  for (const auto& function : topology.functions) {
    const bool is_there = function.vfn != 0 && topology.is_enabled_vf(function);
    if (is_there && function.pci && function.pci->driver) {
      plan.steps.push_back({ProvisionAction::unbind, function.cntlid, function.vfn, 0});
    }
  }
  for (const auto& function : topology.functions) {
    if (function.vfn != 0 && function.online.value_or(false)) {
      plan.steps.push_back({ProvisionAction::offline, function.cntlid, function.vfn, 0});
    }
  }
  if (plan.was_vfs != 0) plan.steps.push_back({ProvisionAction::set_vfs, {}, 0, 0});
  if (plan.was_vfs != 0 || plan.unfinished) {
    add_forgetting(plan.steps, topology, plan.unfinished);
  }
  if (!topology.sriov.autoprobe && autoprobe_before(topology, plan.unfinished)) {
    plan.steps.push_back({ProvisionAction::set_autoprobe, {}, 0, 1});
  }
  return plan;
}

}  // namespace nvmigrate
