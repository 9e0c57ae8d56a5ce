// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/session/custody.h"

#include <array>
#include <utility>

#include "nvmigrate/store/journal.h"

namespace nvmigrate {
namespace {

constexpr std::array custody_words{
    std::pair{Custody::running, "running"},     std::pair{Custody::offline, "offline"},
    std::pair{Custody::suspended, "suspended"}, std::pair{Custody::exporting, "exporting"},
    std::pair{Custody::exported, "exported"},   std::pair{Custody::away, "away"},
    std::pair{Custody::loading, "loading"},     std::pair{Custody::loaded, "loaded"},
    std::pair{Custody::unbound, "unbound"},     std::pair{Custody::two_copies, "two_copies"}};

Custody custody_of(IntentKind kind) noexcept {
  switch (kind) {
    case IntentKind::suspended:
      return Custody::suspended;
    case IntentKind::exporting:
      return Custody::exporting;
    case IntentKind::exported:
      return Custody::exported;
    case IntentKind::away:
      return Custody::away;
    case IntentKind::loading:
      return Custody::loading;
    case IntentKind::loaded:
      return Custody::loaded;
    case IntentKind::unbound:
    case IntentKind::provisioning:
    case IntentKind::applying:
      return Custody::unbound;
  }
  return Custody::unbound;
}

bool has_left(IntentKind kind) noexcept {
  return kind == IntentKind::exported || kind == IntentKind::away;
}

std::string text_of(const std::optional<std::string>& text) { return text.value_or(""); }

bool is_given_back(const ControlledFunction& function, const Intent& intent) {
  const auto& pci = function.pci;
  if (!function.unread.empty()) return false;
  return !pci || (text_of(pci->driver) == detail_of(intent, original_driver_detail) &&
                  text_of(pci->override_to) == detail_of(intent, original_override_detail));
}

/// The record assumed for a suspended function when the journal was lost.
Intent supposed(std::uint16_t cntlid, const std::string& lost) {
  return {.kind = IntentKind::exported, .cntlid = cntlid, .details = {{lost_detail, lost}}};
}

}  // namespace

std::string_view to_string(Custody custody) noexcept {
  for (const auto& [known, word] : custody_words) {
    if (known == custody) return word;
  }
  return "running";
}

Custody custody_of(const ControlledFunction& function) noexcept {
  if (function.may_run_twice()) return Custody::two_copies;
  if (const auto* guest = function.custody()) return custody_of(guest->kind);
  if (function.has(IntentKind::unbound)) return Custody::unbound;
  if (function.suspended() == true) return Custody::suspended;
  return function.online == false ? Custody::offline : Custody::running;
}

bool was_reset(const ControlledFunction& function) noexcept {
  if (function.online == false) return true;
  return function.suspended() == false && function.told->queues == 0U;
}

bool is_unfinished(const Intent& intent) { return intent.details.contains(unfinished_detail); }

bool is_lost_load(const ControlledFunction& function, const Intent& intent) noexcept {
  return intent.kind == IntentKind::loaded && intent.stale && was_reset(function) &&
         !is_unfinished(intent);
}

std::string detail_of(const Intent& intent, const std::string& name) {
  const auto found = intent.details.find(name);
  return found == intent.details.end() ? std::string{} : found->second;
}

void judge_intents(ControlledFunction& function, const std::string& lost) {
  const bool reset = was_reset(function);
  const bool runs = function.suspended() == false;
  for (auto& intent : function.intents) {
    if (intent.in_progress) continue;
    if (intent.kind == IntentKind::unbound) intent.stale = is_given_back(function, intent);
    if (is_custody(intent.kind)) intent.stale = reset || (runs && !has_left(intent.kind));
  }
  const bool unrecorded = function.custody() == nullptr;
  if (!lost.empty() && unrecorded && (function.untold() || function.suspended() == true)) {
    function.intents.push_back(supposed(function.cntlid, lost));
  }
}

}  // namespace nvmigrate
