// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/conditions/guest.h"

#include "nvmigrate/session/custody.h"

namespace nvmigrate {
namespace {

using Action = Remedy::Action;

std::string_view work_of(IntentKind kind) {
  switch (kind) {
    case IntentKind::suspended:
      return "suspended";
    case IntentKind::loading:
      return "loaded";
    case IntentKind::moved:
      return "moved";
    case IntentKind::unbound:
      return "given to another driver";
    case IntentKind::provisioning:
      return "provisioned";
  }
  return {};
}

/// What records and device say of one function.
class GuestAccount {
 public:
  GuestAccount(const Session& session, const ControlledFunction& function)
      : session_(&session), function_(&function) {}

  std::vector<Fact> make() {
    for (const auto& intent : function_->intents)
      consider(intent);
    if (function_->suspended_without_record()) {
      add("suspended_unrecorded").remedies = {of(Action::resume), of(Action::suspend)};
    }
    if (!function_->not_told.empty()) {
      add("suspension_unknown", {{"reason", function_->not_told}});
    }
    return std::move(facts_);
  }

 private:
  Fact& add(std::string_view code, Words words = {}) {
    return facts_.emplace_back(fact_of(code, session_->device(), *function_, std::move(words)));
  }

  [[nodiscard]] Remedy of(Action action, std::string object = {}) const {
    return {.action = action,
            .device = session_->device(),
            .function = function_->cntlid,
            .object = std::move(object)};
  }

  void consider(const Intent& intent) {
    Words words{{"by", recorded_by(intent)}, {"kind", std::string{to_string(intent.kind)}}};
    if (intent.in_progress) {
      words.emplace_back("subject", describe(*function_));
      words.emplace_back("work", std::string{work_of(intent.kind)});
      add("in_progress", std::move(words));
    } else if (intent.stale) {
      add("stale_record", std::move(words));
    } else {
      consider_standing(intent, std::move(words));
    }
  }

  void consider_standing(const Intent& intent, Words words) {
    switch (intent.kind) {
      case IntentKind::suspended:
        if (is_explained_otherwise()) return;
        add(is_unfinished(intent) ? "left_suspended" : "suspended", std::move(words));
        return;
      case IntentKind::loading:
        return consider_load(intent, std::move(words));
      case IntentKind::moved:
        if (is_loaded()) return;
        words.emplace_back("destination", destination_of(intent));
        add("moved", std::move(words));
        return;
      case IntentKind::unbound:
        add("unbound", std::move(words));
        return;
      case IntentKind::provisioning:
        return;
    }
  }

  void consider_load(const Intent& intent, Words words) {
    if (intent.committed) {
      add("loaded", std::move(words));
      return;
    }
    auto& fact = add("loading", std::move(words));
    if (const auto file = detail_of(intent, "file"); !file.empty() && file.front() == '/') {
      fact.remedies.push_back(of(Action::import_state, file));
    }
    if (function_->pci) fact.remedies.push_back(of(Action::reset, function_->pci->address));
  }

  [[nodiscard]] bool is_loaded() const {
    const auto* loading = function_->intent(IntentKind::loading);
    return loading != nullptr && loading->committed;
  }
  [[nodiscard]] bool is_explained_otherwise() const {
    return function_->has(IntentKind::loading) || function_->has(IntentKind::moved);
  }
  static std::string destination_of(const Intent& intent) {
    const auto destination = detail_of(intent, "destination");
    return destination.empty() ? "another function" : destination;
  }

  const Session* session_;
  const ControlledFunction* function_;
  std::vector<Fact> facts_;
};

}  // namespace

std::string recorded_by(const Intent& intent) {
  const auto by = " (" + intent.command + ", pid " + std::to_string(intent.pid);
  return intent.in_progress ? by + ")" : by + ", " + intent.time + ")";
}

std::vector<Fact> guest_facts(const Session& session, const ControlledFunction& function) {
  return GuestAccount(session, function).make();
}

}  // namespace nvmigrate
