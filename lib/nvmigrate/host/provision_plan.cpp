// SPDX-License-Identifier: LGPL-2.1-or-later
#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "nvmigrate/conditions/judge.h"
#include "nvmigrate/host/attachments.h"
#include "nvmigrate/host/provision.h"
#include "nvmigrate/host/provision_kind.h"
#include "nvmigrate/host/provision_records.h"
#include "nvmigrate/host/provision_steps.h"

namespace nvmigrate {
namespace {

/// What an Online function needs at least (Base 2.1 §8.2.6): the admin queue and one for I/O.
constexpr std::uint16_t least_queues = 2;
constexpr std::uint16_t least_interrupts = 1;

using Functions = std::vector<const ControlledFunction*>;

/// By VF number; nullptr for numbers without a function.
Functions members(const Topology& topology, unsigned vfs) {
  Functions found(vfs, nullptr);
  for (const auto& function : topology.functions) {
    if (function.secondary && function.vfn != 0 && function.vfn <= vfs) {
      found[function.vfn - 1U] = &function;
    }
  }
  return found;
}

bool lists_vfs(const Topology& topology) {
  return std::any_of(topology.functions.begin(), topology.functions.end(),
                     [](const ControlledFunction& function) { return function.vfn != 0; });
}

/// And not only namespaces, which an earlier run had attached when it ended.
bool has_wanted_resources(const ControlledFunction& function) {
  const auto& wanted = function.wanted;
  return wanted && (wanted->namespaces.empty() || wanted->granted_queues != 0 ||
                    wanted->granted_interrupts != 0);
}

/// Nothing but another request helps: to provision anew would be refused for the same reason.
bool is_impossible(const Finding& found) {
  const auto& blocks = condition(found.code).blocks;
  const bool of_request = blocks.has(Verb::provision) && !blocks.has(Verb::bind);
  return found.stands() && of_request && !found.overridable && found.remedies.empty();
}

Findings with_useful_remedies(Findings findings) {
  if (std::none_of(findings.begin(), findings.end(), is_impossible)) return findings;
  for (auto& found : findings) {
    std::erase_if(found.remedies, [](const Remedy& remedy) {
      using Action = Remedy::Action;
      return remedy.action == Action::provision || remedy.action == Action::recreate ||
             remedy.action == Action::deprovision;
    });
  }
  return findings;
}

class Planner {
 public:
  Planner(Session& session, const ProvisionRequest& request)
      : session_(&session),
        topology_(&session.topology()),
        request_(&request),
        judge_(Verb::provision, session, request.allowed),
        managed_(lists_vfs(*topology_)),
        later_(may_be_listed_later(*topology_)) {
    const auto resources = topology_->resources.value_or(PrimaryResources{});
    queues_ = {"queues",
               "VQGRAN",
               resources.queues,
               request.queues,
               least_queues,
               &ControlledFunction::queues,
               0,
               &WantedResources::queues,
               &WantedResources::granted_queues,
               &OwnResources::queues,
               &request.own};
    interrupts_ = {"interrupts",
                   "VIGRAN",
                   resources.interrupts,
                   request.interrupts,
                   least_interrupts,
                   &ControlledFunction::interrupts,
                   1,
                   &WantedResources::interrupts,
                   &WantedResources::granted_interrupts,
                   &OwnResources::interrupts,
                   &request.own};
    plan_.was_vfs = topology_->sriov.enabled;
    plan_.vfs = request.vfs;
    plan_.unfinished = unfinished_provisioning(*topology_);
    if (request.release_primary && (managed_ || later_) &&
        (queues_.is_held() || interrupts_.is_held())) {
      plan_.release = {.queues = queues_.has.primary, .interrupts = interrupts_.has.primary};
    }
  }

  ProvisionResult make() {
    check_kind(queues_);
    check_kind(interrupts_);
    check_count();
    rebuild_ = topology_->sriov.enabled != request_->vfs;
    if (rebuild_ && topology_->sriov.enabled != 0) require_recreation(vfs_exist());
    if (managed_) choose_members();
    if (request_->attach) {
      plan_.namespaces = choose_namespaces(*session_, judge_, *request_->attach, members_);
    }
    if (!rebuild_) check_online();
    choose();
    look_at_functions();
    if (plan_.release) look_at_controlling_function();
    if (rebuild_ || plan_.release || !goals_.empty()) judge_.try_writing();
    warn();
    plan_.findings = with_useful_remedies(judge_.findings());
    refuse_if_any_stands("provision", plan_.findings);
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

  void check_kind(const ResourceKind& kind) {
    const auto all = kind.all_requested();
    const bool unlisted = request_->vfs != 0 && !managed_ && !later_;
    if (!all.empty() && (unlisted || !kind.has.supported)) {
      judge_.add(judge_.about_device("no_flexible_resources", {{"kind", kind.name}}));
      return;
    }
    for (const auto count : all) {
      const Words words{{"kind", kind.name},
                        {"count", std::to_string(count)},
                        {"most", std::to_string(kind.most())},
                        {"least", std::to_string(kind.least)}};
      if (count > kind.most()) {
        judge_.add(judge_.about_device("too_many_resources", words));
      } else if (count < kind.least) {
        judge_.add(judge_.about_device("too_few_resources", words));
      }
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
                      .object = attach_text(*request_),
                      .allow = fmt::format("{}", fmt::join(request_->allowed, ",")),
                      .count = request_->vfs,
                      .queues = request_->queues,
                      .interrupts = request_->interrupts,
                      .release_primary = request_->release_primary},
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
    const auto queues = share(queues_), interrupts = share(interrupts_);
    for (std::size_t i = 0; i < chosen_.size(); ++i)
      goals_.push_back({chosen_[i], queues[i], interrupts[i], true});
    for (const auto& function : topology_->functions)
      keep(function);
  }

  /// What the reset of the controlling function takes away, or an earlier one took from a function
  /// that is not a VF.
  void keep(const ControlledFunction& function) {
    const bool chosen = std::find(chosen_.begin(), chosen_.end(), &function) != chosen_.end();
    if (!function.secondary || chosen || is_destroyed(function)) return;
    if (function.vfn == 0 && is_requested(function)) return;
    if (plan_.release && function.online == true) {
      goals_.push_back({&function, function.queues, function.interrupts, true});
    } else if (function.vfn == 0 && function.lost_resources()) {
      goals_.push_back({&function, function.wanted->queues, function.wanted->interrupts, true});
    }
  }

  /// One that is not a VF, for which the request has numbers; with it, it is one of the goals.
  [[nodiscard]] bool is_requested(const ControlledFunction& function) {
    const auto queues = queues_.requested_of(function);
    const auto interrupts = interrupts_.requested_of(function);
    if (!queues && !interrupts) return false;
    const bool differs = queues_.differs(function) || interrupts_.differs(function);
    if (!differs && function.online == true && !plan_.release) return true;
    if (differs && function.online == true && !request_->recreate) {
      judge_.add(fact_of("resources_assigned", topology_->device, function,
                         {{"queues", std::to_string(function.queues)},
                          {"interrupts", std::to_string(function.interrupts)}}));
    }
    goals_.push_back({&function, queues.value_or(function.queues),
                      interrupts.value_or(function.interrupts), true});
    return true;
  }

  [[nodiscard]] bool is_destroyed(const ControlledFunction& function) const {
    return rebuild_ && topology_->is_enabled_vf(function);
  }

  /// Of those that are destroyed or reset, everything; of those that lose at most a suspension,
  /// where their guest is.
  void look_at_functions() {
    if (rebuild_) judge_.look_at_vfs();
    for (const auto& function : topology_->functions) {
      const bool aimed = std::any_of(goals_.begin(), goals_.end(), [&](const FunctionGoal& goal) {
        return goal.function == &function;
      });
      if (is_destroyed(function) || (rebuild_ && aimed && !plan_.release)) continue;
      if (aimed || (plan_.release && function.secondary)) {
        judge_.look_at(function.cntlid);
      } else if (plan_.release) {
        judge_.look_at_custody(function.cntlid);
      }
    }
  }

  void look_at_controlling_function() {
    look_at_private(queues_);
    look_at_private(interrupts_);
    judge_.look_at_controlling_function();
  }

  void look_at_private(const ResourceKind& kind) {
    if (!kind.is_held()) return;
    Words words{{"kind", kind.name},
                {"private", std::to_string(kind.has.private_)},
                {"least", std::to_string(kind.least)}};
    const auto used = topology_->host_queues.value_or(0);
    words.emplace_back("count",
                       std::to_string(kind.has.private_ < kind.least ? kind.has.private_ : used));
    if (kind.has.private_ < kind.least) {
      judge_.add(judge_.about_device("private_short", words));
    } else if (used > kind.has.private_ + kind.shared) {
      judge_.add(judge_.about_device("fewer_for_host", words));
    }
  }

  /// Free now, or free once those that are chosen or destroyed are offline.
  [[nodiscard]] std::uint64_t available(const ResourceKind& kind) const {
    std::uint64_t sum = kind.has.free() + (plan_.release ? kind.has.primary : 0U);
    for (const auto& function : topology_->functions) {
      const bool chosen = std::find(chosen_.begin(), chosen_.end(), &function) != chosen_.end();
      if (chosen || is_destroyed(function)) sum += function.*kind.assigned;
    }
    return sum;
  }

  /// Of each that is chosen: what is requested, else what was provisioned before, else an even
  /// share.
  [[nodiscard]] std::vector<unsigned> share(const ResourceKind& kind) {
    std::vector<unsigned> shares(chosen_.size(), 0);
    if (!kind.has.supported || chosen_.empty()) return shares;
    const auto free = available(kind);
    std::uint64_t needed = 0, others = 0;
    for (std::size_t i = 0; i < shares.size(); ++i) {
      shares[i] = kind.requested_of(*chosen_[i]).value_or(0);
      needed += shares[i];
      others += shares[i] == 0 ? 1U : 0U;
    }
    const bool again = restores();
    const auto each =
        again || others == 0 ? 0U : even_share(kind, free - std::min(needed, free), others);
    for (std::size_t i = 0; i < shares.size(); ++i) {
      if (shares[i] != 0) continue;
      shares[i] = again ? (*chosen_[i]->wanted).*kind.asked : each;
      needed += shares[i];
    }
    if (needed > free) add_shortage(kind, free, shares.front(), needed);
    for (const unsigned count : std::set<unsigned>(shares.begin(), shares.end()))
      warn_of_rounding(kind, count);
    return shares;
  }

  /// Whether it is known of all that are chosen what they are to have.
  [[nodiscard]] bool restores() const {
    if (rebuild_ && topology_->sriov.enabled != 0) return false;
    return std::all_of(chosen_.begin(), chosen_.end(),
                       [](const auto* function) { return has_wanted_resources(*function); });
  }

  void add_shortage(const ResourceKind& kind, std::uint64_t free, unsigned each,
                    std::uint64_t needed) {
    const bool held = !plan_.release && kind.has.primary != 0;
    const auto words = held ? "; the controlling function holds " +
                                  std::to_string(kind.has.primary) + " of " +
                                  std::to_string(kind.has.total) + " itself"
                            : std::string{};
    auto fact = judge_.about_device("resources_short", {{"free", std::to_string(free)},
                                                        {"kind", kind.name},
                                                        {"needed", std::to_string(needed)},
                                                        {"count", std::to_string(chosen_.size())},
                                                        {"each", std::to_string(each)},
                                                        {"held", words}});
    if (held && needed <= free + kind.has.primary) {
      fact.remedies = {
          {.action = request_->recreate ? Remedy::Action::recreate : Remedy::Action::provision,
           .device = topology_->device,
           .object = attach_text(*request_),
           .allow = fmt::format("{}", fmt::join(request_->allowed, ",")),
           .count = request_->vfs,
           .queues = request_->queues,
           .interrupts = request_->interrupts,
           .release_primary = true}};
    }
    judge_.add(fact);
  }

  [[nodiscard]] static unsigned even_share(const ResourceKind& kind, std::uint64_t free,
                                           std::uint64_t among) {
    const auto most = std::min<std::uint64_t>(free / among, kind.has.per_secondary);
    const auto grain = std::max<std::uint64_t>(kind.has.granularity, 1);
    const auto rounded = most >= grain ? most - most % grain : most;
    return static_cast<unsigned>(std::max<std::uint64_t>(rounded, kind.least));
  }

  void warn() {
    if (!managed_ && !later_) judge_.add(judge_.about_device("no_controller_ids"));
  }

  void warn_of_rounding(const ResourceKind& kind, unsigned each) {
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
    if (rebuild_) add_detachments(steps, *session_, request_->vfs);
    if (rebuild_ && sriov.enabled != 0) steps.push_back({ProvisionAction::set_vfs, {}, 0, 0});
    if (rebuild_) add_forgetting(steps, *topology_, plan_.unfinished);
    if (plan_.release) add_release(steps);
    if (rebuild_) steps.push_back({ProvisionAction::set_vfs, {}, 0, request_->vfs});
    add_attachments(steps, plan_.namespaces, members_, rebuild_);
    add_steps(steps, goals_);
    if (wanted_probe && (rebuild_ || !sriov.autoprobe)) {
      steps.push_back({ProvisionAction::set_autoprobe, {}, 0, 1});
    }
  }

  void add_release(std::vector<ProvisionStep>& steps) const {
    if (queues_.is_held()) steps.push_back({ProvisionAction::allocate_queues, {}, 0, 0});
    if (interrupts_.is_held()) steps.push_back({ProvisionAction::allocate_interrupts, {}, 0, 0});
    steps.push_back({ProvisionAction::reset_controlling, {}, 0, 0});
  }

  void predict() {
    for (unsigned vfn = 1; vfn <= request_->vfs; ++vfn) {
      ProvisionedFunction after;
      after.vfn = vfn;
      if (later_) after.queues = queues_.requested_of(vfn, 0).value_or(0);
      if (later_) after.interrupts = interrupts_.requested_of(vfn, 0).value_or(0);
      if (managed_) after = predicted(*members_[vfn - 1]);
      plan_.functions.push_back(std::move(after));
    }
    for (const auto& goal : goals_) {
      if (goal.function->vfn == 0) plan_.functions.push_back(predicted(*goal.function));
    }
  }

  [[nodiscard]] ProvisionedFunction predicted(const ControlledFunction& function) const {
    ProvisionedFunction after;
    after.vfn = function.vfn;
    after.cntlid = function.cntlid;
    after.address = function.pci ? function.pci->address : std::string{};
    const auto goal = std::find_if(goals_.begin(), goals_.end(), [&](const FunctionGoal& one) {
      return one.function == &function;
    });
    const bool aimed = goal != goals_.end();
    after.queues = aimed ? static_cast<std::uint16_t>(goal->queues) : function.queues;
    after.interrupts = aimed ? static_cast<std::uint16_t>(goal->interrupts) : function.interrupts;
    return after;
  }

  Session* session_;
  const Topology* topology_;
  const ProvisionRequest* request_;
  Judge judge_;
  bool managed_, later_;
  bool rebuild_ = false;
  ResourceKind queues_, interrupts_;
  Functions members_, chosen_;
  std::vector<FunctionGoal> goals_;
  ProvisionResult plan_;
};

}  // namespace

bool may_be_listed_later(const Topology& topology) {
  return topology.resources && topology.sriov.enabled == 0 && !lists_vfs(topology);
}

ProvisionResult plan_provision(Session& session, const ProvisionRequest& request) {
  if (request.vfs == 0 && request.own.empty())
    throw usage_error("0 is not a number of VFs to provision");
  return Planner(session, request).make();
}

ProvisionResult plan_deprovision(Session& session, const std::vector<std::string>& allowed) {
  const auto& topology = session.topology();
  ProvisionResult plan;
  plan.was_vfs = topology.sriov.enabled;
  plan.unfinished = unfinished_provisioning(topology);
  Judge judge(Verb::deprovision, session, allowed);
  judge.look_at_vfs();
  if (plan.was_vfs != 0) judge.try_writing();
  judge.refuse("deprovision");
  plan.findings = judge.findings();
  for (const auto& function : topology.functions) {
    const bool is_there = function.vfn != 0 && topology.is_enabled_vf(function);
    if (is_there && function.pci && function.pci->driver) {
      plan.steps.push_back({ProvisionAction::unbind, function.cntlid, function.vfn, 0});
    }
  }
  add_detachments(plan.steps, session, 0);
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
