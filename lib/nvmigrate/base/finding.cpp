// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/base/finding.h"

#include <algorithm>
#include <array>
#include <utility>

namespace nvmigrate {
namespace {

bool speaks_of_several_devices(const Findings& findings) {
  return std::any_of(findings.begin(), findings.end(),
                     [&](const Finding& found) { return found.device != findings.front().device; });
}

std::string sentence_of(const std::string& action, const Findings& findings) {
  const bool several = speaks_of_several_devices(findings);
  std::string text = "cannot " + action;
  bool first = true;
  for (const auto& found : findings) {
    if (!found.stands()) continue;
    text += std::exchange(first, false) ? ": " : "; ";
    if (several && !found.device.empty()) text += found.device + ": ";
    text += found.message;
  }
  return text;
}

const Finding& weightiest(const Findings& findings) {
  constexpr std::array order{ExitStatus::unsupported, ExitStatus::refused, ExitStatus::not_found};
  const auto standing = [&](const auto& matches) {
    return std::find_if(findings.begin(), findings.end(),
                        [&](const Finding& found) { return found.stands() && matches(found); });
  };
  for (const auto status : order) {
    const auto found = standing([&](const Finding& one) { return one.status == status; });
    if (found != findings.end()) return *found;
  }
  const auto first = standing([](const Finding&) { return true; });
  return first == findings.end() ? findings.front() : *first;
}

}  // namespace

std::string_view to_string(Severity severity) noexcept {
  switch (severity) {
    case Severity::ok:
      return "ok";
    case Severity::warning:
      return "warning";
    case Severity::problem:
      return "problem";
    case Severity::blocker:
      return "blocker";
  }
  return "problem";
}

bool any_stands(const Findings& findings) noexcept {
  return std::any_of(findings.begin(), findings.end(),
                     [](const Finding& found) { return found.stands(); });
}

Refusal::Refusal(const std::string& action, Findings findings)
    : Error(weightiest(findings).status, sentence_of(action, findings)),
      action_(action),
      findings_(std::move(findings)) {
  set_code(weightiest(findings_).code);
  set_device(weightiest(findings_).device);
  for (const auto& found : findings_) {
    if (!found.stands()) continue;
    // Several findings often have the same next step.
    if (advice().find(found.advice) == std::string::npos) add_advice(found.advice);
    for (const auto& remedy : found.remedies) {
      const auto& known = remedies();
      if (std::find(known.begin(), known.end(), remedy) == known.end()) add_remedy(remedy);
    }
  }
}

void refuse_if_any_stands(const std::string& action, const Findings& findings) {
  if (any_stands(findings)) throw Refusal(action, findings);
}

}  // namespace nvmigrate
