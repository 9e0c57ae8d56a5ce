// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/store/journal.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <set>
#include <stdexcept>
#include <utility>

#include "nvmigrate/base/time.h"
#include "nvmigrate/store/document_json.h"
#include "nvmigrate/store/former_journal.h"
#include "nvmigrate/store/journal_file.h"
#include "nvmigrate/store/ledger.h"
#include "nvmigrate/store/lock.h"

namespace nvmigrate {
namespace {

using store::is_of;
using store::Json;
using Intents = std::vector<Intent>;

constexpr std::array<std::pair<IntentKind, std::string_view>, 9> kind_names{{
    {IntentKind::suspended, "suspended"},
    {IntentKind::exporting, "exporting"},
    {IntentKind::exported, "exported"},
    {IntentKind::away, "away"},
    {IntentKind::loading, "loading"},
    {IntentKind::loaded, "loaded"},
    {IntentKind::unbound, "unbound"},
    {IntentKind::provisioning, "provisioning"},
    {IntentKind::applying, "applying"},
}};

Intents intents_in(const Json& entry) {
  static_cast<void>(is_of(entry, {}));
  Intents intents;
  for (const auto& intent : entry.at("intents"))
    intents.push_back(store::intent_of(intent));
  return intents;
}

bool is_written_by_us(const Json& entry, const SubsystemKey& key) {
  return is_of(entry, key) && entry.at("serial") == Json(store::as_written(key.serial));
}

/// The entry of a subsystem, else what an earlier version wrote of it, or nullptr.
const Json* entry_of(const Json& document, const SubsystemKey& key) {
  const Json* former = nullptr;
  for (const auto& entry : document.at("subsystems")) {
    if (is_written_by_us(entry, key)) return &entry;
    if (is_of(entry, key)) former = &entry;
  }
  return former;
}

/// What an earlier version wrote stays: it may be of another drive, whose key it wrote alike.
/// \param keep whether an entry remains when there are no intents
void put_entry(Json& document, const SubsystemKey& key, const Intents& intents, bool keep) {
  auto& entries = document["subsystems"];
  for (auto entry = entries.begin(); entry != entries.end();) {
    entry = is_written_by_us(*entry, key) ? entries.erase(entry) : entry + 1;
  }
  if (intents.empty() && !keep && entry_of(document, key) == nullptr) return;
  Json entry{{"subsystem", key.nqn}, {"serial", key.serial}, {"intents", Json::array()}};
  for (const auto& intent : intents)
    entry["intents"].push_back(store::to_json(intent));
  entries.push_back(std::move(entry));
}

Intents without(Intents intents, const std::vector<IntentKind>& kinds, std::uint16_t cntlid) {
  std::erase_if(intents, [&](const Intent& intent) {
    return intent.cntlid == cntlid &&
           std::find(kinds.begin(), kinds.end(), intent.kind) != kinds.end();
  });
  return intents;
}

Intents without_custody(Intents intents, std::uint16_t cntlid) {
  std::erase_if(intents, [cntlid](const Intent& intent) {
    return intent.cntlid == cntlid && is_custody(intent.kind);
  });
  return intents;
}

Intents with(Intents intents, Intent intent) {
  intents = is_custody(intent.kind) ? without_custody(std::move(intents), intent.cntlid)
                                    : without(std::move(intents), {intent.kind}, intent.cntlid);
  intents.push_back(std::move(intent));
  return intents;
}

void mark_those_in_progress(Io& io, const Folders& folders, const std::string& key,
                            Intents& intents) {
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
    : file_(std::make_unique<store::JournalFile>(io, folders)),
      io_(&io),
      folders_(folders),
      key_(key),
      command_(std::move(command)) {
  try {
    read(io, folders);
  } catch (const store::JournalError& error) {
    trouble_ = {error.code(), error.what(), error.path()};
    intents_.clear();
  }
}

Journal::~Journal() = default;

void Journal::read(Io& io, const Folders& folders) {
  const auto document = file_->read();
  try {
    lost_ = store::text_or_null(document["lost"]).value_or("");
    settled_ = store::settled_in(document, key_);
    for (const auto& line : document["ledger"])
      static_cast<void>(store::line_of(line));
    for (const auto& entry : document["subsystems"])
      static_cast<void>(intents_in(entry));
    if (const auto* entry = entry_of(document, key_)) {
      intents_ = intents_in(*entry);
      has_former_ = store::has_former_journal(io, folders, key_);
    } else {
      const store::FormerJournal former(io, folders, key_);
      has_former_ = former.exists();
      intents_ = former.intents();
    }
  } catch (const store::JournalError&) {
    throw;
  } catch (const Error& error) {
    throw store::JournalError("journal_unreadable", file_->path(), error.what());
  } catch (const std::exception& error) {
    throw store::JournalError("journal_damaged", file_->path(),
                              file_->path() + ": " + store::without_brackets(error.what()));
  }
  mark_those_in_progress(io, folders, key_.text(), intents_);
}

std::string Journal::set_aside() {
  const std::lock_guard only(mutex_);
  const auto path = trouble_ ? trouble_->path : file_->path();
  auto aside = store::aside_of(path);
  if (path == file_->path()) {
    aside = file_->set_aside();
  } else {
    file_->note_loss(aside);
    store::set_former_journal_aside(*io_, path, aside);
  }
  lost_ = aside;
  trouble_.reset();
  intents_.clear();
  settled_.clear();
  return lost_;
}

bool Journal::is_gone() const { return lost_ == file_->path(); }

std::string Journal::lost(std::uint16_t cntlid) const {
  const std::lock_guard only(mutex_);
  return settled_.contains(cntlid) ? std::string{} : lost_;
}

std::vector<Intent> Journal::intents() const {
  const std::lock_guard only(mutex_);
  return intents_;
}

std::optional<Intent> Journal::custody(std::uint16_t cntlid) const {
  const std::lock_guard only(mutex_);
  const auto found = std::find_if(intents_.begin(), intents_.end(), [&](const Intent& intent) {
    return is_custody(intent.kind) && intent.cntlid == cntlid;
  });
  return found == intents_.end() ? std::nullopt : std::optional(*found);
}

std::vector<LedgerLine> Journal::ledger() const {
  const std::lock_guard only(mutex_);
  std::vector<LedgerLine> lines;
  if (trouble_) return lines;
  const auto document = file_->read();
  for (const auto& line : document["ledger"])
    lines.push_back(store::line_of(line));
  return lines;
}

/// What could not be read must not be replaced, even when it could be read by now.
void Journal::expect_usable() const {
  if (trouble_) throw store::JournalError(trouble_->code, trouble_->path, trouble_->message);
}

void Journal::apply(const std::function<Intents(Intents)>& change) {
  expect_usable();
  auto after = change(intents_);
  file_->update([&](Json& document) { put_entry(document, key_, after, has_former_); });
  intents_ = std::move(after);
  drop_former();
}

/// A former file that remains is harmless: the entry in the new file takes precedence.
void Journal::drop_former() {
  if (!has_former_) return;
  try {
    store::drop_former_journal(*io_, folders_, key_);
    has_former_ = false;
  } catch (const Error&) {  // NOLINT(bugprone-empty-catch): the next change tries again
  }
}

void Journal::record(IntentKind kind, std::uint16_t cntlid, IntentDetails details) {
  JournalChange().record(*this, kind, cntlid, std::move(details)).write();
}

void Journal::strike(const std::vector<IntentKind>& kinds, std::uint16_t cntlid) {
  const std::lock_guard only(mutex_);
  if (without(intents_, kinds, cntlid).size() == intents_.size()) return;
  apply([&](Intents intents) { return without(std::move(intents), kinds, cntlid); });
}

void Journal::strike_custody(std::uint16_t cntlid) {
  if (!custody(cntlid) && lost(cntlid).empty()) return;
  JournalChange().strike_custody(*this, cntlid).write();
}

bool Journal::try_to_rewrite() noexcept {
  const InterruptsDeferred until_done;
  try {
    const std::lock_guard only(mutex_);
    if (unsure_) trouble_.reset();
    apply([](Intents intents) { return intents; });
    unsure_ = false;
    return true;
  } catch (const std::exception& failure) {
    if (!trouble_) {
      trouble_ = {"journal_unreadable", failure.what(), file_->path()};
      unsure_ = true;
    }
    return false;
  }
}

void Journal::forget(const std::vector<std::uint16_t>& cntlids) {
  JournalChange change;
  const auto recorded = intents();
  for (const auto cntlid : cntlids) {
    const bool any = std::any_of(recorded.begin(), recorded.end(),
                                 [&](const Intent& intent) { return intent.cntlid == cntlid; });
    if (any || !lost(cntlid).empty()) change.forget(*this, cntlid);
  }
  change.write();
}

/// What is to be changed, in its order.
struct JournalChange::Steps {
  struct Step {
    Journal* journal;
    std::function<Intents(Intents)> intents{};
    std::function<void(Json&)> ledger{};
    std::optional<std::uint16_t> settles{};  ///< the function whose guest's place is known again
  };

  void add(Journal& journal, std::function<Intents(Intents)> intents,
           std::optional<std::uint16_t> settles = {}) {
    steps.push_back({.journal = &journal, .intents = std::move(intents), .settles = settles});
  }
  void add_to_ledger(Journal& journal, std::function<void(Json&)> ledger) {
    steps.push_back({.journal = &journal, .ledger = std::move(ledger)});
  }

  /// What the journals will hold; their mutexes are held.
  [[nodiscard]] std::map<Journal*, Intents> after() const {
    std::map<Journal*, Intents> all;
    for (const auto& step : steps) {
      auto& intents = all.try_emplace(step.journal, step.journal->intents_).first->second;
      if (step.intents) intents = step.intents(std::move(intents));
    }
    return all;
  }

  [[nodiscard]] store::JournalFile::Edit edit() const {
    return [this](Json& document) {
      for (const auto& [journal, intents] : after())
        put_entry(document, journal->key_, intents, journal->has_former_);
      for (const auto& step : steps) {
        if (step.ledger) step.ledger(document["ledger"]);
        if (step.settles) store::settle(document, step.journal->key_, *step.settles);
      }
    };
  }

  /// Of all journals, in the order of their addresses. \throws JournalError when one is of no use
  [[nodiscard]] std::vector<std::unique_lock<std::mutex>> lock() const {
    std::vector<std::unique_lock<std::mutex>> locks;
    for (auto* journal : journals()) {
      locks.emplace_back(journal->mutex_);
      journal->expect_usable();
    }
    return locks;
  }

  void make(const std::function<void()>& write) {
    if (steps.empty()) return;
    const auto locks = lock();
    const auto now = after();
    write();
    for (const auto& [journal, intents] : now) {
      journal->intents_ = intents;
      journal->drop_former();
    }
    for (const auto& step : steps) {
      if (step.settles) step.journal->settled_.insert(*step.settles);
    }
    steps.clear();
  }

  [[nodiscard]] std::set<Journal*> journals() const {
    std::set<Journal*> all;
    for (const auto& step : steps)
      all.insert(step.journal);
    return all;
  }
  [[nodiscard]] store::JournalFile& file() const { return *steps.front().journal->file_; }

  std::vector<Step> steps;
  std::unique_ptr<store::JournalFile::Prepared> prepared, committed;
};

JournalChange::JournalChange() : steps_(std::make_unique<Steps>()) {}
JournalChange::JournalChange(JournalChange&&) noexcept = default;
JournalChange& JournalChange::operator=(JournalChange&&) noexcept = default;
JournalChange::~JournalChange() = default;

JournalChange& JournalChange::record(Journal& journal, IntentKind kind, std::uint16_t cntlid,
                                     IntentDetails details) {
  return put_back(journal, {.kind = kind,
                            .cntlid = cntlid,
                            .command = journal.command_,
                            .pid = ::getpid(),
                            .time = utc_now(),
                            .details = std::move(details),
                            .in_progress = true});
}

JournalChange& JournalChange::put_back(Journal& journal, Intent intent) {
  steps_->add(journal, [intent = std::move(intent)](Intents intents) {
    return with(std::move(intents), intent);
  });
  return *this;
}

JournalChange& JournalChange::strike(Journal& journal, IntentKind kind, std::uint16_t cntlid) {
  steps_->add(journal, [kind, cntlid](Intents intents) {
    return without(std::move(intents), {kind}, cntlid);
  });
  return *this;
}

JournalChange& JournalChange::strike_custody(Journal& journal, std::uint16_t cntlid) {
  steps_->add(
      journal, [cntlid](Intents intents) { return without_custody(std::move(intents), cntlid); },
      cntlid);
  return *this;
}

JournalChange& JournalChange::forget(Journal& journal, std::uint16_t cntlid) {
  const auto without_any = [cntlid](Intents intents) {
    std::erase_if(intents, [cntlid](const Intent& intent) { return intent.cntlid == cntlid; });
    return intents;
  };
  steps_->add(journal, without_any, cntlid);
  return *this;
}

JournalChange& JournalChange::note(Journal& journal, LedgerLine line) {
  line.place = journal.key_;
  line.command = journal.command_;
  line.time = utc_now();
  steps_->add_to_ledger(journal,
                        [line = std::move(line)](Json& ledger) { store::append(ledger, line); });
  return *this;
}

JournalChange& JournalChange::drop_loads(Journal& journal, std::uint16_t cntlid) {
  steps_->add_to_ledger(journal, [key = journal.key_, cntlid](Json& ledger) {
    store::drop_loads(ledger, key, cntlid);
  });
  return *this;
}

JournalChange& JournalChange::drop_past(Journal& journal, std::uint16_t cntlid,
                                        const std::string& sha256) {
  steps_->add_to_ledger(journal, [key = journal.key_, cntlid, sha256](Json& ledger) {
    store::drop_past(ledger, key, cntlid, sha256);
  });
  return *this;
}

void JournalChange::write() {
  steps_->make([this] { steps_->file().update(steps_->edit()); });
}

void JournalChange::prepare() {
  const auto locks = steps_->lock();
  steps_->prepared = steps_->file().prepare(steps_->edit());
}

void JournalChange::commit() {
  if (!steps_->prepared) {
    throw Error(ExitStatus::internal, "a change of the journal was not prepared");
  }
  steps_->committed = std::move(steps_->prepared);
  steps_->make([this] { steps_->committed->commit(); });
}

void forget_subsystem(Io& io, const Folders& folders, const SubsystemKey& key) {
  const auto forget = [&key](Json& document) {
    put_entry(document, key, {}, false);
    store::drop_lines(document["ledger"], [&](const Json& line) { return is_of(line, key); });
  };
  try {
    store::JournalFile file(io, folders);
    const auto before = file.read();
    auto after = before;
    forget(after);
    if (after != before) file.update(forget);
  } catch (const store::JournalError&) {  // NOLINT(bugprone-empty-catch): it stays as it is
  } catch (const Json::exception&) {      // NOLINT(bugprone-empty-catch): likewise
  }
}

}  // namespace nvmigrate
