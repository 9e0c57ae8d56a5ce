// SPDX-License-Identifier: LGPL-2.1-or-later
#include <algorithm>

#include "cli/describe.h"
#include "cli/preparing.h"
#include "cli/render.h"

namespace nvmigrate::cli {
namespace {

std::string result_word(const ChangeOptions& options, const BindingChange& change) {
  if (change.failure) return "failed";
  if (change.skipped) return "skipped";
  if (!change.changed) return "unchanged";
  return options.dry_run ? "planned" : "changed";
}

Json json_of(const ChangeOptions& options, const BindingChange& change) {
  return {{"controller_id", change.cntlid},
          {"address", text_or_null(change.address)},
          {"result", result_word(options, change)},
          {"changed", change.changed},
          {"driver_before", or_null(change.from)},
          {"driver", or_null(change.to)},
          {"vfio_group", or_null(change.nodes.group)},
          {"vfio_device", or_null(change.nodes.device)},
          {"warnings", change.warnings},
          {"error", change.failure ? error_json(*change.failure) : Json(nullptr)}};
}

std::string node_of(const BindingChange& change) {
  return change.nodes.device.value_or(change.nodes.group.value_or(""));
}

ExitStatus status_of(const BindingResult& result) {
  if (result.skipped()) return ExitStatus::interrupted;
  return result.failed() ? ExitStatus::partial : ExitStatus::ok;
}

}  // namespace

Outcome outcome_of(Context& context, const ChangeOptions& options, const BindingResult& result) {
  if (result.functions.size() == 1 && result.functions.front().failure) {
    throw Error(*result.functions.front().failure);
  }
  Outcome outcome{.document = document_of(options, result.changed())};
  outcome.status = status_of(result);
  Table table{{"ID", "ADDRESS", "RESULT", "WAS", "DRIVER", "VFIO"}};
  table.align_right(0);
  outcome.document["functions"] = Json::array();
  for (const auto& change : result.functions) {
    outcome.document["functions"].push_back(json_of(options, change));
    table.add({std::to_string(change.cntlid), change.address, result_word(options, change),
               change.from.value_or(""), change.to.value_or(""), node_of(change)});
    for (const auto& warning : change.warnings)
      context.warn(warning);
    if (change.failure) context.warn(change.failure->what());
  }
  const auto failed = std::count_if(result.functions.begin(), result.functions.end(),
                                    [](const auto& one) { return one.failure.has_value(); });
  context.warn_of_failed(static_cast<std::size_t>(failed), result.functions.size());
  outcome.text = table.text();
  return outcome;
}

}  // namespace nvmigrate::cli
