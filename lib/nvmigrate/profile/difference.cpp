// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/profile/difference.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "nvmigrate/base/numbers.h"
#include "nvmigrate/conditions/judge.h"
#include "nvmigrate/host/binding_changes.h"
#include "nvmigrate/host/provision_records.h"
#include "nvmigrate/host/provision_steps.h"
#include "nvmigrate/profile/declared.h"
#include "nvmigrate/profile/expanded.h"

namespace nvmigrate {
namespace {

using Action = ProfileStep::Action;

const ControlledFunction* vf_of(const Topology& topology, unsigned vfn) {
  const auto found =
      std::find_if(topology.functions.begin(), topology.functions.end(),
                   [&](const auto& function) { return function.vfn == vfn && !function.controls; });
  return found == topology.functions.end() ? nullptr : &*found;
}

const FunctionProfile* entry_of(const SubsystemProfile& wanted, const std::string& key) {
  const auto found = wanted.functions.find(key);
  return found == wanted.functions.end() ? nullptr : &found->second;
}

WantedFunction wanted_vf(const Topology& topology, const SubsystemProfile& wanted, unsigned vfn) {
  WantedFunction one{.function = vf_of(topology, vfn), .vfn = vfn};
  if (const auto* own = entry_of(wanted, vf_key(vfn))) one.wants = *own;
  if (one.function != nullptr) {
    const auto* own = entry_of(wanted, std::to_string(one.function->cntlid));
    if (own != nullptr) one.wants = merged(*own, one.wants);
  }
  one.wants = merged(one.wants, wanted.defaults);
  return one;
}

unsigned vfs_after(const SubsystemProfile& wanted, const Topology& topology) {
  return wanted.vfs.value_or(topology.sriov.enabled);
}

Finding beyond(const Topology& topology, const ControlledFunction& function, unsigned vfs) {
  return judged(fact_of("beyond_vfs", topology.device, function,
                        {{"id", std::to_string(function.cntlid)},
                         {"vfn", std::to_string(function.vfn)},
                         {"count", std::to_string(vfs)}}),
                Verb::apply);
}

bool differs_in_owner(Session& session, const ControlledFunction& function,
                      const std::optional<std::string>& owner) {
  if (!owner || !function.on_vfio()) return false;
  const auto asked = parse_owner(*owner);
  const auto others = [&](const std::optional<std::string>& node) {
    return node && session.pci().owner(*node) != asked;
  };
  return others(function.vfio.group) || others(function.vfio.device);
}

class Steps {
 public:
  Steps(Session& session, bool remade) : session_(&session), remade_(remade) {}

  void add(const WantedFunction& one) {
    add_mark(one);
    add_driver(one);
  }

  std::vector<ProfileStep> take() && {
    std::stable_sort(steps_.begin(), steps_.end(), [](const auto& first, const auto& second) {
      return first.action < second.action;
    });
    return std::move(steps_);
  }

 private:
  void add(const WantedFunction& one, Action action, std::string driver = {},
           std::string owner = {}) {
    ProfileStep step{.action = action, .cntlid = {}, .vfn = one.vfn};
    if (one.function != nullptr) step.cntlid = one.function->cntlid;
    step.driver = std::move(driver);
    step.owner = std::move(owner);
    if (action == Action::mark) step.backend = one.wants.backend.value_or("");
    steps_.push_back(std::move(step));
  }

  /// Whether the function is destroyed and made again, so that its records are gone.
  [[nodiscard]] bool is_remade(const WantedFunction& one) const {
    return remade_ && one.function != nullptr && session_->topology().is_enabled_vf(*one.function);
  }

  void add_mark(const WantedFunction& one) {
    const auto& backend = one.wants.backend;
    const bool other = backend && one.function != nullptr &&
                       *backend != session_->recorded_backend(one.function->cntlid);
    const bool marked = one.function != nullptr && one.function->marked && !other;
    if (one.wants.marked == true && (!marked || is_remade(one))) add(one, Action::mark);
    const bool is_marked = one.function != nullptr && one.function->marked;
    if (one.wants.marked == false && is_marked && !is_remade(one)) add(one, Action::unmark);
  }

  void add_driver(const WantedFunction& one) {
    const auto& [wants, function] = std::tie(one.wants, one.function);
    const bool there = function != nullptr && !is_remade(one);
    if (wants.driver == host_driver_word) {
      const bool bound = there && (function->on_vfio() || is_recorded(*function));
      if (bound) add(one, Action::unbind);
      return;
    }
    const bool fresh = !there || !function->pci;
    if (wants.driver && (fresh || !has_driver(*function, *wants.driver))) {
      add(one, Action::bind, *wants.driver, wants.owner.value_or(""));
    } else if (!fresh && differs_in_owner(*session_, *function, wants.owner)) {
      add(one, Action::own, {}, *wants.owner);
    }
  }

  static bool has_driver(const ControlledFunction& function, const std::string& driver) {
    if (!function.on_vfio() || function.has(IntentKind::unbound)) return false;
    return driver == auto_driver || function.pci->driver == driver;
  }

  Session* session_;
  bool remade_;
  std::vector<ProfileStep> steps_;
};

/// Makes the plan of one verb, and adds its blockers to the findings of another.
template <typename Plan>
void plan_or_find(Findings& findings, Plan plan) {
  try {
    plan();
  } catch (const Refusal& refusal) {
    for (const auto& found : refusal.findings()) {
      // A blocker that two verbs share is reported once.
      const bool known = std::any_of(findings.begin(), findings.end(), [&](const Finding& one) {
        return one.code == found.code && one.cntlid == found.cntlid && one.message == found.message;
      });
      if (found.stands() && !known) findings.push_back(found);
    }
  }
}

class Difference {
 public:
  Difference(Session& session, const SubsystemProfile& wanted, const ApplyRequest& request)
      : session_(&session), topology_(&session.topology()), wanted_(&wanted), request_(&request) {}

  ApplyResult make() {
    result_.unfinished = unfinished_apply(*topology_);
    const auto functions = wanted_functions(*session_, *wanted_, result_.findings);
    is_possible_ = result_.findings.empty();
    const auto provisioning = provisioning_of(*wanted_, functions, *topology_, *request_);
    if (provisioning) plan_provisioning(*provisioning);
    remade_ = remakes_vfs(result_.provisioning.steps);
    result_.steps = function_steps(*session_, functions, remade_);
    plan_unmarking();
    plan_unbinding();
    for (const auto& group : bind_groups(result_.steps))
      plan_binding(group);
    find_iommu();
    plan_marking();
    turn_remedies();
    return std::move(result_);
  }

 private:
  void plan_provisioning(const ProvisionRequest& request) {
    auto& plan = result_.provisioning;
    const bool none = request.vfs == 0 && request.own.empty();
    plan_or_find(result_.findings, [&] {
      if (!none) {
        plan = plan_provision(*session_, request);
      } else if (topology_->sriov.enabled != 0 && !request.recreate) {
        refuse_destruction();
      } else {
        plan = plan_deprovision(*session_, request.allowed);
      }
    });
    result_.findings.insert(result_.findings.end(), plan.findings.begin(), plan.findings.end());
  }

  void refuse_destruction() const {
    Judge judge(Verb::provision, *session_, request_->allowed);
    judge.add(judge.about_device(
        "vfs_exist",
        {{"enabled", std::to_string(topology_->sriov.enabled)}, {"count", std::string{"0"}}}));
    judge.refuse("apply");
  }

  void plan_unmarking() {
    const auto ids = ids_of(result_.steps, Action::unmark);
    if (ids.empty()) return;
    plan_or_find(result_.findings,
                 [&] { static_cast<void>(plan_unmark(*session_, words_of(ids))); });
  }

  void plan_unbinding() {
    const auto ids = ids_of(result_.steps, Action::unbind);
    if (ids.empty()) return;
    plan_or_find(result_.findings, [&] {
      plan_unbind(*session_, functions_of(*session_, ids), {.allowed = request_->allowed});
    });
  }

  /// The remedies of `provision` and `mark` would not lead to what the profile wants.
  void turn_remedies() {
    for (auto& found : result_.findings) {
      if (found.code == "no_live_migration") {
        found.remedies.clear();
        found.advice = "let the profile name a backend that serves it (backend)";
      }
      if (found.code == "resources_short" && !found.remedies.empty()) {
        found.remedies.clear();
        found.advice =
            "ask for less, or have the controlling function give back what it holds "
            "(release_primary)";
      }
      const bool destroys = found.code == "vfs_exist" || found.code == "resources_assigned";
      if (!destroys || found.remedies.empty()) continue;
      found.remedies.clear();
      if (is_possible_) {
        found.remedies = {{.action = Remedy::Action::apply_anew,
                           .device = topology_->device,
                           .object = wanted_->file,
                           .allow = fmt::format("{}", fmt::join(request_->allowed, ","))}};
      }
    }
  }

  /// Judges the functions that exist now; the others are judged once they exist.
  void plan_binding(const BindGroup& group) {
    auto functions = functions_of(*session_, group.cntlids);
    const auto vfs = vfs_after(*wanted_, *topology_);
    std::erase_if(functions, [&](const ControlledFunction* one) {
      const bool to_be = !one->pci && one->vfn <= vfs;
      return to_be || (remade_ && topology_->is_enabled_vf(*one));
    });
    const auto request = group.request(*request_);
    plan_or_find(result_.findings, [&] { plan_bind(*session_, functions, request); });
  }

  void find_iommu() {
    const auto bound =
        std::find_if(result_.steps.begin(), result_.steps.end(),
                     [](const auto& step) { return step.action == Action::bind && step.vfn != 0; });
    const auto& found = result_.findings;
    const bool told = std::any_of(found.begin(), found.end(),
                                  [](const auto& one) { return one.code == "no_iommu"; });
    if (bound == result_.steps.end() || told || session_->pci().has_iommu()) return;
    Fact fact{.code = "no_iommu",
              .device = session_->device(),
              .function = describe(bound->cntlid.value_or(0), bound->vfn),
              .cntlid = bound->cntlid};
    result_.findings.push_back(judged(fact, Verb::bind, request_->allowed));
  }

  /// Warnings are left out: they may no longer apply once the functions are provisioned and bound.
  void plan_marking() {
    with_each_backend(*session_, result_.steps, [&](const std::string& words) {
      for (auto& found : plan_mark(*session_, words, request_->allowed).findings) {
        if (found.stands() || found.allowed) result_.findings.push_back(std::move(found));
      }
    });
    plan_first_marks();
  }

  /// New functions have no mark that names their backend.
  void plan_first_marks() {
    const auto& steps = result_.steps;
    const bool any = std::any_of(steps.begin(), steps.end(), [&](const ProfileStep& step) {
      return step.action == Action::mark && step.backend.empty() && (remade_ || !step.cntlid);
    });
    if (!any) return;
    plan_or_find(result_.findings, [&] {
      Judge judge(Verb::mark, *session_, request_->allowed);
      judge.look_at_abilities();
      judge.refuse("apply");
    });
  }

  Session* session_;
  const Topology* topology_;
  const SubsystemProfile* wanted_;
  const ApplyRequest* request_;
  bool remade_ = false, is_possible_ = true;
  ApplyResult result_;
};

}  // namespace

std::vector<WantedFunction> wanted_functions(Session& session, const SubsystemProfile& wanted,
                                             Findings& wrong) {
  const auto& topology = session.topology();
  const auto vfs = vfs_after(wanted, topology);
  std::vector<WantedFunction> all;
  for (unsigned vfn = 1; vfn <= vfs; ++vfn)
    all.push_back(wanted_vf(topology, wanted, vfn));
  for (const auto& [key, wants] : wanted.functions) {
    const auto vfn = key.starts_with("vf") ? parse_number(key.substr(2)) : std::nullopt;
    if (vfn && *vfn <= vfs) continue;
    for (const auto& pick : resolve(topology, key)) {
      const auto* function = pick.function;
      if (function == nullptr && (vfn || !may_be_listed_later(topology))) {
        wrong.push_back(why_not(topology, pick));
      }
      if (function == nullptr || (function->vfn != 0 && function->vfn <= vfs)) continue;
      // What is disabled can be marked, but has nothing else.
      const bool needs_more = wanted.vfs || wants.queues || wants.interrupts;
      if (function->vfn != 0 && needs_more) {
        wrong.push_back(beyond(topology, *function, vfs));
      } else {
        all.push_back({.function = function, .vfn = function->vfn, .wants = wants});
      }
    }
  }
  return all;
}

std::optional<ProvisionRequest> provisioning_of(const SubsystemProfile& wanted,
                                                const std::vector<WantedFunction>& functions,
                                                const Topology& topology,
                                                const ApplyRequest& request) {
  ProvisionRequest asked{.vfs = vfs_after(wanted, topology),
                         .queues = wanted.defaults.queues,
                         .interrupts = wanted.defaults.interrupts,
                         .recreate = request.recreate,
                         .release_primary = wanted.release_primary,
                         .attach = wanted.namespaces,
                         .allowed = request.allowed};
  for (const auto& [function, vfn, wants] : functions) {
    const bool as_all =
        vfn != 0 && wants.queues == asked.queues && wants.interrupts == asked.interrupts;
    if (as_all || (!wants.queues && !wants.interrupts)) continue;
    asked.own.push_back({.cntlid = function != nullptr ? function->cntlid : std::uint16_t{0},
                         .vfn = vfn,
                         .queues = wants.queues,
                         .interrupts = wants.interrupts});
  }
  if (!wanted.vfs && asked.own.empty()) return std::nullopt;
  return asked;
}

std::vector<ProfileStep> function_steps(Session& session,
                                        const std::vector<WantedFunction>& functions, bool remade) {
  Steps steps(session, remade);
  for (const auto& one : functions)
    steps.add(one);
  return std::move(steps).take();
}

std::vector<std::uint16_t> ids_of(const std::vector<ProfileStep>& steps, Action action) {
  std::vector<std::uint16_t> ids;
  for (const auto& step : steps) {
    if (step.action == action && step.cntlid) ids.push_back(*step.cntlid);
  }
  return ids;
}

BindRequest BindGroup::request(const ApplyRequest& from) const {
  BindRequest request{.allowed = from.allowed, .timeout = from.limits.appear};
  if (driver != auto_driver) request.driver = driver;
  if (!owner.empty()) request.owner = parse_owner(owner);
  return request;
}

std::vector<BindGroup> bind_groups(const std::vector<ProfileStep>& steps) {
  std::vector<BindGroup> groups;
  for (const auto& step : steps) {
    if (step.action != Action::bind || !step.cntlid) continue;
    auto found = std::find_if(groups.begin(), groups.end(), [&](const BindGroup& group) {
      return group.driver == step.driver && group.owner == step.owner;
    });
    if (found == groups.end()) found = groups.insert(found, {step.driver, step.owner, {}});
    found->cntlids.push_back(*step.cntlid);
  }
  return groups;
}

FunctionList functions_of(Session& session, const std::vector<std::uint16_t>& cntlids) {
  FunctionList functions;
  for (const auto id : cntlids)
    functions.push_back(&session.function(id));
  return functions;
}

std::string words_of(const std::vector<std::uint16_t>& cntlids) {
  return fmt::format("{}", fmt::join(cntlids, ","));
}

void with_each_backend(Session& session, const std::vector<ProfileStep>& steps,
                       const std::function<void(const std::string& words)>& mark) {
  std::map<std::string, std::vector<std::uint16_t>> ids;
  for (const auto& step : steps) {
    if (step.action == Action::mark && step.cntlid) ids[step.backend].push_back(*step.cntlid);
  }
  for (const auto& [backend, marked] : ids) {
    const auto before = session.name_backend(backend);
    try {
      mark(words_of(marked));
    } catch (...) {
      session.name_backend(before);
      throw;
    }
    session.name_backend(before);
  }
}

std::optional<Intent> unfinished_apply(const Topology& topology) {
  for (const auto& intent : topology.intents) {
    if (intent.kind == IntentKind::applying) return intent;
  }
  return std::nullopt;
}

std::string_view to_string(Action action) noexcept {
  switch (action) {
    case Action::unmark:
      return "unmark";
    case Action::unbind:
      return "unbind";
    case Action::bind:
      return "bind";
    case Action::own:
      return "own";
    case Action::mark:
      return "mark";
  }
  return "unknown";
}

bool ApplyResult::differs() const noexcept {
  return provisioning.changed() || provisioning.unfinished || unfinished || !steps.empty();
}

ApplyResult plan_apply(Session& session, const SubsystemProfile& wanted,
                       const ApplyRequest& request) {
  try {
    return Difference(session, wanted, request).make();
  } catch (const Error& error) {
    if (error.status() != ExitStatus::usage) throw;
    throw usage_error(wanted.place + ": " + error.what()).with_code(bad_profile);
  }
}

}  // namespace nvmigrate
