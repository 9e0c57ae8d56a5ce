// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/session/custody.h"

#include <algorithm>
#include <array>
#include <utility>

#include "nvmigrate/base/error.h"
#include "nvmigrate/store/journal.h"

namespace nvmigrate {
namespace {

constexpr std::array custody_words{
    std::pair{Custody::running, "running"},     std::pair{Custody::offline, "offline"},
    std::pair{Custody::suspended, "suspended"}, std::pair{Custody::loading, "loading"},
    std::pair{Custody::loaded, "loaded"},       std::pair{Custody::moved, "moved"},
    std::pair{Custody::unbound, "unbound"}};

bool was_committed(Io& io, const Folders& folders, const Intent& intent) {
  if (intent.kind != IntentKind::loading || intent.in_progress) return false;
  try {
    return load_was_committed(io, folders, intent);
  } catch (const Error&) {
    // The journal of the source is damaged; a command on the source says so.
    return false;
  }
}

}  // namespace

std::string_view to_string(Custody custody) noexcept {
  for (const auto& [known, word] : custody_words) {
    if (known == custody) return word;
  }
  return "running";
}

Custody custody_of(const ControlledFunction& function) noexcept {
  const auto* loading = function.intent(IntentKind::loading);
  if (loading != nullptr && loading->committed) return Custody::loaded;
  if (function.has(IntentKind::moved)) return Custody::moved;
  if (loading != nullptr) return Custody::loading;
  if (function.has(IntentKind::suspended)) return Custody::suspended;
  if (function.has(IntentKind::unbound)) return Custody::unbound;
  if (function.suspended() == true) return Custody::suspended;
  return function.online == false ? Custody::offline : Custody::running;
}

bool speaks_of_suspension(const Intent& intent) noexcept {
  return intent.kind == IntentKind::suspended || intent.kind == IntentKind::loading ||
         intent.kind == IntentKind::moved;
}

bool is_unfinished(const Intent& intent) { return intent.details.contains(unfinished_detail); }

std::string detail_of(const Intent& intent, const std::string& name) {
  const auto found = intent.details.find(name);
  return found == intent.details.end() ? std::string{} : found->second;
}

void judge_intents(ControlledFunction& function, Io& io, const Folders& folders) {
  const bool runs = function.suspended() == false || function.online == false;
  for (auto& intent : function.intents) {
    intent.committed = was_committed(io, folders, intent);
    intent.stale = runs && !intent.in_progress && speaks_of_suspension(intent);
  }
}

bool load_was_committed(Io& io, const Folders& folders, const Intent& loading) {
  const auto transfer = detail_of(loading, "transfer");
  const auto nqn = detail_of(loading, "source_nqn");
  if (transfer.empty() || nqn.empty()) return false;
  const Journal journal(io, folders, {nqn, detail_of(loading, "source_serial")}, "resume");
  const auto intents = journal.intents();
  return std::any_of(intents.begin(), intents.end(), [&](const Intent& intent) {
    return intent.kind == IntentKind::moved && detail_of(intent, "transfer") == transfer;
  });
}

}  // namespace nvmigrate
