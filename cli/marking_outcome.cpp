// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/marking_outcome.h"

#include "cli/describe.h"

namespace nvmigrate::cli {
namespace {

Json json_of(const MarkedFunction& function) {
  return {{"controller_id", function.cntlid},
          {"virtual_function", function.vfn == 0 ? Json(nullptr) : Json(function.vfn)},
          {"marked", function.marked},
          {"changed", function.changed}};
}

Json json_of(const MarkFinding& finding) {
  return {{"severity", to_string(finding.severity)},
          {"code", to_string(finding.code)},
          {"controller_id", or_null(finding.cntlid)},
          {"message", finding.message}};
}

std::string line_of(const MarkedFunction& function, bool dry_run) {
  const auto who = "controlled function " + label_of(function.cntlid, function.vfn) + ": ";
  if (!function.changed) return who + (function.marked ? "was marked\n" : "was not marked\n");
  return who + (dry_run ? "would be " : "") + (function.marked ? "marked\n" : "unmarked\n");
}

}  // namespace

Outcome outcome_of(Context& context, const ChangeOptions& options, const MarkResult& result) {
  Outcome outcome{.document = document_of(options, result.changed())};
  outcome.document["functions"] = Json::array();
  outcome.document["findings"] = Json::array();
  for (const auto& function : result.functions) {
    outcome.document["functions"].push_back(json_of(function));
    outcome.text += line_of(function, options.dry_run);
  }
  for (const auto& finding : result.findings) {
    outcome.document["findings"].push_back(json_of(finding));
    context.warn(finding.message);
  }
  return outcome;
}

}  // namespace nvmigrate::cli
