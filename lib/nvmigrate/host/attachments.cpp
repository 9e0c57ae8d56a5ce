// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/host/attachments.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "nvmigrate/base/numbers.h"
#include "nvmigrate/host/provision_steps.h"
#include "nvmigrate/nvme/commands.h"
#include "nvmigrate/nvme/identify.h"
#include "nvmigrate/store/registry.h"

namespace nvmigrate {
namespace {

constexpr auto all_namespaces = "all";

bool lists_id(const auto& ascending, auto id) {
  return std::binary_search(ascending.begin(), ascending.end(), id);
}

/// A namespace that was deleted is attached to none.
std::vector<std::uint16_t> attached_now(AdminPort& port, std::uint32_t nsid) {
  try {
    return read_attached(port, nsid);
  } catch (const NvmeError& error) {
    const auto code = error.nvme_status().code();
    if (code != sc::invalid_namespace && code != sc::invalid_field) throw;
    return {};
  }
}

void look_at_sharing(Session& session, Judge& judge, std::uint32_t nsid,
                     const FunctionList& functions) {
  if (read_namespace(session.admin(), nsid).shared) return;
  const auto attached = read_attached(session.admin(), nsid);
  std::set<std::uint16_t> holders(attached.begin(), attached.end());
  for (const auto* function : functions)
    holders.insert(function->cntlid);
  if (holders.size() < 2) return;
  judge.add(judge.about_device("private_namespace", {{"nsid", std::to_string(nsid)},
                                                     {"count", std::to_string(holders.size())}}));
}

}  // namespace

std::string attach_text(const ProvisionRequest& request) {
  if (!request.attach) return {};
  std::string text;
  for (const auto nsid : *request.attach)
    text += (text.empty() ? "" : ",") + std::to_string(nsid);
  return text.empty() ? all_namespaces : text;
}

std::optional<std::vector<std::uint32_t>> parse_attach(const std::string& text) {
  if (text == all_namespaces) return std::vector<std::uint32_t>{};
  return parse_list(text, 0xFFFFFFFF);
}

std::vector<std::uint32_t> choose_namespaces(Session& session, Judge& judge,
                                             const std::vector<std::uint32_t>& asked,
                                             const FunctionList& functions) {
  session.ask_namespaces();
  const auto& known = session.topology().namespaces;
  if (!known || (functions.empty() && !may_be_listed_later(session.topology()))) {
    judge.add(judge.about_device("no_namespace_management"));
    return {};
  }
  if (asked.empty() && known->empty()) {
    judge.add(judge.about_device("no_such_namespace", {{"nsid", ""}}));
  }
  for (const auto nsid : asked.empty() ? *known : asked) {
    if (lists_id(*known, nsid)) {
      look_at_sharing(session, judge, nsid, functions);
    } else {
      judge.add(judge.about_device("no_such_namespace", {{"nsid", " " + std::to_string(nsid)}}));
    }
  }
  return asked.empty() ? *known : asked;
}

void add_attachments(std::vector<ProvisionStep>& steps,
                     const std::vector<std::uint32_t>& namespaces, const FunctionList& functions,
                     bool anew) {
  for (const auto nsid : namespaces) {
    for (const auto* function : functions) {
      if (!anew && lists_id(*function->namespaces, nsid)) continue;
      steps.push_back({ProvisionAction::attach, function->cntlid, function->vfn, nsid});
    }
  }
}

void add_detachments(std::vector<ProvisionStep>& steps, Session& session, unsigned vfs) {
  const auto& topology = session.topology();
  const bool without_list = vfs == 0 && may_be_listed_later(topology);
  std::map<std::uint32_t, std::vector<std::pair<std::uint16_t, std::uint16_t>>> by_namespace;
  for (const auto& wanted : session.registry().wanted()) {
    const auto* function = topology.find(wanted.cntlid);
    const bool listed = function != nullptr && function->wanted;
    if (listed ? function->vfn <= vfs : !without_list) continue;
    const auto vfn = listed ? function->vfn : std::uint16_t{0};
    for (const auto nsid : wanted.namespaces)
      by_namespace[nsid].emplace_back(wanted.cntlid, vfn);
  }
  for (const auto& [nsid, functions] : by_namespace) {
    for (const auto& [cntlid, vfn] : functions)
      steps.push_back({ProvisionAction::detach, cntlid, vfn, nsid});
  }
}

void compare_attachments(Session& session, const ProvisionResult& result) {
  for (const auto nsid : result.namespaces) {
    const auto attached = read_attached(session.admin(), nsid);
    for (const auto& function : result.functions) {
      if (function.vfn == 0 || lists_id(attached, *function.cntlid)) continue;
      throw Error(ExitStatus::device, "namespace " + std::to_string(nsid) +
                                          " should be attached to " +
                                          describe(*function.cntlid, function.vfn) +
                                          ", but the device says that it is not");
    }
  }
}

void Attachments::change(std::span<const ProvisionStep> steps, const std::string& what) {
  const auto nsid = steps.front().value;
  const bool attaches = steps.front().action == ProvisionAction::attach;
  const auto now = attached_now(session_->admin(), nsid);
  std::vector<std::uint16_t> ids;
  for (const auto& step : steps) {
    if (lists_id(now, *step.cntlid) == attaches) continue;
    ids.push_back(*step.cntlid);
    changed_.push_back(step);
  }
  std::sort(ids.begin(), ids.end());
  if (attaches) record(ids, nsid);
  for (std::span<const std::uint16_t> rest = ids; !rest.empty();) {
    const auto part = rest.first(std::min(rest.size(), most_controllers));
    const auto how = attaches ? command::Attachment::attach : command::Attachment::detach;
    submit_or_throw(session_->admin(),
                    command::namespace_attachment(nsid, how, encode_controllers(part)),
                    what + (part.size() > 1 ? " and others" : ""));
    rest = rest.subspan(part.size());
  }
}

/// Before it is attached, so that whatever happens then, it can be taken back.
void Attachments::record(const std::vector<std::uint16_t>& cntlids, std::uint32_t nsid) {
  auto& registry = session_->registry();
  auto wanted = registry.wanted();
  for (const auto cntlid : cntlids) {
    auto place = std::lower_bound(
        wanted.begin(), wanted.end(), cntlid,
        [](const WantedResources& one, std::uint16_t id) { return one.cntlid < id; });
    if (place == wanted.end() || place->cntlid != cntlid) {
      place = wanted.insert(place, {.cntlid = cntlid});
    }
    place->namespaces.insert(nsid);
  }
  registry.want(std::move(wanted));
}

std::vector<ProvisionStep> Attachments::back() const {
  auto back = changed_;
  for (auto& step : back) {
    const bool attached = step.action == ProvisionAction::attach;
    step.action = attached ? ProvisionAction::detach : ProvisionAction::attach;
  }
  std::stable_partition(back.begin(), back.end(), [](const ProvisionStep& step) {
    return step.action == ProvisionAction::detach;
  });
  return back;
}

}  // namespace nvmigrate
