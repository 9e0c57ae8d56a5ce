// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/host/binding_changes.h"

#include <set>
#include <utility>

#include "nvmigrate/base/interrupt.h"
#include "nvmigrate/base/parallel.h"
#include "nvmigrate/base/time.h"
#include "nvmigrate/conditions/judge.h"
#include "nvmigrate/host/driver_change.h"
#include "nvmigrate/host/shared_node.h"
#include "nvmigrate/ports/pci_bus.h"
#include "nvmigrate/store/journal.h"
#include "nvmigrate/store/registry.h"

namespace nvmigrate {
namespace {

/// The change of one function, and what is to be written when all have ended.
struct Pending {
  const ControlledFunction* function = nullptr;
  BindingChange* change = nullptr;
  OriginalDriver original{};
  bool recorded = false;           ///< its intent, by this run
  std::optional<Binding> bound{};  ///< to be remembered
  bool forget = false;             ///< its binding
  bool strike = false;             ///< its intent
  bool strike_custody = false;
  Findings findings{};
};

std::string name_of(const OriginalDriver& original) {
  return original.driver ? "driver " + *original.driver : "no driver";
}

/// What one function needs, of any thread: only the bus and the function's own Pending change.
class OneChange {
 public:
  OneChange(PciBus& bus, const std::string& device, Pending& pending)
      : bus_(&bus), device_(&device), pending_(&pending), change_(pending.change) {}

  void bind(const BindRequest& request) {
    if (change_->changed) {
      take(request);
    } else {
      change_->nodes = function().vfio;
      give_nodes(request);
    }
    // Somebody else gave it to vfio, or a bind that ended before its record was written.
    if (change_->changed || !function().binding) pending_->bound = binding();
    pending_->strike = true;
  }

  void unbind(const UnbindRequest& request) {
    if (!change_->changed) {
      pending_->strike_custody = is_left_alone() && reset_it();
      return;
    }
    if (!change_->gone) release(request);
    end_records();
    if (is_vfio_driver(change_->to)) return;
    // Its own driver resets it. Without a driver the device decides, if it can be asked.
    const bool tells = function().suspended().has_value();
    pending_->strike_custody = change_->to || change_->gone || (!tells && reset_it());
  }

  void skip() {
    change_->skipped = true;
    change_->changed = false;
    pending_->strike = !function().has(IntentKind::unbound);
  }

  void fail(const Error& error) {
    change_->failure = change_->failure ? not_put_back(*change_->failure, error) : error;
    change_->to = driver_if_known();
    change_->changed = change_->to != change_->from;
  }

  /// \return the error to throw, which says whether the function is back where it was
  Error put_back(const Error& error, std::chrono::milliseconds timeout) {
    const InterruptsDeferred until_done;
    change_->nodes = {};
    pending_->bound.reset();
    try {
      const bool gone = is_gone();
      if (!gone) give_back(*bus_, change_->address, original(), timeout);
      end_records();
      return {error.status(),
              error.what() +
                  (gone ? "; its record was dropped" : "; it is back at " + name_of(original())),
              error.advice(), error.remedies()};
    } catch (const Error& second) {
      return not_put_back(error, second);
    }
  }

  /// udev sets owners of its own when a node appears, and may come last.
  void check_owners(const Owner& asked) {
    for (const auto& node : {change_->nodes.group, change_->nodes.device}) {
      if (node) check_owner(*node, asked);
    }
  }

 private:
  [[nodiscard]] const ControlledFunction& function() const { return *pending_->function; }
  [[nodiscard]] const OriginalDriver& original() const { return pending_->original; }

  /// No process has it open, and it holds nothing worth keeping: its guest is elsewhere, or it has
  /// only part of a state. The device cannot be asked.
  [[nodiscard]] bool is_left_alone() const {
    const bool unused = function().has(IntentKind::away) || function().has(IntentKind::loading);
    const bool taken = function().kernel_name || function().on_vfio() || !function().unread.empty();
    return function().untold() && unused && !taken;
  }

  /// So that nothing is left of a guest, and the record can go, before somebody opens it and resets
  /// it. \return false when it could not be reset
  [[nodiscard]] bool reset_it() {
    if (function().custody() == nullptr) return false;
    try {
      bus_->reset(change_->address);
      return true;
    } catch (const Error&) {
      return false;
    }
  }

  void end_records() { pending_->forget = pending_->strike = true; }

  [[nodiscard]] Binding binding() const {
    Binding made{change_->cntlid,   change_->address,       *change_->to,
                 original().driver, original().override_to, utc_now()};
    // Bound again as it was before the host restarted.
    const auto& before = function().binding;
    const bool again = before && before->address == made.address && before->driver == made.driver;
    if (again) made.time = before->time;
    return made;
  }

  std::optional<std::string> driver_if_known() {
    try {
      const auto found = bus_->find(change_->address);
      return found ? found->driver : std::nullopt;
    } catch (const Error&) {
      return change_->from;
    }
  }

  bool is_gone() { return !bus_->find(change_->address); }

  void take(const BindRequest& request) {
    try {
      change_->nodes = give_to_vfio(*bus_, change_->address, *change_->to, request.timeout);
      give_nodes(request);
    } catch (const Error& error) {
      throw put_back(error, request.timeout);
    }
  }

  void give_nodes(const BindRequest& request) {
    if (!request.owner) return;
    for (const auto& node : {change_->nodes.group, change_->nodes.device}) {
      if (node) bus_->set_owner(*node, request.owner->user, request.owner->group);
    }
  }

  void check_owner(const std::string& node, const Owner& asked) {
    Fact fact{.code = "node_owner", .device = *device_, .cntlid = change_->cntlid};
    try {
      const auto is = bus_->owner(node);
      if (is == asked) return;
      fact.words = {{"node", node}, {"is", in_numbers(is)}, {"asked", in_numbers(asked)}};
    } catch (const Error& error) {
      fact.code = "node_lost";
      fact.words = {{"reason", error.what()}};
    }
    pending_->findings.push_back(judged(fact, Verb::bind));
  }

  [[nodiscard]] Error not_put_back(const Error& error, const Error& second) const {
    return still_taken(error, std::string{"; putting it back failed: "} + second.what());
  }

  /// The journal keeps its original driver, so that unbinding it can be tried again.
  [[nodiscard]] Error still_taken(const Error& error, const std::string& more) const {
    return {error.status(),
            error.what() + more,
            "unbinding it gives it back to its own driver",
            {{.action = Remedy::Action::unbind, .device = *device_, .function = change_->cntlid}}};
  }

  /// Back to what was recorded, no driver included; of what is not recorded, to any driver.
  void release(const UnbindRequest& request) {
    try {
      if (is_recorded(function())) {
        give_back(*bus_, change_->address, original(), request.timeout);
      } else {
        give_to_any(*bus_, change_->address);
      }
      change_->to = driver_now(*bus_, change_->address);
    } catch (const Error& error) {
      change_->gone = is_gone();
      if (!change_->gone) throw still_taken(error, "; its original driver stays on record");
      change_->to.reset();
    }
    if (is_vfio_driver(change_->to)) stay(request);
  }

  /// A driver of vfio has it again. That is well where it had it before it was bound.
  void stay(const UnbindRequest& request) {
    auto found = judged(fact_of("still_on_vfio", *device_, function(),
                                {{"driver", *change_->to}, {"cause", cause_of_staying()}}),
                        Verb::unbind);
    if (is_recorded(function()) && change_->to == original().driver) {
      pending_->findings.push_back(std::move(found));
      return;
    }
    if (!is_recorded(function())) {
      give_back(*bus_, change_->address, original(), request.timeout);
      pending_->strike = true;
    }
    throw Error(found.status, found.message, found.advice).with_code(found.code);
  }

  std::string cause_of_staying() {
    const auto found = bus_->find(change_->address);
    if (found && found->override_to == change_->to) return "its driver_override names it";
    return "that driver claims its vendor and device ID (ids= or new_id)";
  }

  PciBus* bus_;
  const std::string* device_;
  Pending* pending_;
  BindingChange* change_;
};

class AllChanges {
 public:
  AllChanges(Session& session, BindingResult& plan, std::chrono::milliseconds timeout)
      : session_(&session), plan_(&plan), timeout_(timeout) {
    for (auto& change : plan.functions) {
      const auto& function = session.function(change.cntlid);
      all_.push_back({&function, &change, original_driver_of(function)});
    }
  }

  template <typename Act>
  void carry_out(const Together& together, Act act) {
    if (!interrupted()) record_intents();
    run_parallel(
        all_.size(), together.most, [&](std::size_t number) { attempt(all_[number], act); },
        together.start);
    write_registry();
    strike_intents();
  }

  void check_owners(const Owner& asked) {
    for (auto& pending : all_) {
      if (!pending.change->skipped && !pending.change->failure) of(pending).check_owners(asked);
    }
  }

  /// Told once, for all functions.
  void check_shared_nodes(const Owner& user) {
    std::set<std::string> told;
    for (auto& pending : all_) {
      if (pending.change->skipped || pending.change->failure) continue;
      const auto fact = fact_of_shared_node(session_->device(), pending.change->nodes, user);
      if (!fact) continue;
      auto found = judged(*fact, Verb::bind);
      if (told.insert(found.message).second) pending.findings.push_back(std::move(found));
    }
  }

  /// Those of one function after those of another, as they were asked for.
  void finish() {
    for (auto& pending : all_) {
      for (auto& finding : pending.findings)
        plan_->findings.push_back(std::move(finding));
    }
    session_->refresh();
  }

 private:
  OneChange of(Pending& pending) { return {session_->pci(), session_->device(), pending}; }

  void record_intents() {
    JournalChange intents;
    for (auto& pending : all_) {
      pending.recorded = pending.change->changed && !pending.change->gone;
      if (!pending.recorded) continue;
      intents.record(session_->journal(), IntentKind::unbound, pending.change->cntlid,
                     details_of(pending.change->address, pending.original));
    }
    try {
      intents.write();
    } catch (const Error& error) {
      for (auto& pending : all_) {
        if (std::exchange(pending.recorded, false)) of(pending).fail(error);
      }
    }
  }

  template <typename Act>
  void attempt(Pending& pending, Act& act) {
    auto one = of(pending);
    if (pending.change->failure) return;
    if (interrupted()) return one.skip();
    try {
      act(one);
    } catch (const Error& error) {
      one.fail(error);
    }
  }

  void write_registry() {
    try {
      change_bindings();
    } catch (const Error& error) {
      not_remembered(error);
      forget_again();
    }
  }

  void change_bindings() {
    std::vector<Binding> bound;
    std::vector<std::uint16_t> forgotten;
    for (const auto& pending : all_) {
      if (pending.bound) bound.push_back(*pending.bound);
      if (pending.forget) forgotten.push_back(pending.change->cntlid);
    }
    session_->registry().change_bindings(bound, forgotten);
  }

  /// A function that was bound and is not remembered goes back; one that was given back, and is
  /// still remembered, can be unbound again.
  void not_remembered(const Error& error) {
    for (auto& pending : all_) {
      if (pending.bound && pending.change->changed) {
        of(pending).fail(of(pending).put_back(error, timeout_));
      } else if (pending.bound || (pending.forget && pending.function->binding)) {
        pending.bound.reset();
        pending.forget = pending.strike = pending.strike_custody = false;
        of(pending).fail(error);
      }
    }
  }

  void forget_again() {
    try {
      change_bindings();
    } catch (const Error& error) {
      for (auto& pending : all_) {
        if (std::exchange(pending.forget, false)) of(pending).fail(error);
      }
    }
  }

  void strike_intents() {
    JournalChange change;
    auto& journal = session_->journal();
    std::vector<Pending*> struck;
    for (auto& pending : all_) {
      const auto id = pending.change->cntlid;
      const bool has = pending.recorded || pending.function->has(IntentKind::unbound);
      const bool intent = pending.strike && has;
      const bool custody = pending.strike_custody && journal.custody(id);
      if (intent) change.strike(journal, IntentKind::unbound, id);
      if (custody) change.strike_custody(journal, id);
      if (intent || custody) struck.push_back(&pending);
    }
    try {
      change.write();
    } catch (const Error& error) {
      for (auto* pending : struck)
        of(*pending).fail(error);
    }
  }

  Session* session_;
  BindingResult* plan_;
  std::chrono::milliseconds timeout_;
  std::vector<Pending> all_;
};

}  // namespace

bool is_recorded(const ControlledFunction& function) {
  return function.binding || function.has(IntentKind::unbound);
}

void carry_out(Session& session, BindingResult& plan, const BindRequest& request) {
  AllChanges changes(session, plan, request.timeout);
  changes.carry_out(request.together, [&](OneChange& one) { one.bind(request); });
  if (request.owner) changes.check_owners(*request.owner);
  changes.check_shared_nodes(request.owner.value_or(Owner{}));
  changes.finish();
}

void carry_out(Session& session, BindingResult& plan, const UnbindRequest& request) {
  AllChanges changes(session, plan, request.timeout);
  changes.carry_out(request.together, [&](OneChange& one) { one.unbind(request); });
  changes.finish();
}

}  // namespace nvmigrate
