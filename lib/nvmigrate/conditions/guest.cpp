// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/conditions/guest.h"

#include <algorithm>
#include <array>

#include "nvmigrate/session/custody.h"
#include "nvmigrate/store/journal.h"
#include "nvmigrate/store/registry.h"

namespace nvmigrate {
namespace {

using Action = Remedy::Action;

std::string_view work_of(IntentKind kind) {
  switch (kind) {
    case IntentKind::suspended:
      return "suspended";
    case IntentKind::exporting:
    case IntentKind::exported:
      return "exported";
    case IntentKind::away:
      return "moved";
    case IntentKind::loading:
    case IntentKind::loaded:
      return "loaded";
    case IntentKind::unbound:
      return "given to another driver";
    case IntentKind::provisioning:
      return "provisioned";
    case IntentKind::applying:
      return "configured";
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
      auto& fact = add("suspended_unrecorded");
      fact.remedies = {of(Action::resume), of(Action::suspend)};
      if (function_->foreign()) fact.remedies = {resume_allowing("foreign")};
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
  [[nodiscard]] Remedy resume_allowing(std::string code) const {
    auto remedy = of(Action::resume);
    remedy.allow = std::move(code);
    return remedy;
  }

  void consider(const Intent& intent) {
    Words words{{"by", recorded_by(intent)}, {"kind", std::string{to_string(intent.kind)}}};
    if (intent.in_progress) {
      words.emplace_back("subject", describe(*function_));
      words.emplace_back("work", std::string{work_of(intent.kind)});
      add("in_progress", std::move(words));
    } else if (intent.stale) {
      consider_end(intent, std::move(words));
    } else {
      consider_standing(intent, std::move(words));
    }
  }

  static bool ends_silently(IntentKind kind) {
    return kind == IntentKind::exported || kind == IntentKind::away || kind == IntentKind::unbound;
  }

  /// Records that a reset ended are not reported, unless the reset lost a loaded state.
  void consider_end(const Intent& intent, Words words) {
    if (ends_silently(intent.kind)) return;
    if (!is_lost_load(*function_, intent)) {
      add("stale_record", std::move(words));
      return;
    }
    auto& fact = add("load_lost", std::move(words));
    if (const auto file = detail_of(intent, "file"); file.starts_with('/')) {
      fact.remedies = {of(Action::import_state, file)};
    }
  }

  void consider_standing(const Intent& intent, Words words) {
    switch (intent.kind) {
      case IntentKind::suspended:
        add(is_unfinished(intent) ? "left_suspended" : "suspended", std::move(words));
        return;
      case IntentKind::exporting:
        add("left_suspended", std::move(words));
        return;
      case IntentKind::exported:
      case IntentKind::away:
        return consider_departure(intent, std::move(words));
      case IntentKind::loading:
        return consider_load(intent, std::move(words));
      case IntentKind::loaded:
        consider_loaded(intent, std::move(words));
        return;
      case IntentKind::unbound:
        add("unbound", std::move(words));
        return;
      case IntentKind::provisioning:
      case IntentKind::applying:
        return;
    }
  }

  void consider_departure(const Intent& intent, Words words) {
    words.emplace_back("to", destination_of(intent));
    if (function_->may_run_twice()) {
      add("two_copies", std::move(words)).remedies = {resume_allowing("two_copies")};
    } else if (intent.kind == IntentKind::away) {
      add("away", std::move(words));
    } else {
      add("exported", std::move(words)).remedies = {of(Action::release),
                                                    resume_allowing("exported")};
    }
  }

  void consider_loaded(const Intent& intent, Words words) {
    if (const auto source = detail_of(intent, in_doubt_detail); !source.empty()) {
      words.emplace_back("source", source);
      add("in_doubt", std::move(words));
    } else {
      add(is_unfinished(intent) ? "left_loaded" : "loaded", std::move(words));
    }
  }

  void consider_load(const Intent& intent, Words words) {
    auto end = end_of_load(session_->device(), *function_);
    words.emplace_back("end", std::move(end.advice));
    auto& fact = add("loading", std::move(words));
    if (const auto file = detail_of(intent, "file"); file.starts_with('/')) {
      fact.remedies.push_back(of(Action::import_state, file));
    }
    if (end.remedy) fact.remedies.push_back(std::move(*end.remedy));
  }

  const Session* session_;
  const ControlledFunction* function_;
  std::vector<Fact> facts_;
};

}  // namespace

std::string recorded_by(const Intent& intent) {
  if (const auto remains = detail_of(intent, lost_detail); !remains.empty()) {
    return " (the records were lost: " + remains + ")";
  }
  const auto by = " (" + intent.command + ", pid " + std::to_string(intent.pid);
  return intent.in_progress ? by + ")" : by + ", " + intent.time + ")";
}

std::string destination_of(const Intent& intent) {
  const auto destination = detail_of(intent, "destination");
  return destination.empty() ? std::string{} : " to " + destination;
}

std::string backend_to_name(Session& session, std::uint16_t cntlid) {
  if (!session.registry().backend_of(cntlid).empty()) return {};
  const auto first = [&](bool only_by_name) {
    const auto& asked = session.asked_backends();
    const auto found = std::find_if(asked.begin(), asked.end(), [&](const Serving& one) {
      return one.row->only_by_name == only_by_name && one.query.has_value();
    });
    return found == asked.end() ? nullptr : &*found;
  };
  const auto* used = session.serving(cntlid);
  if (used == nullptr) used = first(true);
  return used == nullptr || used == first(false) ? std::string{} : std::string{used->row->name};
}

void name_backend(Session& session, std::uint16_t cntlid, std::vector<Remedy>& remedies) {
  constexpr std::array need_it{Action::resume, Action::suspend, Action::import_state,
                               Action::repair, Action::mark};
  for (auto& remedy : remedies) {
    const bool needs = std::find(need_it.begin(), need_it.end(), remedy.action) != need_it.end();
    const bool names = remedy.action == Action::mark && !remedy.object.empty();
    if (needs && !names && remedy.device == session.device()) {
      remedy.backend = backend_to_name(session, cntlid);
    }
  }
}

EndOfLoad end_of_load(const std::string& device, const ControlledFunction& function) {
  Remedy remedy{.action = Action::unbind, .device = device, .function = function.cntlid};
  if (!function.untold()) {
    remedy.action = Action::reset;
    if (function.pci) remedy.object = function.pci->address;
    return {"reset it", function.pci ? std::optional(remedy) : std::nullopt};
  }
  if (!function.kernel_name) return {"unbind it once its VM has ended", remedy};
  remedy.action = Action::resume;
  remedy.allow = "loading";
  return {"resume it without one", remedy};
}

Finding end_of_guest(Session& session, const ControlledFunction& function) {
  if (const auto& trouble = session.journal().trouble()) {
    return told({.code = trouble->code,
                 .device = session.device(),
                 .words = {{"reason", trouble->message}}});
  }
  const auto facts = guest_facts(session, function);
  return facts.empty() ? Finding{} : told(facts.front());
}

std::vector<Fact> guest_facts(const Session& session, const ControlledFunction& function) {
  return GuestAccount(session, function).make();
}

}  // namespace nvmigrate
