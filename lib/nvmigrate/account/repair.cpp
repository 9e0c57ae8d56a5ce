// SPDX-License-Identifier: LGPL-2.1-or-later
#include <algorithm>

#include "nvmigrate/account/account.h"
#include "nvmigrate/host/functions.h"
#include "nvmigrate/migrate/function.h"
#include "nvmigrate/migrate/migrate.h"
#include "nvmigrate/profile/declared.h"

namespace nvmigrate {
namespace {

using Action = RepairStep::Action;

std::optional<Action> action_for(const Finding& found) {
  if (found.code == "journal_damaged") return Action::set_journal_aside;
  if (found.code == "provisioning") return Action::finish_provisioning;
  if (found.code == "applying") return Action::finish_apply;
  if (found.code == "unbound") return Action::give_back_driver;
  if (found.code == "stale_record") return Action::strike_record;
  if (found.code == "left_suspended" || found.code == "left_loaded") return Action::resume;
  return std::nullopt;
}

class Repairs {
 public:
  Repairs(Session& session, const ProvisionLimits& limits) : session_(&session), limits_(limits) {}

  void carry_out(RepairStep& step) {
    try {
      attempt(step);
      step.done = true;
    } catch (const Interrupted&) {
      throw;
    } catch (const Error& error) {
      step.failure = error.what();
    }
  }

 private:
  void attempt(const RepairStep& step) {
    switch (step.action) {
      case Action::set_journal_aside:
        session_->journal().set_aside();
        return;
      case Action::finish_provisioning:
        finish_provisioning(*session_, limits_);
        return;
      case Action::finish_apply:
        finish_apply(*session_, limits_);
        return;
      case Action::give_back_driver:
        return give_back_driver(*step.cntlid);
      case Action::strike_record:
        session_->ask_again(*step.cntlid);
        return strike_stale(*session_, *step.cntlid);
      case Action::resume:
        resume_function(*session_, *step.cntlid, {});
        return;
    }
  }

  void give_back_driver(std::uint16_t cntlid) {
    const auto result =
        unbind(*session_, {&session_->function(cntlid)}, {.timeout = limits_.appear});
    const auto& failure = result.functions.front().failure;
    if (failure) throw Error(*failure);
  }

  Session* session_;
  ProvisionLimits limits_;
};

bool same(const RepairStep& one, const RepairStep& other) {
  return one.action == other.action && one.cntlid == other.cntlid;
}

std::vector<RepairStep> steps_for(const Findings& account) {
  std::vector<RepairStep> steps;
  for (const auto& found : account) {
    const auto action = action_for(found);
    if (!action) continue;
    RepairStep step{.action = *action, .finding = found, .cntlid = found.cntlid};
    const bool known = std::any_of(steps.begin(), steps.end(),
                                   [&](const RepairStep& one) { return same(one, step); });
    if (!known) steps.push_back(std::move(step));
  }
  std::stable_sort(steps.begin(), steps.end(), [](const RepairStep& one, const RepairStep& other) {
    return one.action < other.action;
  });
  return steps;
}

}  // namespace

std::string_view to_string(RepairStep::Action action) noexcept {
  switch (action) {
    case Action::set_journal_aside:
      return "set_journal_aside";
    case Action::finish_provisioning:
      return "finish_provisioning";
    case Action::strike_record:
      return "strike_record";
    case Action::resume:
      return "resume";
    case Action::give_back_driver:
      return "give_back_driver";
    case Action::finish_apply:
      return "finish_apply";
  }
  return "unknown";
}

std::vector<RepairStep> plan_repair(Session& session) { return steps_for(account_of(session)); }

std::vector<RepairStep> repair(Session& session, const ProvisionLimits& limits) {
  session.claim();
  Repairs repairs(session, limits);
  std::vector<RepairStep> done;
  const auto carry_out = [&](RepairStep& step) {
    repairs.carry_out(step);
    session.refresh();
    done.push_back(std::move(step));
  };
  // A journal that was set aside, and a provisioning that was finished, change everything else.
  for (const auto first : {Action::set_journal_aside, Action::finish_provisioning}) {
    for (auto& step : plan_repair(session)) {
      if (step.action == first) carry_out(step);
    }
  }
  for (auto& step : plan_repair(session)) {
    if (step.action > Action::finish_provisioning) carry_out(step);
  }
  return done;
}

}  // namespace nvmigrate
