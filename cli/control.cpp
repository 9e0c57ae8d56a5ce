// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/control.h"

#include "cli/describe.h"

namespace nvmigrate::cli {
namespace {

struct Controlled {
  std::uint16_t cntlid = 0;
  ControlResult result;
  std::exception_ptr failure;
};

std::vector<Controlled> control_all(MigrationAccess& access, const std::string& words,
                                    const ControlOne& one) {
  std::vector<Controlled> all;
  for (const auto* function : select(access.topology(), words)) {
    auto& each = all.emplace_back();
    each.cntlid = function->cntlid;
    try {
      each.result = one(access.side(), function->cntlid);
    } catch (...) {
      each.failure = std::current_exception();
    }
  }
  return all;
}

Json json_of(const Controlled& each) {
  const bool known = each.failure == nullptr;
  return {{"controller_id", each.cntlid},
          {"suspended_before", known ? Json(each.result.suspended_before) : Json(nullptr)},
          {"suspended", known ? Json(each.result.suspended) : Json(nullptr)},
          {"changed", known && each.result.changed},
          {"error", failure_json(each.failure)}};
}

std::string line_of(const Controlled& each, const ControlledFunction& function, bool dry_run,
                    const std::string& done) {
  const auto who = "controlled function " + label_of(function) + ": ";
  if (each.failure) return failure_text(each.failure) + '\n';
  if (function.online == false) return who + "is offline; nothing to resume\n";
  if (!each.result.changed) return who + "is " + done + " already\n";
  return who + (dry_run ? "would be " : "is now ") + done + '\n';
}

}  // namespace

Outcome control_each(Context& context, const std::string& device, const std::string& words,
                     bool dry_run, const std::string& done, const ControlOne& one) {
  MigrationAccess access(context, dry_run ? context.open(device) : context.open_to_change(device));
  const auto all = control_all(access, words, one);
  std::vector<std::exception_ptr> failures;
  Json functions = Json::array();
  Outcome outcome;
  bool changed = false;
  for (const auto& each : all) {
    failures.push_back(each.failure);
    functions.push_back(json_of(each));
    changed = changed || each.result.changed;
    outcome.text += line_of(each, access.side().function(each.cntlid), dry_run, done);
  }
  outcome.status = status_of(failures);
  tell_failures(context, failures);
  outcome.document = {{"device", device},
                      {"dry_run", dry_run},
                      {"changed", changed},
                      {"functions", std::move(functions)}};
  return outcome;
}

}  // namespace nvmigrate::cli
