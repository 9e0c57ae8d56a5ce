// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/host/functions.h"

#include <algorithm>
#include <map>
#include <set>

#include "nvmigrate/conditions/fact.h"
#include "nvmigrate/conditions/judge.h"
#include "nvmigrate/conditions/selection.h"
#include "nvmigrate/store/registry.h"

namespace nvmigrate {

bool MarkResult::changed() const noexcept {
  return std::any_of(functions.begin(), functions.end(), [](const auto& f) { return f.changed; });
}

namespace {

MarkedFunction to_be_marked(Session& session, std::uint16_t cntlid) {
  const auto& function = session.function(cntlid);
  const auto* serving = session.serving(cntlid);
  MarkedFunction marked{.cntlid = cntlid, .vfn = function.vfn, .marked = true};
  if (serving != nullptr) marked.backend = serving->row->name;
  // A former version recorded no backend, and took the first.
  const bool is_first = serving == session.serving();
  const bool same = function.backend == marked.backend || (function.backend.empty() && is_first);
  marked.changed = !function.marked || !same;
  return marked;
}

/// The mark is the only record of the backend that can resume the guest.
std::optional<Fact> held_by_named(Session& session, const ControlledFunction* function) {
  if (function == nullptr) return std::nullopt;
  const auto* unnamed = session.serving();
  return backend_in_use(session, function->cntlid,
                        unnamed == nullptr ? std::string_view{} : unnamed->row->name);
}

}  // namespace

MarkResult plan_mark(Session& session, const std::string& words,
                     const std::vector<std::string>& allowed) {
  Judge judge(Verb::mark, session, allowed);
  std::set<std::uint16_t> chosen;
  for (const auto& pick : resolve(session.topology(), words)) {
    if (pick.kind == Pick::Kind::function) {
      chosen.insert(pick.function->cntlid);
    } else {
      judge.add(why_not(session.topology(), pick));
    }
  }
  MarkResult plan;
  for (const auto id : chosen)
    judge.look_at_abilities(id);
  for (const auto id : chosen) {
    judge.look_at(id);
    plan.functions.push_back(to_be_marked(session, id));
  }
  plan.findings = judge.findings();
  return plan;
}

MarkResult mark(Session& session, const std::string& words,
                const std::vector<std::string>& allowed) {
  session.claim();
  auto plan = plan_mark(session, words, allowed);
  refuse_if_any_stands("mark", plan.findings);
  for (const auto& function : plan.functions) {
    if (function.changed) session.registry().mark(function.cntlid, function.backend);
  }
  session.refresh();
  return plan;
}

MarkResult plan_unmark(Session& session, const std::string& words) {
  const auto& registry = session.registry();
  std::map<std::uint16_t, MarkedFunction> functions;
  Findings wrong;
  for (const auto& pick : resolve(session.topology(), words)) {
    const bool gone = pick.kind == Pick::Kind::unknown && pick.cntlid;
    if (pick.kind != Pick::Kind::function && !(gone && registry.is_marked(*pick.cntlid))) {
      wrong.push_back(why_not(session.topology(), pick));
      continue;
    }
    if (const auto fact = held_by_named(session, pick.function)) {
      wrong.push_back(judged(*fact, Verb::unmark));
    }
    const unsigned vfn = pick.function != nullptr ? pick.function->vfn : 0;
    const auto id = *pick.cntlid;
    functions.insert_or_assign(
        id, MarkedFunction{.cntlid = id, .vfn = vfn, .changed = registry.is_marked(id)});
  }
  refuse_if_any_stands("unmark", wrong);
  MarkResult plan;
  for (const auto& [id, function] : functions)
    plan.functions.push_back(function);
  return plan;
}

MarkResult unmark(Session& session, const std::string& words) {
  session.claim();
  auto plan = plan_unmark(session, words);
  for (const auto& function : plan.functions) {
    if (function.changed) session.registry().unmark(function.cntlid);
  }
  session.refresh();
  return plan;
}

}  // namespace nvmigrate
