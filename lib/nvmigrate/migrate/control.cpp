// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/base/interrupt.h"
#include "nvmigrate/conditions/fact.h"
#include "nvmigrate/migrate/function.h"
#include "nvmigrate/migrate/migrate.h"
#include "nvmigrate/migrate/suspension.h"
#include "nvmigrate/session/backend.h"
#include "nvmigrate/session/custody.h"
#include "nvmigrate/store/journal.h"

namespace nvmigrate {
namespace {

/// Whether it is suspended; nothing: neither the device nor a record tells.
std::optional<bool> known_of(const ControlledFunction& function) {
  const auto* guest = function.custody();
  const bool recorded = guest != nullptr && detail_of(*guest, lost_detail).empty();
  return function.untold() && !recorded ? std::nullopt : std::optional(function.held());
}

/// \param after whether it is to be suspended
ControlResult result_of(const ControlledFunction& function, bool after) {
  const auto before = known_of(function);
  return {.cntlid = function.cntlid,
          .suspended_before = before,
          .suspended = after,
          .changed = before != after};
}

void suspend_now(Session& session, std::uint16_t cntlid, bool notice) {
  stop_if_interrupted("nothing more was suspended");
  Suspension suspension(session, cntlid, false);
  try {
    if (notice) session.backend(cntlid).quiesce(cntlid);
    suspension.record(IntentKind::suspended,
                      {{unfinished_detail, "the command that suspended it was not done"}});
    suspension.suspend();
    suspension.record(IntentKind::suspended);
    suspension.keep();
  } catch (Error& failure) {
    suspension.undo().add_to(failure);
    throw;
  }
}

/// Suspends one of two copies, or one that is only recorded as suspended; the record remains.
void stop_copy(Session& session, std::uint16_t cntlid) { session.backend(cntlid).suspend(cntlid); }

/// Records a function that is already suspended, or settles its unfinished record.
void adopt(Session& session, std::uint16_t cntlid) {
  // Not from the journal: if that was lost, the function counts as exported and must stay so.
  const auto* guest = session.ask(cntlid).custody();
  if (guest != nullptr && !(guest->kind == IntentKind::suspended && is_unfinished(*guest))) return;
  Suspension suspension(session, cntlid, true);
  suspension.record(IntentKind::suspended);
  suspension.keep();
}

/// Once the guest may have run, a reset no longer counts as the loss of a loaded state.
void record_resume(Session& session, std::uint16_t cntlid) {
  auto& journal = session.journal();
  const auto guest = journal.custody(cntlid);
  if (!guest || guest->kind != IntentKind::loaded || is_unfinished(*guest)) return;
  auto details = guest->details;
  details.emplace(unfinished_detail, "the command that resumed it was not done");
  journal.record(IntentKind::loaded, cntlid, std::move(details));
}

void strike_resumed(Session& session, std::uint16_t cntlid) {
  auto& journal = session.journal();
  const auto guest = journal.custody(cntlid);
  if (!guest) return journal.strike_custody(cntlid);
  JournalChange change;
  note_resumed(change, session, *guest);
  change.strike_custody(journal, cntlid).write();
}

Judge judge_release(Session& session, std::uint16_t cntlid,
                    const std::vector<std::string>& allowed) {
  auto judge = judge_function(Verb::release, session, cntlid, allowed);
  const auto& function = session.ask(cntlid);
  const auto add = [&](std::string_view code) {
    judge.add(fact_of(code, session.device(), function));
  };
  const auto* guest = function.custody();
  const bool left =
      guest != nullptr && (guest->kind == IntentKind::exported || guest->kind == IntentKind::away);
  if (left || function.controls) return judge;
  add(function.suspended().value_or(true) ? "not_exported" : "nothing_to_release");
  return judge;
}

}  // namespace

ControlResult suspend_function(Session& session, std::uint16_t cntlid,
                               const SuspendOptions& options) {
  if (!options.dry_run) session.claim();
  judge_function(Verb::suspend, session, cntlid, options.allowed).refuse("suspend");
  const bool suspended = is_suspended(session, cntlid);
  const auto result = result_of(session.ask(cntlid), true);
  if (options.dry_run) return result;
  const bool twice = session.ask(cntlid).may_run_twice();
  strike_stale(session, cntlid);
  if (suspended) {
    if (!session.ask(cntlid).suspended()) stop_copy(session, cntlid);
    adopt(session, cntlid);
  } else if (twice) {
    stop_copy(session, cntlid);
  } else {
    suspend_now(session, cntlid, options.notice);
  }
  return result;
}

ControlResult resume_function(Session& session, std::uint16_t cntlid,
                              const ResumeOptions& options) {
  if (!options.dry_run) session.claim();
  judge_function(Verb::resume, session, cntlid, options.allowed).refuse("resume");
  // If the device cannot tell, it may be suspended although nothing is recorded.
  const bool sends = is_suspended(session, cntlid) || session.ask(cntlid).untold();
  auto result = result_of(session.ask(cntlid), false);
  if (options.dry_run) return result;
  stop_if_interrupted("nothing more was resumed");
  if (sends) {
    record_resume(session, cntlid);
    result.changed = session.backend(cntlid).resume(cntlid);
  } else {
    strike_stale(session, cntlid);
  }
  strike_resumed(session, cntlid);
  return result;
}

ControlResult release_function(Session& session, std::uint16_t cntlid,
                               const ReleaseOptions& options) {
  if (!options.dry_run) session.claim();
  judge_release(session, cntlid, options.allowed).refuse("release");
  const auto& function = session.ask(cntlid);
  const auto* guest = function.custody();
  const bool away = guest != nullptr && guest->kind == IntentKind::away;
  const bool suspended = function.suspended().value_or(true);
  const ControlResult result{
      .cntlid = cntlid, .suspended_before = suspended, .suspended = suspended, .changed = !away};
  if (options.dry_run || away) return result;
  stop_if_interrupted("nothing more was released");
  session.journal().record(IntentKind::away, cntlid,
                           guest != nullptr ? guest->details : IntentDetails{});
  return result;
}

}  // namespace nvmigrate
