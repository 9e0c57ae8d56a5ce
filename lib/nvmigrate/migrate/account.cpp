// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/migrate/account.h"

#include <algorithm>

#include "nvmigrate/base/interrupt.h"
#include "nvmigrate/migrate/side.h"
#include "nvmigrate/migrate/transfer.h"

namespace nvmigrate {
namespace {

bool speaks_of_suspension(const Intent& intent) {
  return intent.kind == IntentKind::suspended || intent.kind == IntentKind::loading ||
         intent.kind == IntentKind::moved;
}

bool is_worth_asking(const ControlledFunction& function) {
  if (!function.online.value_or(true)) return false;
  return function.marked ||
         std::any_of(function.intents.begin(), function.intents.end(), speaks_of_suspension);
}

void ask(MigrationBackend& backend, const FormatChoice& formats, Topology& topology) {
  for (auto& function : topology.functions) {
    if (!is_worth_asking(function)) continue;
    stop_if_interrupted("nothing was changed");
    try {
      function.frozen = backend.is_frozen(function.cntlid, formats);
    } catch (const Error&) {
      // The device does not say; then what is remembered stands.
    }
  }
}

bool was_committed(Io& io, const Folders& folders, const Intent& intent) {
  if (intent.kind != IntentKind::loading || intent.at_work) return false;
  try {
    return load_was_committed(io, folders, intent);
  } catch (const Error&) {
    // The journal of the source is damaged; a command on the source says so.
    return false;
  }
}

}  // namespace

void complete_account(Io& io, const Folders& folders, Topology& topology,
                      MigrationBackend* backend) {
  if (backend != nullptr) ask(*backend, whole_state(backend->query().formats), topology);
  for (auto& function : topology.functions) {
    for (auto& intent : function.intents) {
      intent.committed = was_committed(io, folders, intent);
      intent.stale = !intent.at_work && function.frozen == false && speaks_of_suspension(intent);
    }
  }
}

}  // namespace nvmigrate
