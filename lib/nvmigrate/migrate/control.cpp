// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/migrate/control.h"

#include "nvmigrate/base/error.h"
#include "nvmigrate/base/interrupt.h"
#include "nvmigrate/migrate/suspension.h"
#include "nvmigrate/migrate/transfer.h"

namespace nvmigrate {
namespace {

ControlResult result_of(std::uint16_t cntlid, bool before, bool after) {
  return {
      .cntlid = cntlid, .suspended_before = before, .suspended = after, .changed = before != after};
}

void require_resumable(Io& io, const Folders& folders, const MigrationSide& side,
                       std::uint16_t cntlid, std::vector<std::string> allowed) {
  const auto loading = side.journal.find(IntentKind::loading, cntlid);
  // What was loaded last is its state; that an earlier one was moved away is over.
  if (loading && load_was_committed(io, folders, *loading)) {
    allowed.insert(allowed.end(), {"loading", "moved"});
  }
  require_unambiguous(side, cntlid, allowed);
}

}  // namespace

ControlResult suspend_function(MigrationSide& side, std::uint16_t cntlid, bool notice,
                               const std::vector<std::string>& allowed, bool dry_run) {
  require_controlled(side, cntlid);
  require_online(side, cntlid);
  Suspension suspension(side, cntlid, whole_state(side.query.formats));
  if (!suspension.was_frozen()) require_released(side, cntlid, allowed);
  auto result = result_of(cntlid, suspension.was_frozen(), true);
  if (dry_run) return result;
  if (!result.changed) {
    suspension.settle();
    return result;
  }
  stop_if_interrupted("nothing more was suspended");
  try {
    if (notice) side.backend.quiesce(cntlid);
    suspension.begin();
    suspension.settle();
  } catch (Error& failure) {
    failure.add_hint(suspension.undo());
    throw;
  }
  return result;
}

ControlResult resume_function(Io& io, const Folders& folders, MigrationSide& side,
                              std::uint16_t cntlid, const std::vector<std::string>& allowed,
                              bool dry_run) {
  const bool frozen = side.function(cntlid).online.value_or(true) &&
                      side.backend.is_frozen(cntlid, whole_state(side.query.formats));
  if (frozen) require_resumable(io, folders, side, cntlid, allowed);
  auto result = result_of(cntlid, frozen, false);
  if (dry_run) return result;
  stop_if_interrupted("nothing more was resumed");
  if (frozen) result.changed = side.backend.resume(cntlid);
  side.journal.strike({IntentKind::suspended, IntentKind::loading, IntentKind::moved}, cntlid);
  return result;
}

}  // namespace nvmigrate
