// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/store/journal.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <stdexcept>
#include <utility>

#include "nvmigrate/base/time.h"
#include "nvmigrate/store/document_json.h"
#include "nvmigrate/store/lock.h"

namespace nvmigrate {
namespace {

using store::Json;

constexpr store::DocumentKind kind_of_document{
    "nvmigrate.journal/1", "journal", ".journal.json",
    "find out which functions are suspended and which have no driver"};

constexpr std::array<std::pair<IntentKind, std::string_view>, 5> kind_names{{
    {IntentKind::suspended, "suspended"},
    {IntentKind::loading, "loading"},
    {IntentKind::moved, "moved"},
    {IntentKind::unbound, "unbound"},
    {IntentKind::provisioning, "provisioning"},
}};

IntentKind kind_of(const Json& json) {
  const auto name = json.get<std::string>();
  if (const auto kind = intent_kind_of(name)) return *kind;
  throw std::invalid_argument("'" + name + "' is not a kind of intent");
}

Intent intent_of(const Json& json) {
  Intent intent;
  intent.kind = kind_of(json.at("kind"));
  intent.cntlid = store::controller_of(json.at("controller"));
  intent.command = json.at("command").get<std::string>();
  intent.pid = json.at("pid").get<pid_t>();
  intent.time = json.at("time").get<std::string>();
  intent.details = json.at("details").get<std::map<std::string, std::string>>();
  return intent;
}

Json to_json(const Intent& intent) {
  return {{"kind", to_string(intent.kind)},
          {"controller", intent.cntlid},
          {"command", intent.command},
          {"pid", intent.pid},
          {"time", intent.time},
          {"details", intent.details}};
}

std::vector<Intent> without(std::vector<Intent> intents, const std::vector<IntentKind>& kinds,
                            std::uint16_t cntlid) {
  std::erase_if(intents, [&](const Intent& intent) {
    return intent.cntlid == cntlid &&
           std::find(kinds.begin(), kinds.end(), intent.kind) != kinds.end();
  });
  return intents;
}

std::vector<Intent> with(std::vector<Intent> intents, Intent intent) {
  intents = without(std::move(intents), {intent.kind}, intent.cntlid);
  intents.push_back(std::move(intent));
  return intents;
}

void mark_those_in_progress(Io& io, const Folders& folders, const std::string& key,
                            std::vector<Intent>& intents) {
  std::map<pid_t, bool> known;
  for (auto& intent : intents) {
    const auto [entry, fresh] = known.try_emplace(intent.pid, false);
    if (fresh) entry->second = holds_lock(io, folders, key, intent.pid);
    intent.in_progress = entry->second;
  }
}

}  // namespace

std::string_view to_string(IntentKind kind) noexcept {
  for (const auto& [each, name] : kind_names) {
    if (each == kind) return name;
  }
  return "unknown";
}

std::optional<IntentKind> intent_kind_of(std::string_view name) noexcept {
  for (const auto& [kind, each] : kind_names) {
    if (each == name) return kind;
  }
  return std::nullopt;
}

Journal::Journal(Io& io, const Folders& folders, const SubsystemKey& key, std::string command)
    : document_(std::make_unique<store::SubsystemDocument>(io, folders.run, key, kind_of_document)),
      command_(std::move(command)) {
  const auto json = document_->read();
  if (!json) return;
  try {
    for (const auto& intent : json->at("intents"))
      intents_.push_back(intent_of(intent));
  } catch (const std::exception& error) {
    throw document_->damaged(error.what());
  }
  mark_those_in_progress(io, folders, key.text(), intents_);
}

Journal::~Journal() = default;

std::vector<Intent> Journal::intents() const {
  const std::lock_guard only(mutex_);
  return intents_;
}

std::optional<Intent> Journal::find(IntentKind kind, std::uint16_t cntlid) const {
  const std::lock_guard only(mutex_);
  const auto found = std::find_if(intents_.begin(), intents_.end(), [&](const Intent& intent) {
    return intent.kind == kind && intent.cntlid == cntlid;
  });
  return found == intents_.end() ? std::nullopt : std::optional(*found);
}

Intent Journal::make(IntentKind kind, std::uint16_t cntlid,
                     std::map<std::string, std::string> details) const {
  return {kind, cntlid, command_, ::getpid(), utc_now(), std::move(details), true};
}

std::string Journal::text_of(const std::vector<Intent>& intents) const {
  if (intents.empty()) return {};
  auto json = document_->begin();
  json["intents"] = Json::array();
  for (const auto& intent : intents)
    json["intents"].push_back(to_json(intent));
  return store::dump(json);
}

void Journal::replace(std::vector<Intent> intents) {
  document_->replace(text_of(intents));
  intents_ = std::move(intents);
  ++revision_;
}

void Journal::record(IntentKind kind, std::uint16_t cntlid,
                     std::map<std::string, std::string> details) {
  const std::lock_guard only(mutex_);
  replace(with(intents_, make(kind, cntlid, std::move(details))));
}

void Journal::strike(const std::vector<IntentKind>& kinds, std::uint16_t cntlid) {
  const std::lock_guard only(mutex_);
  auto left = without(intents_, kinds, cntlid);
  if (left.size() != intents_.size()) replace(std::move(left));
}

std::string Journal::try_to_strike(const std::vector<IntentKind>& kinds,
                                   std::uint16_t cntlid) noexcept {
  try {
    strike(kinds, cntlid);
    return {};
  } catch (const std::exception& failure) {
    return std::string{"the journal is not up to date: "} + failure.what();
  }
}

bool Journal::try_to_rewrite() noexcept {
  try {
    const std::lock_guard only(mutex_);
    document_->replace(text_of(intents_));
    return true;
  } catch (const std::exception&) {
    return false;
  }
}

void Journal::forget(const std::vector<std::uint16_t>& cntlids) {
  const std::lock_guard only(mutex_);
  auto left = intents_;
  std::erase_if(left, [&](const Intent& intent) {
    return std::find(cntlids.begin(), cntlids.end(), intent.cntlid) != cntlids.end();
  });
  if (left.size() != intents_.size()) replace(std::move(left));
}

Journal::Prepared Journal::prepare(std::uint16_t cntlid, const std::vector<IntentKind>& strike,
                                   IntentKind record, std::map<std::string, std::string> details) {
  const std::lock_guard only(mutex_);
  auto after = without(intents_, strike, cntlid);
  return {*this, with(std::move(after), make(record, cntlid, std::move(details)))};
}

Journal::Prepared::Prepared(Journal& journal, std::vector<Intent> intents)
    : journal_(&journal),
      intents_(std::move(intents)),
      text_(journal.text_of(intents_)),
      file_(journal.document_->prepare(text_)),
      revision_(journal.revision_) {}

void Journal::Prepared::commit() {
  const std::lock_guard only(journal_->mutex_);
  if (!file_ || revision_ != journal_->revision_) {
    throw Error(ExitStatus::internal, "the journal was changed since this change was prepared");
  }
  const auto file = std::exchange(file_, nullptr);
  journal_->document_->publish(*file, text_);
  journal_->intents_ = std::move(intents_);
  ++journal_->revision_;
}

}  // namespace nvmigrate
