// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/host/provision_steps.h"

#include <algorithm>
#include <exception>
#include <set>

#include "nvmigrate/base/interrupt.h"
#include "nvmigrate/base/parallel.h"
#include "nvmigrate/base/time.h"
#include "nvmigrate/nvme/commands.h"
#include "nvmigrate/ports/pci_bus.h"
#include "nvmigrate/store/journal.h"
#include "nvmigrate/store/registry.h"

namespace nvmigrate {
namespace {

using Action = ProvisionAction;

constexpr std::uint32_t granted_mask = 0xFFFF;

std::string controller(const ProvisionStep& step) {
  return describe(step.cntlid.value_or(0), step.vfn);
}

std::string what(const ProvisionStep& step) {
  switch (step.action) {
    case Action::unbind:
      return "unbind VF " + std::to_string(step.vfn);
    case Action::set_autoprobe:
      return "set sriov_drivers_autoprobe";
    case Action::set_vfs:
      return "set the number of VFs to " + std::to_string(step.value);
    case Action::forget:
      return "forget what is remembered of " + controller(step);
    case Action::offline:
      return "take " + controller(step) + " offline";
    case Action::assign_queues:
      return "assign " + std::to_string(step.value) + " queues to " + controller(step);
    case Action::assign_interrupts:
      return "assign " + std::to_string(step.value) + " interrupts to " + controller(step);
    case Action::reset:
      return "reset " + controller(step);
    case Action::online:
      return "bring " + controller(step) + " online";
  }
  return {};
}

std::string name_of(const ProvisionStep& step) {
  return step.action == Action::assign_queues ? "queues" : "interrupts";
}

/// \return at least 1
unsigned granularity_of(const Topology& topology, const ProvisionStep& step) {
  if (!topology.resources) return 1;
  const auto& [queues, interrupts] = *topology.resources;
  const auto& has = step.action == Action::assign_queues ? queues : interrupts;
  return std::max<unsigned>(has.granularity, 1);
}

/// The neighbours of the step at `from` that do the same, itself included.
std::span<const ProvisionStep> alike(std::span<const ProvisionStep> steps, std::size_t from) {
  auto end = from;
  while (end < steps.size() && steps[end].action == steps[from].action)
    ++end;
  return steps.subspan(from, end - from);
}

}  // namespace

std::string_view to_string(ProvisionAction action) noexcept {
  switch (action) {
    case Action::unbind:
      return "unbind";
    case Action::set_autoprobe:
      return "set_autoprobe";
    case Action::set_vfs:
      return "set_vfs";
    case Action::forget:
      return "forget";
    case Action::offline:
      return "offline";
    case Action::assign_queues:
      return "assign_queues";
    case Action::assign_interrupts:
      return "assign_interrupts";
    case Action::reset:
      return "reset";
    case Action::online:
      return "online";
  }
  return "unknown";
}

void StepRunner::run(std::span<const ProvisionStep> steps, const char* if_interrupted) {
  begun_ = 0;
  while (begun_ < steps.size()) {
    stop_if_interrupted(if_interrupted);
    const auto group = alike(steps, begun_);
    if (group.front().action == Action::reset) {
      begun_ += group.size();
      reset_all(group);
    } else if (group.front().action == Action::forget) {
      begun_ += group.size();
      forget_all(group);
    } else {
      carry_out(steps[begun_++]);
    }
  }
}

std::vector<std::string> StepRunner::run_all(std::span<const ProvisionStep> steps) {
  std::vector<std::string> failures;
  for (const auto& step : steps) {
    try {
      carry_out(step);
    } catch (const std::exception& error) {
      failures.push_back(what(step) + ": " + error.what());
    }
  }
  return failures;
}

void StepRunner::carry_out(const ProvisionStep& step) {
  auto& bus = session_->pci();
  switch (step.action) {
    case Action::unbind:
      return bus.unbind(address_of(step));
    case Action::set_autoprobe:
      return bus.set_autoprobe(session_->address(), step.value != 0);
    case Action::set_vfs:
      return change_vfs(step.value);
    case Action::forget:
      return forget_all({&step, 1});
    case Action::assign_queues:
    case Action::assign_interrupts:
      return assign(step);
    case Action::offline:
    case Action::online:
      return manage(step);
    case Action::reset:
      return reset_function(step);
  }
}

void StepRunner::change_vfs(unsigned count) {
  auto& bus = session_->pci();
  const auto& physical = session_->address();
  bus.set_enabled_vfs(physical, count);
  unsigned there = 0;
  const bool all = wait_until(limits_.appear, [&] {
    while (there < count && bus.virtual_function(physical, there + 1))
      ++there;
    return there == count && bus.sriov(physical).enabled == count;
  });
  if (all) return;
  throw Error(ExitStatus::timed_out, "set the number of VFs of " + physical + " to " +
                                         std::to_string(count) + ": only " + std::to_string(there) +
                                         " are on the bus after " +
                                         std::to_string(limits_.appear.count()) + " ms");
}

void StepRunner::forget_all(std::span<const ProvisionStep> steps) {
  std::vector<std::uint16_t> gone;
  for (const auto& step : steps)
    gone.push_back(*step.cntlid);
  session_->registry().forget(gone);
  session_->journal().forget(gone);
}

void StepRunner::assign(const ProvisionStep& step) {
  const auto kind = step.action == Action::assign_queues ? command::Resource::queues
                                                         : command::Resource::interrupts;
  const auto asked = command::virtualization(*step.cntlid, command::VirtualizationAction::assign,
                                             kind, static_cast<std::uint16_t>(step.value));
  const auto granted = submit_or_throw(session_->admin(), asked, what(step)).dw0 & granted_mask;
  if (granted == step.value) return;
  const auto sentence = what(step) + ": the device granted " + std::to_string(granted) +
                        " instead of " + std::to_string(step.value);
  const auto grain = granularity_of(*before_, step);
  if (step.value % grain == 0) throw Error(ExitStatus::device, sentence);
  const auto steps = std::to_string(grain);
  throw Error(ExitStatus::device,
              sentence + "; it gives " + name_of(step) + " in steps of " + steps,
              "ask for a multiple of " + steps);
}

void StepRunner::manage(const ProvisionStep& step) {
  const auto action = step.action == Action::online ? command::VirtualizationAction::online
                                                    : command::VirtualizationAction::offline;
  submit_or_throw(session_->admin(), command::virtualization(*step.cntlid, action), what(step));
}

void StepRunner::reset_all(std::span<const ProvisionStep> steps) {
  run_parallel(
      steps.size(), limits_.parallel_resets,
      [&](std::size_t number) { reset_function(steps[number]); }, limits_.start);
}

void StepRunner::reset_function(const ProvisionStep& step) {
  session_->pci().reset(address_of(step));
}

std::string StepRunner::address_of(const ProvisionStep& step) {
  auto address = session_->pci().virtual_function(session_->address(), step.vfn);
  if (!address) {
    throw not_found(what(step) + ": " + session_->address() + " has no VF " +
                    std::to_string(step.vfn));
  }
  // A reset of the controlling function would take every function of the subsystem offline.
  if (*address == session_->address()) {
    throw Error(ExitStatus::internal, what(step) + ": this is the controlling function itself");
  }
  return *address;
}

void add_steps(std::vector<ProvisionStep>& steps, std::span<const FunctionGoal> goals) {
  const auto add = [&](const FunctionGoal& goal, ProvisionAction action, unsigned value = 0) {
    steps.push_back({action, goal.function->cntlid, goal.function->vfn, value});
  };
  for (const auto& goal : goals)
    add(goal, Action::offline);
  for (const auto& goal : goals) {
    if (goal.queues != 0) add(goal, Action::assign_queues, goal.queues);
  }
  for (const auto& goal : goals) {
    if (goal.interrupts != 0) add(goal, Action::assign_interrupts, goal.interrupts);
  }
  for (const auto action : {Action::reset, Action::online}) {
    for (const auto& goal : goals) {
      if (goal.online) add(goal, action);
    }
  }
}

std::vector<ProvisionStep> steps_back(const Topology& before, unsigned vfs_now, bool autoprobe,
                                      std::span<const ProvisionStep> done) {
  std::set<std::uint16_t> touched;
  bool recounted = vfs_now != before.sriov.enabled;
  for (const auto& step : done) {
    if (step.cntlid) touched.insert(*step.cntlid);
    recounted = recounted || step.action == Action::set_vfs;
  }
  std::vector<ProvisionStep> back;
  if (recounted) {
    for (const auto id : touched)
      back.push_back({Action::offline, id, 0, 0});
    if (vfs_now != 0) back.push_back({Action::set_vfs, {}, 0, 0});
    if (before.sriov.enabled != 0) back.push_back({Action::set_vfs, {}, 0, before.sriov.enabled});
  }
  std::vector<FunctionGoal> goals;
  for (const auto& function : before.functions) {
    const bool destroyed = recounted && function.vfn != 0 && function.vfn <= before.sriov.enabled;
    const bool had_any = function.queues != 0 || function.interrupts != 0;
    if (!destroyed && !touched.contains(function.cntlid)) continue;
    if (!had_any && recounted) continue;
    goals.push_back({&function, function.queues, function.interrupts, function.online == true});
  }
  add_steps(back, goals);
  back.push_back({Action::set_autoprobe, {}, 0, autoprobe ? 1U : 0U});
  return back;
}

}  // namespace nvmigrate
