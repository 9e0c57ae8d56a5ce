// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/host/provision_records.h"

#include <algorithm>
#include <map>

#include "nvmigrate/base/numbers.h"

namespace nvmigrate {
namespace {

std::optional<std::uint64_t> number_in(const Intent& intent, const std::string& key) {
  const auto found = intent.details.find(key);
  return found == intent.details.end() ? std::nullopt : parse_number(found->second);
}

std::optional<std::uint16_t> count_in(const Intent& intent, const std::string& key) {
  const auto number = number_in(intent, key);
  if (!number || *number > 0xFFFF) return std::nullopt;
  return static_cast<std::uint16_t>(*number);
}

bool destroys(const Topology& before, const ProvisionResult& plan) {
  return before.sriov.enabled != 0 &&
         std::any_of(plan.steps.begin(), plan.steps.end(), [](const ProvisionStep& step) {
           return step.action == ProvisionAction::set_vfs;
         });
}

}  // namespace

std::optional<Intent> provisioning_wreck(const Topology& topology) {
  for (const auto& intent : topology.intents) {
    if (intent.kind == IntentKind::provisioning) return intent;
  }
  return std::nullopt;
}

void record_provisioning(const HostAccess& access, const Topology& before,
                         const ProvisionResult& plan, const ProvisionWish& wish) {
  const bool again = plan.wreck && was_rebuilding(*plan.wreck);
  const auto was = again ? number_in(*plan.wreck, "was_vfs").value_or(0) : before.sriov.enabled;
  std::map<std::string, std::string> details{
      {device_detail, before.device},
      {"was_vfs", std::to_string(std::max<std::uint64_t>(was, before.sriov.enabled))},
      {"wanted_vfs", std::to_string(wish.vfs)},
      {"autoprobe", autoprobe_before(before, plan.wreck) ? "1" : "0"},
      {"rebuild", again || destroys(before, plan) ? "1" : "0"}};
  if (wish.queues) details.emplace("queues", std::to_string(*wish.queues));
  if (wish.interrupts) details.emplace("interrupts", std::to_string(*wish.interrupts));
  access.journal.record(IntentKind::provisioning, before.identity.cntlid, std::move(details));
}

bool was_rebuilding(const Intent& wreck) { return number_in(wreck, "rebuild") == 1U; }

bool autoprobe_before(const Topology& topology, const std::optional<Intent>& wreck) {
  if (!wreck) return topology.sriov.autoprobe;
  const auto recorded = number_in(*wreck, "autoprobe");
  return recorded ? *recorded != 0 : topology.sriov.autoprobe;
}

ProvisionWish wish_of(const Intent& wreck) {
  return {.vfs = static_cast<unsigned>(number_in(wreck, "wanted_vfs").value_or(0)),
          .queues = count_in(wreck, "queues"),
          .interrupts = count_in(wreck, "interrupts"),
          .recreate = was_rebuilding(wreck)};
}

bool is_enabled_vf(const Topology& topology, const ControlledFunction& function) {
  if (function.vfn != 0) return function.vfn <= topology.sriov.enabled;
  return function.pci && function.pci->physical == topology.address && !topology.address.empty();
}

void add_forgetting(std::vector<ProvisionStep>& steps, const Topology& topology,
                    const std::optional<Intent>& wreck) {
  const bool was_destroying = wreck && was_rebuilding(*wreck);
  const auto were = was_destroying ? number_in(*wreck, "was_vfs").value_or(0) : 0;
  for (const auto& function : topology.functions) {
    const bool was_there = function.vfn != 0 && function.vfn <= were;
    if (!was_there && !is_enabled_vf(topology, function)) continue;
    if (!function.marked && !function.binding && function.intents.empty()) continue;
    steps.push_back({ProvisionAction::forget, function.cntlid, function.vfn, 0});
  }
}

}  // namespace nvmigrate
