// SPDX-License-Identifier: LGPL-2.1-or-later
#include <functional>

#include "cli/changing.h"
#include "cli/commands_table.h"
#include "cli/text/describe.h"
#include "cli/text/findings.h"
#include "nvmigrate/conditions/selection.h"
#include "nvmigrate/migrate/migrate.h"

namespace nvmigrate::cli {
namespace {

/// What became of one of several functions.
struct Controlled {
  std::uint16_t cntlid = 0;
  ControlResult result;
  std::exception_ptr failure;
};

using ControlOne = std::function<ControlResult(Session& session, std::uint16_t cntlid)>;

std::vector<Controlled> control_all(Session& session, const std::string& words,
                                    const std::string& verb, const ControlOne& one) {
  std::vector<Controlled> all;
  for (const auto* function : select(session.topology(), words, verb))
    all.emplace_back().cntlid = function->cntlid;
  for (auto& each : all) {
    try {
      each.result = one(session, each.cntlid);
    } catch (...) {
      each.failure = std::current_exception();
    }
  }
  return all;
}

Json object_of(const Controlled& each) {
  const bool known = each.failure == nullptr;
  return {{"controller_id", each.cntlid},
          {"suspended_before", known ? or_null(each.result.suspended_before) : Json(nullptr)},
          {"suspended", known ? Json(each.result.suspended) : Json(nullptr)},
          {"changed", known && each.result.changed},
          {"error", failure_json(each.failure)}};
}

std::string line_of(const Controlled& each, const ControlledFunction& function, bool dry_run,
                    const std::string& done) {
  const auto who = "controlled function " + label_of(function) + ": ";
  if (each.failure) return failure_text("controlled function " + label_of(function), each.failure);
  if (function.online == false) return who + "offline; nothing to do\n";
  if (!each.result.changed) return who + "already " + done + "\n";
  const bool may_be_so = !each.result.suspended && !each.result.suspended_before;
  return who + (dry_run ? "would be " : "now ") + done +
         (may_be_so ? "; it is not known whether it was suspended\n" : "\n");
}

/// Suspends, resumes or releases several functions, each by itself.
/// \param done what became of a function that changed: `suspended`
Outcome control(Context& context, const Changing& given, const std::string& done,
                const ControlOne& one) {
  const auto session = context.open(given.device);
  const auto all = control_all(*session, given.functions, context.command(), one);
  Failures failures;
  Json functions = Json::array();
  Outcome outcome;
  bool changed = false;
  for (const auto& each : all) {
    failures.push_back(each.failure);
    functions.push_back(object_of(each));
    changed = changed || each.result.changed;
    outcome.text += line_of(each, session->function(each.cntlid), given.dry_run, done);
  }
  outcome.status = status_of(failures);
  tell(context, failures);
  outcome.document = given.document(changed);
  outcome.document["functions"] = std::move(functions);
  return outcome;
}

struct Suspending : Changing {
  bool notice = false;
};

}  // namespace

Runner declare_suspend(Options& options) {
  const auto given = std::make_shared<Suspending>();
  given->declare_device(options);
  given->declare_functions(options, Completes::running_functions);
  options.backend();
  options.flag("--notice", given->notice,
               "Announce each suspend to the device first (a notification, STYPE 0)");
  given->declare_allow(options, "suspend");
  return [given](Context& context) {
    const SuspendOptions how{
        .notice = given->notice, .dry_run = given->dry_run, .allowed = given->allowed};
    return control(context, *given, "suspended", [&](Session& session, std::uint16_t cntlid) {
      return suspend_function(session, cntlid, how);
    });
  };
}

Runner declare_release(Options& options) {
  const auto given = std::make_shared<Changing>();
  given->declare_device(options);
  given->declare_functions(options, Completes::exported_functions);
  options.backend();
  given->declare_allow(options, "release");
  return [given](Context& context) {
    const ReleaseOptions how{.dry_run = given->dry_run, .allowed = given->allowed};
    return control(context, *given, "released", [&](Session& session, std::uint16_t cntlid) {
      return release_function(session, cntlid, how);
    });
  };
}

Runner declare_resume(Options& options) {
  const auto given = std::make_shared<Changing>();
  given->declare_device(options);
  given->declare_functions(options, Completes::suspended_functions);
  options.backend();
  given->declare_allow(options, "resume");
  return [given](Context& context) {
    const ResumeOptions how{.dry_run = given->dry_run, .allowed = given->allowed};
    return control(context, *given, "running", [&](Session& session, std::uint16_t cntlid) {
      return resume_function(session, cntlid, how);
    });
  };
}

}  // namespace nvmigrate::cli
