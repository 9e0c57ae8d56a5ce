// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/conditions/conditions.h"

#include <fmt/args.h>
#include <fmt/format.h>

#include <algorithm>

#include "nvmigrate/conditions/fact.h"

namespace nvmigrate {
namespace {

std::string filled(std::string_view text, const Fact& fact) {
  if (text.find('{') == std::string_view::npos) return std::string{text};
  fmt::dynamic_format_arg_store<fmt::format_context> words;
  words.push_back(fmt::arg("device", fact.device));
  words.push_back(fmt::arg("function", fact.function));
  for (const auto& [name, value] : fact.words)
    words.push_back(fmt::arg(name.c_str(), value));
  return fmt::vformat(text, words);
}

bool is_about_a_function(Remedy::Action action) { return action <= Remedy::Action::reset; }

std::vector<Remedy> remedies_of(const Condition& row, const Fact& fact) {
  if (!fact.remedies.empty() || !row.remedy) return fact.remedies;
  Remedy remedy{.action = *row.remedy, .device = fact.device, .count = fact.count};
  if (is_about_a_function(*row.remedy)) remedy.function = fact.cntlid;
  return {remedy};
}

Finding found(const Condition& row, const Fact& fact) {
  return {.code = std::string{row.code},
          .severity = row.told,
          .status = row.status,
          .message = filled(row.sentence, fact),
          .device = fact.device,
          .cntlid = fact.cntlid,
          .advice = filled(row.advice, fact),
          .remedies = remedies_of(row, fact)};
}

Severity severity_of(const Condition& row, Verb verb) {
  if (row.blocks.has(verb)) return Severity::blocker;
  return row.warns.has(verb) ? Severity::warning : Severity::ok;
}

}  // namespace

const Condition* find_condition(std::string_view code) noexcept {
  const auto rows = conditions();
  const auto row = std::find_if(rows.begin(), rows.end(),
                                [&](const Condition& one) { return one.code == code; });
  return row == rows.end() ? nullptr : &*row;
}

const Condition& condition(std::string_view code) {
  if (const auto* row = find_condition(code)) return *row;
  throw Error(ExitStatus::internal, "'" + std::string{code} + "' is not a condition");
}

std::vector<std::string> overrides_of(Verb verb) {
  std::vector<std::string> codes;
  for (const auto& row : conditions()) {
    if (row.overrides.has(verb)) codes.emplace_back(row.code);
  }
  return codes;
}

std::vector<std::string> overrides_of(std::string_view verb) {
  const auto* const found = std::find(verb_names.begin(), verb_names.end(), verb);
  if (found == verb_names.end()) return {};
  return overrides_of(static_cast<Verb>(found - verb_names.begin()));
}

Fact fact_of(std::string_view code, const std::string& device, const ControlledFunction& function,
             Words words) {
  return {.code = code,
          .device = device,
          .function = describe(function),
          .cntlid = function.cntlid,
          .words = std::move(words)};
}

Finding told(const Fact& fact) { return found(condition(fact.code), fact); }

Finding judged(const Fact& fact, Verb verb, const std::vector<std::string>& allowed) {
  const auto& row = condition(fact.code);
  auto finding = found(row, fact);
  finding.severity = severity_of(row, verb);
  return judged(std::move(finding), verb, allowed);
}

Finding judged(Finding found, Verb verb, const std::vector<std::string>& allowed) {
  const auto* row = find_condition(found.code);
  if (found.severity != Severity::blocker || row == nullptr) return found;
  found.overridable = row->overrides.has(verb);
  found.allowed =
      found.overridable && std::find(allowed.begin(), allowed.end(), found.code) != allowed.end();
  if (found.allowed) {
    // The caller has chosen a backend.
    found.advice.clear();
    found.remedies.clear();
  }
  return found;
}

}  // namespace nvmigrate
