// SPDX-License-Identifier: LGPL-2.1-or-later
#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "nvmigrate/session/sentences.h"
#include "nvmigrate/session/session.h"
#include "nvmigrate/store/journal.h"
#include "nvmigrate/store/registry.h"

namespace nvmigrate {
namespace {

constexpr auto no_backend =
    "name the controlling function, usually the physical function; its firmware must have "
    "host-managed live migration";
constexpr auto some_backend = "mark its functions for a backend that serves it";
constexpr auto other_function =
    "name another function: no backend that serves the device can migrate this one";

std::string reason_of(const std::vector<Serving>& asked, const std::string& name) {
  const auto found = std::find_if(asked.begin(), asked.end(),
                                  [&](const Serving& one) { return one.row->name == name; });
  return found == asked.end() ? "this program does not have it" : found->reason;
}

std::string reasons_of(const std::vector<Serving>& asked) {
  std::string reasons;
  for (const auto& one : asked) {
    if (!one.query && one.row->only_by_name) continue;
    reasons += (reasons.empty() ? "" : "; ") + std::string{one.row->name} + ": " +
               (one.query ? "it is used only when it is named" : one.reason);
  }
  return reasons;
}

/// Not while it holds a guest: only the backend that suspended the guest can resume it.
std::vector<Remedy> ways_to_mark(Session& session, std::uint16_t cntlid) {
  std::vector<Remedy> remedies;
  if (session.registry().is_marked(cntlid) && session.journal().custody(cntlid)) return remedies;
  for (auto& name : session.able(cntlid))
    remedies.push_back(session.to_mark(cntlid, std::move(name)));
  return remedies;
}

}  // namespace

BackendChoice Session::chosen(std::optional<std::uint16_t> cntlid) {
  using Why = BackendChoice::Why;
  BackendChoice choice{.why = Why::named, .name = workspace().backend_name};
  if (!choice.name.empty() && cntlid) {
    const auto recorded = recorded_backend(*cntlid);
    choice.differs = !recorded.empty() && recorded != choice.name;
  } else if (cntlid) {
    choice = {.why = Why::mark, .name = registry().backend_of(*cntlid)};
  }
  if (choice.name.empty()) choice.why = Why::first;
  choice.serving = serving_as(choice.name);
  return choice;
}

const Serving* Session::serving_as(const std::string& name) {
  const auto& asked = asked_backends();
  const auto found = std::find_if(asked.begin(), asked.end(), [&](const Serving& one) {
    const bool may = name.empty() ? !one.row->only_by_name : one.row->name == name;
    return may && one.query.has_value();
  });
  return found == asked.end() ? nullptr : &*found;
}

const Serving* Session::serving(std::optional<std::uint16_t> cntlid) {
  return chosen(cntlid).serving;
}

std::string Session::recorded_backend(std::uint16_t cntlid) {
  auto name = registry().backend_of(cntlid);
  if (!name.empty() || !registry().is_marked(cntlid)) return name;
  const auto* first = serving_as({});
  return first == nullptr ? std::string{} : std::string{first->row->name};
}

Remedy Session::to_mark(std::uint16_t cntlid, std::string backend) const {
  return {.action = Remedy::Action::mark,
          .device = device(),
          .function = cntlid,
          .object = std::move(backend)};
}

FormatChoice whole_state(const StateFormats& formats) {
  FormatChoice choice{.version = std::nullopt, .vendor = std::nullopt};
  const auto& versions = formats.versions;
  if (std::find(versions.begin(), versions.end(), 0) != versions.end()) {
    choice.version = std::uint16_t{0};
  } else if (!versions.empty()) {
    choice.version = versions.front();
  }
  if (!formats.vendors.empty()) choice.vendor = formats.vendors.front();
  return choice;
}

Unserved unserved(Session& session, std::optional<std::uint16_t> cntlid) {
  const auto choice = session.chosen(cntlid);
  const auto& asked = session.asked_backends();
  const bool any =
      std::any_of(asked.begin(), asked.end(), [](const Serving& one) { return one.query; });
  Unserved why{.advice = any ? some_backend : no_backend};
  if (choice.name.empty()) {
    if (any) why.by = " unless a backend is named";
    why.reason = reasons_of(asked);
  } else {
    why.by = " by backend " + choice.name;
    why.reason = reason_of(asked, choice.name);
  }
  if (choice.differs) {
    why.advice = fmt::format("name no backend: controller {} is marked for {}", *cntlid,
                             session.recorded_backend(*cntlid));
  } else if (cntlid) {
    why.remedies = ways_to_mark(session, *cntlid);
    if (any && session.able(*cntlid).empty()) why.advice = other_function;
  }
  return why;
}

std::string_view to_string(BackendChoice::Why why) noexcept {
  switch (why) {
    case BackendChoice::Why::first:
      return "first";
    case BackendChoice::Why::named:
      return "named";
    case BackendChoice::Why::mark:
      return "mark";
  }
  return "first";
}

}  // namespace nvmigrate
