// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/changing.h"
#include "cli/commands_table.h"
#include "cli/describe.h"
#include "cli/findings.h"
#include "nvmigrate/host/functions.h"
#include "nvmigrate/profile/profile.h"

namespace nvmigrate::cli {
namespace {

Json object_of(const MarkedFunction& function) {
  return {{"controller_id", function.cntlid},
          {"virtual_function", vfn_or_null(function.vfn)},
          {"marked", function.marked},
          {"backend", text_or_null(function.backend)},
          {"changed", function.changed}};
}

std::string marked_line(const MarkedFunction& function, bool dry_run) {
  const auto who = "controlled function " + label_of(function.cntlid, function.vfn) + ": ";
  if (!function.changed) return who + (function.marked ? "already marked\n" : "not marked\n");
  return who + (dry_run ? "would be " : "") + (function.marked ? "marked\n" : "unmarked\n");
}

Outcome outcome_of(Context& context, const Changing& given, const MarkResult& result) {
  Outcome outcome{.document = given.document(result.changed())};
  outcome.document["functions"] = Json::array();
  for (const auto& function : result.functions) {
    outcome.document["functions"].push_back(object_of(function));
    outcome.text += marked_line(function, given.dry_run);
  }
  outcome.document["findings"] = json_of(result.findings);
  context.warn(result.findings);
  return outcome;
}

void persist_marks(Session& session, const MarkResult& result, bool wanted) {
  PersistedPart part{.kind = PersistedPart::Kind::mark, .wanted = wanted, .cntlids = {}};
  for (const auto& function : result.functions)
    part.cntlids.push_back(function.cntlid);
  persist(session, part);
}

Outcome mark_functions(Context& context, const Changing& given) {
  const auto session = context.open(given.device);
  if (!given.dry_run) {
    const auto result = mark(*session, given.functions, given.allowed);
    if (given.persists()) persist_marks(*session, result, true);
    return outcome_of(context, given, result);
  }
  const auto plan = plan_mark(*session, given.functions, given.allowed);
  refuse_if_any_stands("mark", plan.findings);
  return outcome_of(context, given, plan);
}

Outcome unmark_functions(Context& context, const Changing& given) {
  const auto session = context.open(given.device);
  const auto result =
      given.dry_run ? plan_unmark(*session, given.functions) : unmark(*session, given.functions);
  if (given.persists()) persist_marks(*session, result, false);
  return outcome_of(context, given, result);
}

}  // namespace

Runner declare_mark(Options& options) {
  const auto given = std::make_shared<Changing>();
  given->declare_device(options);
  given->declare_functions(options, Completes::unmarked_functions);
  options.backend();
  given->declare_persist(options, persist_help);
  given->declare_allow(options, "mark");
  return [given](Context& context) { return mark_functions(context, *given); };
}

Runner declare_unmark(Options& options) {
  const auto given = std::make_shared<Changing>();
  given->declare_device(options);
  given->declare_functions(options, Completes::marked_functions);
  given->declare_persist(options, unpersist_help);
  return [given](Context& context) { return unmark_functions(context, *given); };
}

}  // namespace nvmigrate::cli
