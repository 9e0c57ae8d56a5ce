// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/host/provision_steps.h"

#include <algorithm>
#include <cerrno>
#include <exception>
#include <set>
#include <utility>

#include "nvmigrate/base/interrupt.h"
#include "nvmigrate/base/parallel.h"
#include "nvmigrate/base/time.h"
#include "nvmigrate/nvme/commands.h"
#include "nvmigrate/nvme/identify.h"
#include "nvmigrate/nvme/status.h"
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
    case Action::allocate_queues:
      return "allocate " + std::to_string(step.value) + " queues to the controlling function";
    case Action::allocate_interrupts:
      return "allocate " + std::to_string(step.value) + " interrupts to the controlling function";
    case Action::reset_controlling:
      return "reset the controlling function";
    case Action::attach:
      return "attach namespace " + std::to_string(step.value) + " to " + controller(step);
    case Action::detach:
      return "detach namespace " + std::to_string(step.value) + " from " + controller(step);
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

FlexibleResources resources_of(const Topology& topology, const ProvisionStep& step) {
  if (!topology.resources) return {};
  return step.action == Action::assign_queues ? topology.resources->queues
                                              : topology.resources->interrupts;
}

/// `; it gives queues in steps of 4, at most 16 a function`.
std::string terms_of(const Topology& topology, const ProvisionStep& step) {
  const auto has = resources_of(topology, step);
  return "; it gives " + name_of(step) + " in steps of " +
         std::to_string(std::max<unsigned>(has.granularity, 1)) + ", at most " +
         std::to_string(has.per_secondary) + " a function";
}

bool differs(const std::optional<unsigned>& allocated, const FlexibleResources& has) {
  return allocated && has.primary != *allocated;
}

/// Of a kernel that cannot reset a function, or whose methods all failed (ENOTTY), a Controller
/// Reset is all there is.
bool reset_if_possible(PciBus& bus, const std::string& address) {
  try {
    bus.reset(address);
    return true;
  } catch (const OsError& error) {
    if (error.error_number() != ENOTTY) throw;
    return false;
  } catch (const Error& error) {
    if (error.status() != ExitStatus::unsupported) throw;
    return false;
  }
}

/// The neighbours of the step at `from` that do the same, itself included.
std::span<const ProvisionStep> alike(std::span<const ProvisionStep> steps, std::size_t from) {
  auto end = from;
  while (end < steps.size() && steps[end].action == steps[from].action &&
         steps[end].value == steps[from].value)
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
    case Action::allocate_queues:
      return "allocate_queues";
    case Action::allocate_interrupts:
      return "allocate_interrupts";
    case Action::reset_controlling:
      return "reset_controlling";
    case Action::attach:
      return "attach";
    case Action::detach:
      return "detach";
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
  while (begun_ < steps.size()) {
    stop_if_interrupted(if_interrupted);
    const auto group = alike(steps, begun_);
    if (group.front().action == Action::reset) {
      begun_ += group.size();
      reset_all(group);
    } else if (group.front().action == Action::forget) {
      begun_ += group.size();
      forget_all(group);
    } else if (is_attachment(group.front().action)) {
      begun_ += group.size();
      attachments_.change(group, what(group.front()));
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
      return have_autoprobe(step.value != 0);
    case Action::set_vfs:
      return change_vfs(step.value);
    case Action::allocate_queues:
    case Action::allocate_interrupts:
      return allocate(step);
    case Action::reset_controlling:
      return reset_controlling();
    case Action::forget:
      return forget_all({&step, 1});
    case Action::attach:
    case Action::detach:
      return attachments_.change({&step, 1}, what(step));
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

void StepRunner::have_autoprobe(bool probe) {
  auto& bus = session_->pci();
  const auto& physical = session_->address();
  if (bus.sriov(physical).autoprobe != probe) bus.set_autoprobe(physical, probe);
}

void StepRunner::change_vfs(unsigned count) {
  auto& bus = session_->pci();
  const auto& physical = session_->address();
  if (bus.sriov(physical).enabled != count) bus.set_enabled_vfs(physical, count);
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
  const auto granted = grant_of(step, asked);
  if (granted < step.value) {
    const auto grain = resources_of(*before_, step).granularity;
    throw Error(
        ExitStatus::device,
        what(step) + ": the device granted " + std::to_string(granted) + terms_of(*before_, step),
        step.value % std::max<unsigned>(grain, 1) == 0
            ? std::string{}
            : "ask for a multiple of " + std::to_string(grain));
  }
  auto& got = grants_[*step.cntlid];
  (kind == command::Resource::queues ? got.queues : got.interrupts) = granted;
}

std::uint16_t StepRunner::grant_of(const ProvisionStep& step, const AdminCommand& asked) {
  try {
    const auto answer = submit_or_throw(session_->admin(), asked, what(step)).dw0;
    return static_cast<std::uint16_t>(answer & granted_mask);
  } catch (const NvmeError& error) {
    const auto code = error.nvme_status().code();
    if (code != sc::invalid_number_of_resources && code != sc::invalid_resource_identifier) throw;
    throw Error(ExitStatus::unsupported, error.what() + terms_of(*before_, step));
  }
}

void StepRunner::allocate(const ProvisionStep& step) {
  const bool queues = step.action == Action::allocate_queues;
  const auto kind = queues ? command::Resource::queues : command::Resource::interrupts;
  submit_or_throw(session_->admin(),
                  command::virtualization(before_->identity.cntlid,
                                          command::VirtualizationAction::primary_flexible, kind,
                                          static_cast<std::uint16_t>(step.value)),
                  what(step));
  (queues ? allocated_queues_ : allocated_interrupts_) = step.value;
}

void StepRunner::reset_controlling() {
  auto& bus = session_->pci();
  const auto& address = session_->address();
  const bool was_reset = reset_if_possible(bus, address);
  if (was_reset) await_controlling();
  if (was_reset && holds_as_allocated()) return;
  controller_reset_ = true;
  bus.reset_controller(address);
  await_controlling();
  if (holds_as_allocated()) return;
  throw Error(ExitStatus::device,
              before_->device + " was reset and still holds its flexible resources",
              "its vendor may say which other reset makes it give them back");
}

void StepRunner::await_controlling() {
  std::string state = "gone";
  const bool live = wait_until(limits_.live, [&] {
    for (const auto& controller : session_->pci().controllers()) {
      if (controller.address == session_->address()) state = controller.state;
    }
    return state == "live";
  });
  if (live) return;
  throw Error(ExitStatus::timed_out,
              "reset the controlling function: its controller is " + state + " after " +
                  std::to_string(limits_.live.count()) + " ms",
              "the kernel log may have the reason");
}

bool StepRunner::holds_as_allocated() {
  const auto now = read_primary_resources(session_->admin(), session_->identity().cntlid);
  return now && !differs(allocated_queues_, now->queues) &&
         !differs(allocated_interrupts_, now->interrupts);
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
  if (const auto* function = before_->find(step.cntlid.value_or(0)); step.vfn == 0 && function) {
    if (function->pci) address = function->pci->address;
  }
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
      const bool on_bus = goal.function->vfn != 0 || goal.function->pci;
      if (goal.online && (on_bus || action != Action::reset)) add(goal, action);
    }
  }
}

namespace {

bool has_begun(std::span<const ProvisionStep> done, Action action) {
  return std::any_of(done.begin(), done.end(),
                     [&](const ProvisionStep& step) { return step.action == action; });
}

/// What the controlling function held; a reset where one may have taken that away.
void add_allocation(std::vector<ProvisionStep>& back, const Topology& before,
                    std::span<const ProvisionStep> done) {
  if (!before.resources) return;
  if (has_begun(done, Action::allocate_queues)) {
    back.push_back({Action::allocate_queues, {}, 0, before.resources->queues.primary});
  }
  if (has_begun(done, Action::allocate_interrupts)) {
    back.push_back({Action::allocate_interrupts, {}, 0, before.resources->interrupts.primary});
  }
  if (has_begun(done, Action::reset_controlling)) {
    back.push_back({Action::reset_controlling, {}, 0, 0});
  }
}

}  // namespace

bool remakes_vfs(std::span<const ProvisionStep> steps) {
  return std::any_of(steps.begin(), steps.end(), [](const ProvisionStep& step) {
    return step.action == ProvisionAction::set_vfs;
  });
}

std::vector<ProvisionStep> steps_back(const Topology& before, unsigned vfs_now, bool autoprobe,
                                      std::span<const ProvisionStep> done) {
  std::set<std::uint16_t> touched;
  const bool stripped = has_begun(done, Action::reset_controlling);
  bool recounted = vfs_now != before.sriov.enabled;
  for (const auto& step : done) {
    if (step.cntlid && !is_attachment(step.action)) touched.insert(*step.cntlid);
    recounted = recounted || step.action == Action::set_vfs;
  }
  std::vector<ProvisionStep> back;
  if (recounted || stripped) {
    for (const auto id : touched)
      back.push_back({Action::offline, id, 0, 0});
  }
  if (recounted && vfs_now != 0) back.push_back({Action::set_vfs, {}, 0, 0});
  add_allocation(back, before, done);
  if (recounted && before.sriov.enabled != 0) {
    back.push_back({Action::set_vfs, {}, 0, before.sriov.enabled});
  }
  std::vector<FunctionGoal> goals;
  for (const auto& function : before.functions) {
    const bool destroyed = recounted && function.vfn != 0 && function.vfn <= before.sriov.enabled;
    const bool had_any = function.queues != 0 || function.interrupts != 0;
    const bool lost = stripped && function.secondary;
    if (!destroyed && !lost && !touched.contains(function.cntlid)) continue;
    if (!had_any && (recounted || stripped)) continue;
    goals.push_back({&function, function.queues, function.interrupts, function.online == true});
  }
  add_steps(back, goals);
  back.push_back({Action::set_autoprobe, {}, 0, autoprobe ? 1U : 0U});
  return back;
}

}  // namespace nvmigrate
