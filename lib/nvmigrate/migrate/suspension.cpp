// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/migrate/suspension.h"

#include <utility>

#include "nvmigrate/base/error.h"
#include "nvmigrate/base/numbers.h"

namespace nvmigrate {
namespace {

/// When Suspend was about to be sent, on the clock of this boot, as the journal is.
constexpr const char* since_detail = "since_ns";

std::string text_of(Suspension::Clock::time_point when) {
  return std::to_string(std::chrono::nanoseconds(when.time_since_epoch()).count());
}

}  // namespace

Suspension::Suspension(MigrationSide& side, std::uint16_t cntlid, const FormatChoice& formats)
    : Suspension(side, cntlid, formats, side.backend.is_frozen(cntlid, formats)) {}

Suspension::Suspension(MigrationSide& side, std::uint16_t cntlid, const FormatChoice& formats,
                       bool was_frozen)
    : side_(&side), cntlid_(cntlid), formats_(formats), was_frozen_(was_frozen) {
  if (was_frozen) frozen_at_ = recorded_start().value_or(Clock::now());
}

std::optional<Suspension::Clock::time_point> Suspension::recorded_start() const {
  const auto intent = side_->journal.find(IntentKind::suspended, cntlid_);
  if (!intent) return std::nullopt;
  const auto since = intent->details.find(since_detail);
  const auto count = since == intent->details.end() ? std::nullopt : parse_number(since->second);
  if (!count) return std::nullopt;
  const Clock::time_point start{std::chrono::nanoseconds(*count)};
  return start <= Clock::now() ? std::optional(start) : std::nullopt;
}

void Suspension::name(std::map<std::string, std::string> details) {
  details.emplace(since_detail, text_of(frozen_at_.value_or(Clock::now())));
  side_->journal.record(IntentKind::suspended, cntlid_, std::move(details));
}

Suspension::~Suspension() { undo(); }

void Suspension::record(std::map<std::string, std::string> details) {
  if (was_frozen_) return;
  details_ = details;
  details.emplace(unfinished_detail, "the command that suspended it was at work");
  name(std::move(details));
  recorded_ = true;
}

void Suspension::settle() {
  const auto intent = side_->journal.find(IntentKind::suspended, cntlid_);
  if (!intent || intent->details.contains(unfinished_detail)) name(details_);
  recorded_ = false;
}

std::string Suspension::leave_named() noexcept {
  try {
    if (!side_->journal.find(IntentKind::suspended, cntlid_)) name(details_);
    return {};
  } catch (const std::exception& failure) {
    return not_up_to_date(failure);
  }
}

void Suspension::freeze() {
  if (was_frozen_) return;
  frozen_at_ = Clock::now();
  sent_ = true;
  side_->backend.freeze(cntlid_);
}

void Suspension::begin() {
  record();
  freeze();
}

void Suspension::wake() {
  side_->backend.resume(cntlid_);
  resumed_at_ = Clock::now();
  sent_ = false;
}

void Suspension::strike() {
  side_->journal.strike({IntentKind::suspended}, cntlid_);
  recorded_ = false;
}

void Suspension::resume() {
  wake();
  strike();
}

bool Suspension::runs_again() {
  try {
    side_->backend.resume(cntlid_);
    return true;
  } catch (const std::exception&) {
    return !side_->backend.is_frozen(cntlid_, formats_);
  }
}

std::string Suspension::take_back() {
  const auto name = side_->name_of(cntlid_);
  const auto remedy = side_->command_line("resume", cntlid_);
  try {
    if (sent_ && !runs_again()) return name + " is still suspended: run " + remedy;
  } catch (const std::exception& failure) {
    return name + " may still be suspended (" + failure.what() + "): run " + remedy;
  }
  try {
    strike();
    return {};
  } catch (const std::exception& failure) {
    return name + " runs, but the journal still calls it suspended (" + failure.what() + "): run " +
           remedy;
  }
}

std::string Suspension::undo() noexcept {
  try {
    if (!recorded_) return resumed_at_ ? side_->name_of(cntlid_) + " runs" : std::string{};
    auto left = take_back();
    recorded_ = false;
    return left;
  } catch (const std::exception&) {
    recorded_ = false;
    return {};
  }
}

std::chrono::nanoseconds Suspension::length() const {
  if (!frozen_at_) return std::chrono::nanoseconds{0};
  return resumed_at_.value_or(Clock::now()) - *frozen_at_;
}

}  // namespace nvmigrate
