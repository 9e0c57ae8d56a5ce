// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/base/interrupt.h"
#include "nvmigrate/migrate/function.h"
#include "nvmigrate/migrate/migrate.h"
#include "nvmigrate/migrate/suspension.h"
#include "nvmigrate/session/backend.h"

namespace nvmigrate {
namespace {

ControlResult result_of(std::uint16_t cntlid, bool before, bool after) {
  return {
      .cntlid = cntlid, .suspended_before = before, .suspended = after, .changed = before != after};
}

void suspend_now(Session& session, std::uint16_t cntlid, bool notice) {
  stop_if_interrupted("nothing more was suspended");
  Suspension suspension(session, cntlid, false);
  try {
    if (notice) session.backend().quiesce(cntlid);
    suspension.begin();
    suspension.settle();
  } catch (Error& failure) {
    suspension.undo().add_to(failure);
    throw;
  }
}

}  // namespace

ControlResult suspend_function(Session& session, std::uint16_t cntlid,
                               const SuspendOptions& options) {
  if (!options.dry_run) session.claim();
  judge_function(Verb::suspend, session, cntlid, options.allowed).refuse("suspend");
  const bool suspended = is_suspended(session, cntlid);
  const auto result = result_of(cntlid, suspended, true);
  if (options.dry_run) return result;
  strike_stale(session, cntlid);
  if (suspended) {
    Suspension(session, cntlid, true).settle();
  } else {
    suspend_now(session, cntlid, options.notice);
  }
  return result;
}

ControlResult resume_function(Session& session, std::uint16_t cntlid,
                              const ResumeOptions& options) {
  if (!options.dry_run) session.claim();
  judge_function(Verb::resume, session, cntlid, options.allowed).refuse("resume");
  const bool suspended = is_suspended(session, cntlid);
  auto result = result_of(cntlid, suspended, false);
  if (options.dry_run) return result;
  stop_if_interrupted("nothing more was resumed");
  if (suspended) result.changed = session.backend().resume(cntlid);
  session.journal().strike({IntentKind::suspended, IntentKind::loading, IntentKind::moved}, cntlid);
  return result;
}

}  // namespace nvmigrate
