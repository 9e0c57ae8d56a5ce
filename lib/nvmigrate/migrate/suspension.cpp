// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/migrate/suspension.h"

#include <utility>

#include "nvmigrate/base/numbers.h"
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
      remedy_{.action = Remedy::Action::resume, .device = session.device(), .function = cntlid},
      was_suspended_(was_suspended) {
  if (was_suspended) suspended_at_ = recorded_start().value_or(Clock::now());
}

std::optional<Suspension::Clock::time_point> Suspension::recorded_start() const {
  const auto intent = session_->journal().find(IntentKind::suspended, cntlid_);
  const auto count = intent ? parse_number(detail_of(*intent, since_detail)) : std::nullopt;
  if (!count) return std::nullopt;
  const Clock::time_point start{std::chrono::nanoseconds(*count)};
  return start <= Clock::now() ? std::optional(start) : std::nullopt;
}

void Suspension::write(std::map<std::string, std::string> details) {
  details.emplace(since_detail, text_of(suspended_at_.value_or(Clock::now())));
  session_->journal().record(IntentKind::suspended, cntlid_, std::move(details));
}

Suspension::~Suspension() { undo(); }

void Suspension::record(std::map<std::string, std::string> details) {
  if (was_suspended_) return;
  details_ = details;
  details.emplace(unfinished_detail, "the command that suspended it was not done");
  write(std::move(details));
  recorded_ = true;
}

void Suspension::settle() {
  const auto intent = session_->journal().find(IntentKind::suspended, cntlid_);
  if (!intent || is_unfinished(*intent)) write(details_);
  recorded_ = false;
}

std::string Suspension::record_at_last() noexcept {
  try {
    if (!session_->journal().find(IntentKind::suspended, cntlid_)) write(details_);
    return {};
  } catch (const std::exception& failure) {
    return std::string{"the journal is not up to date: "} + failure.what();
  }
}

void Suspension::suspend() {
  if (was_suspended_) return;
  suspended_at_ = Clock::now();
  sent_ = true;
  session_->backend().suspend(cntlid_);
}

void Suspension::begin() {
  record();
  suspend();
}

void Suspension::wake() {
  session_->backend().resume(cntlid_);
  resumed_at_ = Clock::now();
  sent_ = false;
}

void Suspension::strike() {
  session_->journal().strike({IntentKind::suspended}, cntlid_);
  recorded_ = false;
}

void Suspension::resume() {
  wake();
  strike();
}

bool Suspension::runs_again() {
  auto& backend = session_->backend();
  try {
    backend.resume(cntlid_);
    return true;
  } catch (const std::exception&) {
    return !backend.is_suspended(cntlid_, whole_state(session_->query().formats));
  }
}

Leftover Suspension::take_back() {
  try {
    if (sent_ && !runs_again()) return {name_ + " is still suspended; resume it", {remedy_}};
  } catch (const std::exception& failure) {
    return {name_ + " may still be suspended (" + failure.what() + "); resume it", {remedy_}};
  }
  try {
    strike();
    return {};
  } catch (const std::exception& failure) {
    return {name_ + " runs, but the journal still calls it suspended (" + failure.what() +
                "); resume it again to update the journal",
            {remedy_}};
  }
}

Leftover Suspension::undo() noexcept {
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

std::chrono::nanoseconds Suspension::length() const {
  if (!suspended_at_) return std::chrono::nanoseconds{0};
  return resumed_at_.value_or(Clock::now()) - *suspended_at_;
}

}  // namespace nvmigrate
