// SPDX-License-Identifier: LGPL-2.1-or-later
#include <algorithm>
#include <span>

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

using Steps = std::span<const ProvisionStep>;

/// `1-4, 7` of the steps' functions, by controller id or, where the device has none, by VF number.
std::string numbers_of(Steps steps) {
  std::string text;
  for (std::size_t i = 0; i < steps.size();) {
    const auto number = [&](std::size_t at) -> std::size_t {
      return steps[at].cntlid.value_or(steps[at].vfn);
    };
    const auto start = i;
    const auto first = number(start);
    while (i < steps.size() && number(i) == first + (i - start))
      ++i;
    text += (text.empty() ? "" : ", ") + std::to_string(first);
    if (i - start > 1) text += '-' + std::to_string(number(i - 1));
  }
  return text;
}

std::string who(Steps steps) {
  const auto& first = steps.front();
  if (!first.cntlid) return "VFs " + numbers_of(steps);
  if (steps.size() > 1) return "controlled functions " + numbers_of(steps);
  return "controlled function " + label_of(*first.cntlid, first.vfn);
}

/// What steps that are alike come to.
std::string words_of(Steps steps) {
  using enum ProvisionAction;
  const auto value = steps.front().value;
  const auto each = steps.size() > 1 ? " each" : "";
  switch (steps.front().action) {
    case unbind:
      return "take " + who(steps) + " from the driver";
    case set_autoprobe:
      return value == 0 ? "keep host drivers off new VFs" : "let host drivers have new VFs";
    case set_vfs:
      return value == 0 ? "disable all VFs" : "enable " + plural(value, "VF");
    case forget:
      return "forget marks and bindings of " + who(steps);
    case offline:
      return "take " + who(steps) + " offline";
    case assign_queues:
      return "give " + who(steps) + ' ' + plural(value, "queue") + each;
    case assign_interrupts:
      return "give " + who(steps) + ' ' + plural(value, "interrupt") + each;
    case reset:
      return "reset " + who(steps);
    case online:
      return "bring " + who(steps) + " online";
  }
  return {};
}

/// The steps in words: neighbours that are alike make one line.
std::string steps_text(const ProvisionResult& result) {
  std::string text;
  for (Steps rest = result.steps; !rest.empty();) {
    const auto& first = rest.front();
    const auto other = std::find_if(rest.begin(), rest.end(), [&](const ProvisionStep& step) {
      return step.action != first.action || step.value != first.value;
    });
    const auto alike = static_cast<std::size_t>(other - rest.begin());
    text += "  " + words_of(rest.first(alike)) + '\n';
    rest = rest.subspan(alike);
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
  const auto vfs = plural(result.vfs, "VF");
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
