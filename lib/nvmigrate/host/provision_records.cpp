// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/host/provision_records.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <sstream>

#include "nvmigrate/base/numbers.h"
#include "nvmigrate/host/attachments.h"
#include "nvmigrate/host/provision_steps.h"
#include "nvmigrate/store/journal.h"

namespace nvmigrate {
namespace {

constexpr auto allowed_detail = "allowed";

std::optional<std::uint64_t> number_in(const Intent& intent, const std::string& key) {
  const auto found = intent.details.find(key);
  return found == intent.details.end() ? std::nullopt : parse_number(found->second);
}

std::optional<std::uint16_t> small(const std::string& text) {
  const auto number = parse_number(text);
  if (!number || *number > 0xFFFF) return std::nullopt;
  return static_cast<std::uint16_t>(*number);
}

std::optional<std::uint16_t> count_in(const Intent& intent, const std::string& key) {
  const auto found = intent.details.find(key);
  return found == intent.details.end() ? std::nullopt : small(found->second);
}

bool destroys(const Topology& before, const ProvisionResult& plan) {
  return before.sriov.enabled != 0 &&
         std::any_of(plan.steps.begin(), plan.steps.end(), [](const ProvisionStep& step) {
           return step.action == ProvisionAction::set_vfs;
         });
}

bool releases(const std::optional<Intent>& unfinished) {
  return unfinished && number_in(*unfinished, "release_primary") == 1U;
}

std::optional<std::vector<std::uint32_t>> attached_by(const Intent& unfinished) {
  const auto found = unfinished.details.find("attach");
  if (found == unfinished.details.end()) return std::nullopt;
  return parse_attach(found->second);
}

/// `vf1=3/2 5=4/`: queues and interrupts, empty where nothing is asked for.
std::string own_text(const std::vector<OwnResources>& own) {
  const auto number = [](const auto& count) { return count ? std::to_string(*count) : ""; };
  std::string text;
  for (const auto& one : own) {
    text += (text.empty() ? "" : " ") +
            (one.vfn != 0 ? "vf" + std::to_string(one.vfn) : std::to_string(one.cntlid)) + '=' +
            number(one.queues) + '/' + number(one.interrupts);
  }
  return text;
}

std::vector<OwnResources> parse_own(const Intent& intent) {
  std::vector<OwnResources> all;
  const auto found = intent.details.find("own");
  std::istringstream words(found == intent.details.end() ? std::string{} : found->second);
  for (std::string word; words >> word;) {
    const auto equals = word.find('='), slash = word.find('/');
    if (equals == std::string::npos || slash == std::string::npos) continue;
    const bool vf = word.starts_with("vf");
    const auto id = small(word.substr(vf ? 2 : 0, equals - (vf ? 2 : 0))).value_or(0);
    all.push_back({.cntlid = vf ? std::uint16_t{0} : id,
                   .vfn = vf ? id : 0U,
                   .queues = small(word.substr(equals + 1, slash - equals - 1)),
                   .interrupts = small(word.substr(slash + 1))});
  }
  return all;
}

using WantedById = std::map<std::uint16_t, WantedResources>;

WantedById by_id(const std::vector<WantedResources>& wanted) {
  WantedById all;
  for (const auto& one : wanted)
    all.emplace(one.cntlid, one);
  return all;
}

std::vector<WantedResources> listed(const WantedById& all) {
  std::vector<WantedResources> wanted;
  for (const auto& [id, one] : all)
    wanted.push_back(one);
  return wanted;
}

/// What was asked for stays where the device rounded it to what the function has.
WantedResources wanted_of(const WantedById& before, std::uint16_t cntlid, std::uint16_t queues,
                          std::uint16_t interrupts) {
  const auto found = before.find(cntlid);
  auto wanted = found == before.end() ? WantedResources{.cntlid = cntlid} : found->second;
  if (wanted.granted_queues != queues) wanted.queues = queues;
  if (wanted.granted_interrupts != interrupts) wanted.interrupts = interrupts;
  wanted.granted_queues = queues;
  wanted.granted_interrupts = interrupts;
  return wanted;
}

void note_asked(WantedResources& wanted, const ProvisionStep& step) {
  const auto value = static_cast<std::uint16_t>(step.value);
  if (step.action == ProvisionAction::assign_queues) wanted.queues = value;
  if (step.action == ProvisionAction::assign_interrupts) wanted.interrupts = value;
}

}  // namespace

std::vector<WantedResources> wanted_after(const Registry& registry, const Topology& before,
                                          const ProvisionResult& plan) {
  const auto old = by_id(registry.wanted());
  auto all = old;
  for (const auto& function : before.functions) {
    if (function.secondary && function.vfn > plan.vfs) all.erase(function.cntlid);
  }
  if (plan.vfs == 0 && may_be_listed_later(before)) {
    std::erase_if(all, [&](const auto& one) { return before.find(one.first) == nullptr; });
  }
  for (const auto& function : plan.functions) {
    if (!function.cntlid) continue;
    all[*function.cntlid] = wanted_of(old, *function.cntlid, function.queues, function.interrupts);
  }
  for (const auto& step : plan.steps) {
    if (step.cntlid && all.contains(*step.cntlid)) note_asked(all.at(*step.cntlid), step);
  }
  return listed(all);
}

std::vector<WantedResources> wanted_as_held(const Registry& registry, const Topology& before) {
  auto all = by_id(registry.wanted());
  for (const auto& function : before.functions) {
    if (!function.secondary || function.online != true) continue;
    all[function.cntlid] = wanted_of(all, function.cntlid, function.queues, function.interrupts);
  }
  return listed(all);
}

void note_allowed(IntentDetails& details, const std::vector<std::string>& allowed) {
  if (!allowed.empty()) details.emplace(allowed_detail, fmt::format("{}", fmt::join(allowed, " ")));
}

std::vector<std::string> allowed_in(const Intent& intent) {
  const auto found = intent.details.find(allowed_detail);
  std::istringstream codes(found == intent.details.end() ? std::string{} : found->second);
  return {std::istream_iterator<std::string>(codes), {}};
}

std::optional<Intent> unfinished_provisioning(const Topology& topology) {
  for (const auto& intent : topology.intents) {
    if (intent.kind == IntentKind::provisioning) return intent;
  }
  return std::nullopt;
}

void record_provisioning(Session& session, const Topology& before, const ProvisionResult& plan,
                         const ProvisionRequest& request) {
  const bool again = plan.unfinished && was_rebuilding(*plan.unfinished);
  const auto was =
      again ? number_in(*plan.unfinished, "was_vfs").value_or(0) : before.sriov.enabled;
  std::map<std::string, std::string> details{
      {device_detail, before.device},
      {"was_vfs", std::to_string(std::max<std::uint64_t>(was, before.sriov.enabled))},
      {"wanted_vfs", std::to_string(request.vfs)},
      {"autoprobe", autoprobe_before(before, plan.unfinished) ? "1" : "0"},
      {"rebuild", again || destroys(before, plan) ? "1" : "0"}};
  if (plan.release || releases(plan.unfinished)) details.emplace("release_primary", "1");
  if (plan.release) details.emplace("reset_method", plan.release->methods);
  if (request.queues) details.emplace("queues", std::to_string(*request.queues));
  if (!request.own.empty()) details.emplace("own", own_text(request.own));
  if (request.attach) details.emplace("attach", attach_text(request));
  if (request.interrupts) details.emplace("interrupts", std::to_string(*request.interrupts));
  note_allowed(details, request.allowed);
  session.journal().record(IntentKind::provisioning, before.identity.cntlid, std::move(details));
}

bool is_undone(const Topology& topology, const Intent& unfinished) {
  const bool any_vfs = topology.sriov.enabled != 0 || number_in(unfinished, "was_vfs") != 0U;
  if (any_vfs || releases(unfinished)) return false;
  return topology.sriov.autoprobe == autoprobe_before(topology, unfinished) &&
         std::none_of(topology.functions.begin(), topology.functions.end(),
                      [](const ControlledFunction& function) {
                        return function.secondary &&
                               (function.online.value_or(true) || function.queues != 0 ||
                                function.interrupts != 0);
                      });
}

bool was_rebuilding(const Intent& unfinished) { return number_in(unfinished, "rebuild") == 1U; }

bool autoprobe_before(const Topology& topology, const std::optional<Intent>& unfinished) {
  if (!unfinished) return topology.sriov.autoprobe;
  const auto recorded = number_in(*unfinished, "autoprobe");
  return recorded ? *recorded != 0 : topology.sriov.autoprobe;
}

ProvisionRequest request_of(const Intent& unfinished) {
  return {.vfs = static_cast<unsigned>(number_in(unfinished, "wanted_vfs").value_or(0)),
          .queues = count_in(unfinished, "queues"),
          .interrupts = count_in(unfinished, "interrupts"),
          .own = parse_own(unfinished),
          .recreate = was_rebuilding(unfinished),
          .release_primary = releases(unfinished),
          .attach = attached_by(unfinished),
          .allowed = allowed_in(unfinished)};
}

void add_forgetting(std::vector<ProvisionStep>& steps, const Topology& topology,
                    const std::optional<Intent>& unfinished) {
  const bool was_destroying = unfinished && was_rebuilding(*unfinished);
  const auto were = was_destroying ? number_in(*unfinished, "was_vfs").value_or(0) : 0;
  for (const auto& function : topology.functions) {
    const bool was_there = function.vfn != 0 && function.vfn <= were;
    if (!was_there && !topology.is_enabled_vf(function)) continue;
    if (!function.marked && !function.binding && function.intents.empty()) continue;
    steps.push_back({ProvisionAction::forget, function.cntlid, function.vfn, 0});
  }
}

}  // namespace nvmigrate
