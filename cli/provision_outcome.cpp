// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/describe.h"
#include "cli/preparing.h"

namespace nvmigrate::cli {
namespace {

Json json_of(const ProvisionStep& step) {
  return {{"step", to_string(step.action)},
          {"controller_id", or_null(step.cntlid)},
          {"virtual_function", step.vfn == 0 ? Json(nullptr) : Json(step.vfn)},
          {"value", step.value}};
}

Json json_of(const ProvisionedFunction& function) {
  return {{"controller_id", or_null(function.cntlid)},
          {"virtual_function", function.vfn},
          {"address", text_or_null(function.address)},
          {"online", function.online},
          {"queues", function.queues},
          {"interrupts", function.interrupts}};
}

/// The steps in words: many functions make one line.
std::string steps_text(const ProvisionResult& result) {
  std::string text;
  for (std::size_t i = 0; i < result.steps.size();) {
    const auto& step = result.steps[i];
    std::size_t alike = 0;
    while (i < result.steps.size() && result.steps[i].action == step.action &&
           result.steps[i].value == step.value) {
      ++i;
      ++alike;
    }
    text += "  " + std::string{to_string(step.action)};
    if (step.cntlid) text += " controller " + std::to_string(*step.cntlid);
    if (alike > 1) text += " and " + std::to_string(alike - 1) + " more";
    using enum ProvisionAction;
    const bool counts = step.action == set_autoprobe || step.action == set_vfs ||
                        step.action == assign_queues || step.action == assign_interrupts;
    text += counts ? ": " + std::to_string(step.value) + "\n" : "\n";
  }
  return text;
}

std::string functions_text(const ProvisionResult& result) {
  Table table{{"ID", "VF", "ADDRESS", "STATE", "VQ", "VI"}};
  for (const std::size_t numbers : {0U, 1U, 4U, 5U})
    table.align_right(numbers);
  for (const auto& function : result.functions) {
    table.add({function.cntlid ? std::to_string(*function.cntlid) : "",
               std::to_string(function.vfn), function.address,
               function.online ? "online" : "offline", std::to_string(function.queues),
               std::to_string(function.interrupts)});
  }
  return table.text(2);
}

std::string headline(const ChangeOptions& options, const ProvisionResult& result) {
  const auto vfs = std::to_string(result.vfs) + (result.vfs == 1 ? " VF" : " VFs");
  if (!result.changed()) return options.device + " has " + vfs + " as wished; nothing to do\n";
  if (options.dry_run) return "(dry run) " + options.device + " would have " + vfs + "\n";
  return options.device + " has " + vfs + "\n";
}

}  // namespace

Outcome outcome_of(const ChangeOptions& options, const ProvisionResult& result) {
  Outcome outcome{.document = document_of(options, result.changed())};
  auto& document = outcome.document;
  document["was_vfs"] = result.was_vfs;
  document["vfs"] = result.vfs;
  document["finishes"] = result.wreck ? json_of(*result.wreck, options.device) : Json(nullptr);
  document["plan"] = Json::array();
  for (const auto& step : result.steps)
    document["plan"].push_back(json_of(step));
  document["functions"] = Json::array();
  for (const auto& function : result.functions)
    document["functions"].push_back(json_of(function));
  document["warnings"] = result.warnings;
  outcome.text = headline(options, result);
  if (options.dry_run) outcome.text += steps_text(result);
  if (!result.functions.empty()) outcome.text += functions_text(result);
  return outcome;
}

}  // namespace nvmigrate::cli
