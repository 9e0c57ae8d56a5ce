// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/migrate/suspension.h"

#include <utility>

#include "nvmigrate/base/numbers.h"
#include "nvmigrate/conditions/guest.h"
#include "nvmigrate/migrate/function.h"
#include "nvmigrate/session/backend.h"
#include "nvmigrate/session/custody.h"

namespace nvmigrate {
namespace {

/// When Suspend was about to be sent, on the clock of this boot, as the journal is.
constexpr const char* since_detail = "since_ns";

std::string text_of(Suspension::Clock::time_point when) {
  return std::to_string(std::chrono::nanoseconds(when.time_since_epoch()).count());
}

}  // namespace

Leftover& Leftover::operator+=(const std::string& sentence) {
  if (!advice.empty() && !sentence.empty()) advice += "; ";
  advice += sentence;
  return *this;
}

Leftover& Leftover::operator+=(Remedy remedy) {
  remedies.push_back(std::move(remedy));
  return *this;
}

Leftover& Leftover::operator+=(Leftover other) {
  *this += other.advice;
  for (auto& remedy : other.remedies)
    *this += std::move(remedy);
  return *this;
}

void Leftover::add_to(Error& error) const {
  error.add_advice(advice);
  for (const auto& remedy : remedies)
    error.add_remedy(remedy);
}

Suspension::Suspension(Session& session, std::uint16_t cntlid, bool was_suspended)
    : session_(&session),
      cntlid_(cntlid),
      name_(describe(session.function(cntlid))),
      remedy_{.action = Remedy::Action::resume,
              .device = session.device(),
              .function = cntlid,
              .backend = backend_to_name(session, cntlid)},
      was_suspended_(was_suspended),
      untold_(session.function(cntlid).untold()),
      before_(session.journal().custody(cntlid)) {
  // What is assumed because the records were lost is restored like a record.
  if (const auto* guest = session.function(cntlid).custody(); guest != nullptr && !before_) {
    before_ = *guest;
  }
  if (was_suspended) suspended_at_ = recorded_start().value_or(Clock::now());
}

Suspension::~Suspension() { undo(); }

std::optional<Suspension::Clock::time_point> Suspension::recorded_start() const {
  const auto count = before_ ? parse_number(detail_of(*before_, since_detail)) : std::nullopt;
  if (!count) return std::nullopt;
  const Clock::time_point start{std::chrono::nanoseconds(*count)};
  return start <= Clock::now() ? std::optional(start) : std::nullopt;
}

void Suspension::add_record(JournalChange& change, IntentKind kind, IntentDetails details) {
  details.emplace(since_detail, text_of(suspended_at_.value_or(Clock::now())));
  change.record(session_->journal(), kind, cntlid_, std::move(details));
  recorded_ = true;
}

void Suspension::record(IntentKind kind, IntentDetails details) {
  JournalChange change;
  add_record(change, kind, std::move(details));
  change.write();
}

void Suspension::suspend() {
  if (was_suspended_ && !untold_) return;
  if (!was_suspended_) {
    suspended_at_ = Clock::now();
    sent_ = was_sent_ = true;
  }
  session_->backend(cntlid_).suspend(cntlid_);
}

void Suspension::wake() {
  session_->backend(cntlid_).resume(cntlid_);
  resumed_at_ = Clock::now();
  sent_ = false;
}

void Suspension::strike() {
  session_->journal().strike_custody(cntlid_);
  recorded_ = false;
}

void Suspension::resume() {
  wake();
  strike();
}

bool Suspension::runs_again() {
  auto& backend = session_->backend(cntlid_);
  try {
    backend.resume(cntlid_);
    return true;
  } catch (const std::exception&) {
    return !backend.is_suspended(cntlid_, whole_state(session_->query(cntlid_).formats));
  }
}

void Suspension::restore_record() {
  auto& journal = session_->journal();
  JournalChange change;
  // A state that was not handed over needs no line in the ledger.
  const auto guest = journal.custody(cntlid_);
  if (guest && guest->kind == IntentKind::suspended) note_resumed(change, *session_, *guest);
  if (before_ && was_suspended_ && !resumed_at_) {
    change.put_back(journal, *before_);
  } else {
    change.strike_custody(journal, cntlid_);
  }
  change.write();
}

Leftover Suspension::take_back() {
  try {
    if (sent_ && !runs_again()) return {name_ + " is still suspended; resume it", {remedy_}};
  } catch (const std::exception& failure) {
    return {name_ + " may still be suspended (" + failure.what() + "); resume it", {remedy_}};
  }
  const bool runs = was_sent_ || resumed_at_;
  try {
    restore_record();
    return {runs ? name_ + " runs again" : std::string{}, {}};
  } catch (const std::exception& failure) {
    if (!runs) return {"the journal is not up to date: " + std::string{failure.what()}, {}};
    return {name_ + " runs, but the journal still calls it suspended (" + failure.what() +
                "); resume it again to update the journal",
            {remedy_}};
  }
}

Leftover Suspension::undo() noexcept {
  const InterruptsDeferred until_done;
  try {
    if (!recorded_) return resumed_at_ ? Leftover{name_ + " runs", {}} : Leftover{};
    auto left = take_back();
    recorded_ = false;
    return left;
  } catch (const std::exception&) {
    recorded_ = false;
    return {};
  }
}

Leftover leave_half_loaded(Suspension& suspension, Session& session, std::uint16_t cntlid) {
  suspension.keep();
  auto end = end_of_load(session.device(), session.ask(cntlid));
  Leftover left{suspension.name() +
                    " stays suspended without a usable state; load a complete state, or " +
                    end.advice,
                {}};
  if (end.remedy) left += std::move(*end.remedy);
  return left;
}

std::chrono::nanoseconds Suspension::length() const {
  if (!suspended_at_) return std::chrono::nanoseconds{0};
  return resumed_at_.value_or(Clock::now()) - *suspended_at_;
}

}  // namespace nvmigrate
