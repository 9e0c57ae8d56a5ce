// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/host/provision.h"

#include <unistd.h>

#include <algorithm>
#include <span>

#include "nvmigrate/host/attachments.h"
#include "nvmigrate/host/provision_records.h"
#include "nvmigrate/host/provision_restore.h"
#include "nvmigrate/host/provision_steps.h"
#include "nvmigrate/nvme/identify.h"
#include "nvmigrate/ports/pci_bus.h"
#include "nvmigrate/session/custody.h"
#include "nvmigrate/store/journal.h"
#include "nvmigrate/store/registry.h"

namespace nvmigrate {
namespace {

std::string in_words(bool online, unsigned queues, unsigned interrupts) {
  return std::string{online ? "online" : "offline"} + " with " + std::to_string(queues) +
         " queues and " + std::to_string(interrupts) + " interrupts";
}

bool is_as_planned(const ProvisionedFunction& wanted, const SecondaryController& is) {
  return is.online && is.queues == wanted.queues && is.interrupts == wanted.interrupts;
}

void compare(const ProvisionedFunction& wanted, const std::vector<SecondaryController>& all) {
  const auto found = std::find_if(all.begin(), all.end(), [&](const SecondaryController& is) {
    return is.cntlid == wanted.cntlid;
  });
  if (found != all.end() && is_as_planned(wanted, *found)) return;
  const auto is = found == all.end() ? std::string{"gone"}
                                     : in_words(found->online, found->queues, found->interrupts);
  throw Error(ExitStatus::device, describe(*wanted.cntlid, wanted.vfn) + " should be " +
                                      in_words(true, wanted.queues, wanted.interrupts) +
                                      ", but the device says that it is " + is);
}

/// Reads back, compares and completes what was planned.
void confirm(Session& session, ProvisionResult& result) {
  compare_attachments(session, result);
  const auto all = read_secondaries(session.admin());
  const bool may_be_online = all.empty() || std::any_of(all.begin(), all.end(),
                                                        [](const auto& one) { return one.online; });
  for (auto& function : result.functions) {
    if (function.cntlid) {
      compare(function, all);
    } else {
      function.online = may_be_online;
    }
    if (function.vfn == 0) continue;
    function.address =
        session.pci().virtual_function(session.address(), function.vfn).value_or(std::string{});
  }
}

constexpr auto was_put_back = "what had been changed was put back";

bool is_as_before(const Topology& before, const Topology& now) {
  const auto same = [](const ControlledFunction& was, const ControlledFunction& is) {
    return was.cntlid == is.cntlid && was.pci == is.pci && was.online == is.online &&
           was.queues == is.queues && was.interrupts == is.interrupts;
  };
  return before.sriov == now.sriov && std::equal(before.functions.begin(), before.functions.end(),
                                                 now.functions.begin(), now.functions.end(), same);
}

/// Who finishes what a run left unfinished, and who provisions anew.
enum class On { repair, request };

/// What a run that is done ends: who provisions by hand has also ended what another run began to
/// make of a profile.
std::vector<IntentKind> ended(Session& session, On behalf) {
  std::vector<IntentKind> kinds{IntentKind::provisioning};
  for (const auto& intent : session.journal().intents()) {
    const bool of_another = intent.cntlid == session.identity().cntlid && intent.pid != ::getpid();
    if (behalf == On::request && intent.kind == IntentKind::applying && of_another) {
      kinds.push_back(intent.kind);
    }
  }
  return kinds;
}

/// One run over a plan, with the way back.
class Provisioning {
 public:
  Provisioning(Session& session, const ProvisionLimits& limits, ProvisionResult plan, On behalf)
      : session_(&session),
        ended_(ended(session, behalf)),
        before_(session.topology()),
        plan_(std::move(plan)),
        runner_(session, before_, limits),
        timeout_(limits.appear) {}

  ProvisionResult run(const ProvisionRequest& request, const std::function<void()>& then) {
    auto& registry = session_->registry();
    if (changes_functions()) owners_ = read_owners(session_->pci(), before_);
    if (plan_.release) plan_.release->methods = session_->pci().reset_methods(before_.address);
    record_provisioning(*session_, before_, plan_, request);
    const auto wanted_before = registry.wanted();
    try {
      // Whoever finishes this after an early end must know what the reset took away.
      if (plan_.release) registry.want(wanted_as_held(registry, before_));
      runner_.run(plan_.steps, was_put_back);
      if (may_be_listed_later(before_)) complete(request);
      note_grants();
      confirm(*session_, plan_);
      if (!remakes_vfs(plan_.steps)) restore_drivers(*session_, before_, owners_, timeout_);
      registry.want(wanted_after(registry, before_, plan_));
      session_->refresh();
      end_custody();
      then();
    } catch (...) {
      go_back(wanted_before);
      throw;
    }
    session_->journal().strike(ended_, before_.identity.cntlid);
    session_->refresh();
    return std::move(plan_);
  }

  /// Without a way back: VFs that are half gone are not brought back.
  ProvisionResult run_down(const std::vector<std::string>& allowed) {
    record_provisioning(*session_, before_, plan_, {.allowed = allowed});
    try {
      runner_.run(plan_.steps, "some VFs are gone already; deprovisioning again finishes it");
    } catch (...) {
      session_->refresh();
      // Where nothing was done, there is nothing to finish.
      if (!plan_.unfinished && is_as_before(before_, session_->topology())) strike();
      throw;
    }
    session_->registry().want(wanted_after(session_->registry(), before_, plan_));
    session_->journal().strike(ended_, before_.identity.cntlid);
    session_->refresh();
    return std::move(plan_);
  }

 private:
  /// Whether functions that are there may lose driver and nodes.
  [[nodiscard]] bool changes_functions() const { return remakes_vfs(plan_.steps) || plan_.release; }

  /// Of a device that lists its secondary controllers only once there are VFs: what these still
  /// need.
  void complete(const ProvisionRequest& request) {
    session_->refresh();
    auto more = plan_provision(*session_, request);
    plan_.steps.insert(plan_.steps.end(), more.steps.begin(), more.steps.end());
    plan_.functions = std::move(more.functions);
    plan_.findings = std::move(more.findings);
    runner_.run(plan_.steps, was_put_back);
  }

  void note_grants() {
    if (plan_.release) plan_.release->controller_reset = runner_.controller_reset();
    for (auto& function : plan_.functions) {
      const auto found = runner_.grants().find(function.cntlid.value_or(0));
      if (!function.cntlid || found == runner_.grants().end()) continue;
      function.queues = std::max(function.queues, found->second.queues);
      function.interrupts = std::max(function.interrupts, found->second.interrupts);
    }
  }

  void strike() {
    session_->journal().strike({IntentKind::provisioning}, before_.identity.cntlid);
    session_->refresh();
  }

  /// A function that was taken offline has lost its guest. A device that cannot tell does not say
  /// so later.
  void end_custody() {
    auto& journal = session_->journal();
    JournalChange change;
    for (const auto& step : std::span{plan_.steps.data(), runner_.begun()}) {
      if (step.action != ProvisionAction::offline || !step.cntlid) continue;
      const auto guest = journal.custody(*step.cntlid);
      const bool any = guest || !journal.lost(*step.cntlid).empty();
      if (!any || session_->topology().find(*step.cntlid) == nullptr) continue;
      if (!session_->ask_again(*step.cntlid).untold()) continue;
      const bool never_ran = guest && guest->kind == IntentKind::loaded && !is_unfinished(*guest);
      if (never_ran) change.drop_loads(journal, *step.cntlid);
      change.strike_custody(journal, *step.cntlid);
    }
    change.write();
  }

  /// Rethrows what is being handled as it is when everything is back; else says what is not.
  void go_back(const std::vector<WantedResources>& wanted_before) {
    const InterruptsDeferred until_done;
    session_->refresh();
    const std::span done{plan_.steps.data(), runner_.begun()};
    const bool autoprobe = autoprobe_before(before_, plan_.unfinished);
    auto back = steps_back(before_, vfs_now(), autoprobe, done);
    for (const auto& step : runner_.attachments_back())
      back.insert(step.action == ProvisionAction::detach ? back.begin() : back.end(), step);
    auto failures = runner_.run_all(back);
    if (remakes_vfs(done) || (plan_.release && !done.empty())) {
      for (auto& failure : restore_functions(*session_, before_, owners_, timeout_))
        failures.push_back(std::move(failure));
    }
    if (failures.empty())
      failures = done_or_why_not([&] { session_->registry().want(wanted_before); });
    if (failures.empty()) failures = done_or_why_not([&] { end_custody(); });
    // What an earlier run left in part stays on record until a run ends well.
    if (failures.empty() && !plan_.unfinished) failures = done_or_why_not([&] { strike(); });
    if (failures.empty()) return;
    rethrow_with_what_is_left(before_.device, failures);
  }

  template <typename Work>
  static std::vector<std::string> done_or_why_not(Work work) {
    try {
      work();
      return {};
    } catch (const Error& error) {
      return {error.what()};
    }
  }

  unsigned vfs_now() {
    try {
      return session_->pci().sriov(before_.address).enabled;
    } catch (const Error&) {
      return plan_.vfs;
    }
  }

  Session* session_;
  std::vector<IntentKind> ended_;
  Topology before_;
  ProvisionResult plan_;
  OwnersOfVfs owners_;
  StepRunner runner_;
  std::chrono::milliseconds timeout_;
};

/// Everything is as planned already: only the records may have to follow.
bool is_done(Session& session, const ProvisionResult& plan, On behalf) {
  if (plan.changed() || plan.unfinished) return false;
  auto& registry = session.registry();
  registry.want(wanted_after(registry, session.topology(), plan));
  const auto kinds = ended(session, behalf);
  if (kinds.size() > 1) {
    session.journal().strike(kinds, session.identity().cntlid);
    session.refresh();
  }
  return true;
}

ProvisionResult provision_for(On behalf, Session& session, const ProvisionRequest& request,
                              const ProvisionLimits& limits, const std::function<void()>& then) {
  session.claim();
  auto plan = plan_provision(session, request);
  if (!is_done(session, plan, behalf)) {
    return Provisioning(session, limits, std::move(plan), behalf).run(request, then);
  }
  then();
  return plan;
}

ProvisionResult deprovision_for(On behalf, Session& session,
                                const std::vector<std::string>& allowed,
                                const ProvisionLimits& limits) {
  session.claim();
  auto plan = plan_deprovision(session, allowed);
  if (is_done(session, plan, behalf)) return plan;
  return Provisioning(session, limits, std::move(plan), behalf).run_down(allowed);
}

}  // namespace

ProvisionResult provision(Session& session, const ProvisionRequest& request,
                          const ProvisionLimits& limits, const std::function<void()>& then) {
  return provision_for(
      On::request, session, request, limits, then ? then : [] {});
}

ProvisionResult deprovision(Session& session, const std::vector<std::string>& allowed,
                            const ProvisionLimits& limits) {
  return deprovision_for(On::request, session, allowed, limits);
}

std::optional<ProvisionResult> finish_provisioning(Session& session,
                                                   const ProvisionLimits& limits) {
  session.claim();
  const auto unfinished = unfinished_provisioning(session.topology());
  if (!unfinished) return std::nullopt;
  const auto request = request_of(*unfinished);
  return request.vfs == 0 && request.own.empty()
             ? deprovision_for(On::repair, session, request.allowed, limits)
             : provision_for(On::repair, session, request, limits, [] {});
}

}  // namespace nvmigrate
