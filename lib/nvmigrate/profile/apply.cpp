// SPDX-License-Identifier: LGPL-2.1-or-later
#include <algorithm>
#include <filesystem>
#include <set>
#include <utility>

#include "nvmigrate/base/interrupt.h"
#include "nvmigrate/base/parallel.h"
#include "nvmigrate/host/functions.h"
#include "nvmigrate/host/provision_records.h"
#include "nvmigrate/host/provision_restore.h"
#include "nvmigrate/ports/pci_bus.h"
#include "nvmigrate/profile/declared.h"
#include "nvmigrate/profile/difference.h"
#include "nvmigrate/session/custody.h"
#include "nvmigrate/store/journal.h"

namespace nvmigrate {
namespace {

using Action = ProfileStep::Action;

constexpr auto profile_detail = "profile", recreate_detail = "recreate";
constexpr auto standard_input = "-";
constexpr auto was_put_back = "what had been changed was put back";
constexpr std::size_t most_at_once = 16;

void stop_at_failure(const BindingResult& result) {
  for (const auto& change : result.functions) {
    if (change.failure) throw Error(*change.failure);
  }
  if (result.skipped()) throw Interrupted(was_put_back);
}

/// The path of a file that is to be found from another folder, too.
std::string absolute(const std::string& file) {
  if (file.empty() || file == standard_input) return file;
  std::error_code failed;
  const auto path = std::filesystem::absolute(file, failed);
  return failed ? file : path.string();
}

/// One run over a plan, with the way back.
class Application {
 public:
  Application(Session& session, const SubsystemProfile& wanted, const ApplyRequest& request,
              ApplyResult plan)
      : session_(&session),
        wanted_(&wanted),
        request_(&request),
        plan_(std::move(plan)),
        before_(session.topology()) {}

  ApplyResult run() {
    owners_ = read_owners(session_->pci(), before_);
    stop_if_interrupted("nothing was changed");
    session_->journal().record(IntentKind::applying, before_.identity.cntlid, details());
    try {
      take_away();
      provision_all();
    } catch (...) {
      go_back();
      throw;
    }
    strike();
    return std::move(plan_);
  }

 private:
  /// All that finishing it takes.
  [[nodiscard]] IntentDetails details() const {
    IntentDetails details{{device_detail, before_.device}, {profile_detail, line_of(*wanted_)}};
    if (request_->recreate) details.emplace(recreate_detail, "1");
    note_allowed(details, request_->allowed);
    details.emplace(file_detail, absolute(wanted_->file));
    return details;
  }

  void touch(const std::vector<std::uint16_t>& ids) { touched_.insert(ids.begin(), ids.end()); }

  void take_away() {
    const auto unmarked = ids_of(plan_.steps, Action::unmark);
    touch(unmarked);
    if (!unmarked.empty()) unmark(*session_, words_of(unmarked));
    const auto unbound = ids_of(plan_.steps, Action::unbind);
    touch(unbound);
    if (unbound.empty()) return;
    const auto result = unbind(*session_, functions_of(*session_, unbound),
                               {.allowed = request_->allowed, .timeout = request_->limits.appear});
    stop_at_failure(result);
    note(result.findings);
  }

  void provision_all() {
    Findings wrong;
    const auto functions = wanted_functions(*session_, *wanted_, wrong);
    const auto asked = provisioning_of(*wanted_, functions, session_->topology(), *request_);
    const auto then = [this] { make_functions(); };
    if (!asked) return then();
    if (asked->vfs != 0 || !asked->own.empty()) {
      plan_.provisioning = provision(*session_, *asked, request_->limits, then);
      return;
    }
    plan_.provisioning = deprovision(*session_, asked->allowed, request_->limits);
    then();
  }

  /// Plans again, because some functions may have got their controller ids only now.
  void make_functions() {
    session_->refresh();
    Findings wrong;
    const auto functions = wanted_functions(*session_, *wanted_, wrong);
    refuse_if_any_stands("apply", wrong);
    const auto steps = function_steps(*session_, functions, false);
    insist_on_ids(steps);
    for (const auto& group : bind_groups(steps))
      give(group);
    for (const auto& step : steps) {
      if (step.action == Action::own) give_nodes(step);
    }
    touch(ids_of(steps, Action::mark));
    with_each_backend(*session_, steps, [&](const std::string& words) {
      note(mark(*session_, words, request_->allowed).findings);
    });
  }

  void insist_on_ids(const std::vector<ProfileStep>& steps) const {
    const auto unknown =
        std::find_if(steps.begin(), steps.end(), [](const auto& step) { return !step.cntlid; });
    if (unknown == steps.end()) return;
    throw unsupported(before_.device + " does not tell the controller id of VF " +
                      std::to_string(unknown->vfn) + ", so it cannot be bound or marked");
  }

  void give(const BindGroup& group) {
    touch(group.cntlids);
    const auto result = nvmigrate::bind(*session_, functions_of(*session_, group.cntlids),
                                        group.request(*request_));
    stop_at_failure(result);
    note(result.findings);
  }

  void give_nodes(const ProfileStep& step) {
    const auto owner = parse_owner(step.owner);
    const auto& nodes = session_->function(*step.cntlid).vfio;
    touch({*step.cntlid});
    for (const auto& node : {nodes.group, nodes.device}) {
      if (node) session_->pci().set_owner(*node, owner.user, owner.group);
    }
  }

  void note(const Findings& findings) {
    plan_.findings.insert(plan_.findings.end(), findings.begin(), findings.end());
  }

  void strike() {
    session_->journal().strike({IntentKind::applying}, before_.identity.cntlid);
    session_->refresh();
  }

  /// Rethrows what is being handled as it is when everything is back; else says what is not.
  void go_back() {
    const InterruptsDeferred until_done;
    std::vector<std::string> failures;
    try {
      session_->refresh();
      failures = put_back(*session_, before_, owners_, touched_, request_->limits.appear);
      session_->refresh();
      // What an earlier run left unfinished, or provisioning could not put back, stays on record.
      const bool left = unfinished_provisioning(session_->topology()) || plan_.unfinished;
      if (failures.empty() && !left) strike();
    } catch (const Error& error) {
      failures.emplace_back(error.what());
    }
    if (!failures.empty()) rethrow_with_what_is_left(before_.device, failures);
  }

  Session* session_;
  const SubsystemProfile* wanted_;
  const ApplyRequest* request_;
  ApplyResult plan_;
  Topology before_;
  OwnersOfVfs owners_;
  std::set<std::uint16_t> touched_;
};

SubsystemProfile profile_in(const Intent& unfinished) {
  auto profile = parse_profile(detail_of(unfinished, profile_detail), "the journal");
  if (profile.subsystems.size() != 1) {
    throw usage_error("the journal: the profile is not of one controlling function")
        .with_code(bad_profile);
  }
  profile.subsystems.front().file = detail_of(unfinished, file_detail);
  return std::move(profile.subsystems.front());
}

ApplyRequest request_in(const Intent& unfinished) {
  return {.recreate = !detail_of(unfinished, recreate_detail).empty(),
          .allowed = allowed_in(unfinished)};
}

/// The targets of one subsystem share its lock and records, and so they take turns.
void apply_in_turn(const std::vector<ProfileTarget>& targets, const ApplyRequest& request,
                   std::size_t from, std::size_t to, std::vector<Applied>& done) {
  Session* first = nullptr;
  for (auto i = from; i < to; ++i) {
    const auto& [session, wanted, failure] = targets[i];
    try {
      if (failure) std::rethrow_exception(failure);
      if (first != nullptr && first->claimed()) session->share(*first);
      done[i].result = apply(*session, *wanted, request);
    } catch (...) {
      done[i].failure = std::current_exception();
    }
    if (session->claimed()) first = session;
  }
}

}  // namespace

ApplyResult apply(Session& session, const SubsystemProfile& wanted, const ApplyRequest& request) {
  session.claim();
  auto plan = plan_apply(session, wanted, request);
  refuse_if_any_stands("apply", plan.findings);
  if (!plan.differs()) return plan;
  return Application(session, wanted, request, std::move(plan)).run();
}

std::vector<Applied> apply_all(const std::vector<ProfileTarget>& targets,
                               const ApplyRequest& request) {
  std::vector<Applied> done(targets.size());
  std::vector<std::pair<std::size_t, std::size_t>> groups;
  for (std::size_t i = 0; i < targets.size(); ++i) {
    const bool same = i != 0 && targets[i].session->key() == targets[i - 1].session->key();
    if (!same) groups.emplace_back(i, i);
    ++groups.back().second;
  }
  run_parallel(
      groups.size(), most_at_once,
      [&](std::size_t number) {
        const auto& [from, to] = groups[number];
        apply_in_turn(targets, request, from, to, done);
      },
      request.limits.start ? request.limits.start : StartThread(start_thread));
  return done;
}

std::vector<Applied> plan_all(const std::vector<ProfileTarget>& targets,
                              const ApplyRequest& request) {
  std::vector<Applied> planned(targets.size());
  for (std::size_t i = 0; i < targets.size(); ++i) {
    const auto& [session, wanted, failure] = targets[i];
    try {
      if (failure) std::rethrow_exception(failure);
      auto plan = plan_apply(*session, *wanted, request);
      refuse_if_any_stands("apply", plan.findings);
      planned[i].result = std::move(plan);
    } catch (const Interrupted&) {
      throw;
    } catch (const Error&) {
      planned[i].failure = std::current_exception();
    }
  }
  return planned;
}

std::optional<ApplyResult> plan_finish(Session& session) {
  const auto unfinished = unfinished_apply(session.topology());
  if (!unfinished) return std::nullopt;
  return plan_apply(session, profile_in(*unfinished), request_in(*unfinished));
}

std::optional<ApplyResult> finish_apply(Session& session, const ProvisionLimits& limits) {
  session.claim();
  const auto unfinished = unfinished_apply(session.topology());
  if (!unfinished) return std::nullopt;
  auto request = request_in(*unfinished);
  request.limits = limits;
  return apply(session, profile_in(*unfinished), request);
}

std::vector<std::string> overrides_of_apply() {
  std::vector<std::string> all;
  for (const auto& condition : conditions()) {
    const auto& by = condition.overrides;
    const bool any = by.has(Verb::provision) || by.has(Verb::deprovision) || by.has(Verb::bind) ||
                     by.has(Verb::unbind) || by.has(Verb::mark);
    if (any) all.emplace_back(condition.code);
  }
  return all;
}

}  // namespace nvmigrate
