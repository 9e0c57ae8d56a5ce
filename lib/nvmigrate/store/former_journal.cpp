// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/store/former_journal.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "nvmigrate/store/document_json.h"
#include "nvmigrate/store/journal.h"
#include "nvmigrate/store/journal_file.h"

namespace nvmigrate::store {
namespace {

constexpr DocumentKind kind_of_document{
    "nvmigrate.journal/1", "journal", ".journal.json",
    "find out which functions are suspended and which have no driver"};
constexpr auto former_away = "moved";

IntentKind kind_of(const Json& json) {
  const auto name = json.get<std::string>();
  if (name == former_away) return IntentKind::away;
  if (const auto kind = intent_kind_of(name)) return *kind;
  throw std::invalid_argument("'" + name + "' is not a kind of intent");
}

std::string detail(const Intent& intent, const char* name) {
  const auto found = intent.details.find(name);
  return found == intent.details.end() ? std::string{} : found->second;
}

SubsystemDocument document_of(Io& io, const Folders& folders, const SubsystemKey& key) {
  return {io, folders.run, key, kind_of_document};
}

/// The intents exactly as the file has them; nothing if it does not exist.
std::optional<std::vector<Intent>> read_file(Io& io, const Folders& folders,
                                             const SubsystemKey& key) {
  auto document = document_of(io, folders, key);
  try {
    const auto json = document.read();
    if (!json) return std::nullopt;
    std::vector<Intent> intents;
    try {
      for (const auto& intent : json->at("intents"))
        intents.push_back(intent_of(intent));
    } catch (const std::exception& error) {
      throw document.damaged(error.what());
    }
    return intents;
  } catch (const Error& error) {
    const bool damaged = error.code() == "journal_damaged";
    throw JournalError(damaged ? "journal_damaged" : "journal_unreadable", document.path(),
                       error.what());
  }
}

/// Whether a load belongs to a transfer that had passed its commit: the journal of the source, of
/// whichever version, then calls the source away.
bool was_committed(Io& io, const Folders& folders, const Intent& loading) {
  const auto transfer = detail(loading, "transfer");
  const auto nqn = detail(loading, "source_nqn");
  if (transfer.empty() || nqn.empty()) return false;
  const SubsystemKey source{nqn, detail(loading, "source_serial")};
  const auto is_commit = [&](const Intent& intent) {
    return intent.kind == IntentKind::away && detail(intent, "transfer") == transfer;
  };
  try {
    if (const auto intents = read_file(io, folders, source)) {
      return std::any_of(intents->begin(), intents->end(), is_commit);
    }
    const Journal journal(io, folders, source, "");
    const auto intents = journal.intents();
    return std::any_of(intents.begin(), intents.end(), is_commit);
  } catch (const Error&) {
    return false;
  }
}

/// A former intent in the current kinds.
Intent translated(Io& io, const Folders& folders, Intent intent) {
  if (intent.kind == IntentKind::suspended && intent.command == "export") {
    intent.kind = IntentKind::exported;
    intent.details.erase(unfinished_detail);
  }
  if (intent.kind == IntentKind::loading && was_committed(io, folders, intent)) {
    intent.kind = IntentKind::loaded;
    intent.details.emplace(unfinished_detail, "the transfer was not done");
  }
  return intent;
}

/// A function may have several records of its guest. The last kind wins, and keeps the details of
/// the others.
void merge(std::vector<Intent>& intents, Intent intent) {
  const auto other = std::find_if(intents.begin(), intents.end(), [&](const Intent& one) {
    return one.cntlid == intent.cntlid && is_custody(one.kind) && is_custody(intent.kind);
  });
  if (other == intents.end()) {
    intents.push_back(std::move(intent));
    return;
  }
  if (other->kind < intent.kind) std::swap(*other, intent);
  other->details.merge(intent.details);
}

}  // namespace

Intent intent_of(const Json& json) {
  Intent intent;
  intent.kind = kind_of(json.at("kind"));
  intent.cntlid = controller_of(json.at("controller"));
  intent.command = json.at("command").get<std::string>();
  intent.pid = json.at("pid").get<pid_t>();
  intent.time = json.at("time").get<std::string>();
  intent.details = json.at("details").get<IntentDetails>();
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

FormerJournal::FormerJournal(Io& io, const Folders& folders, const SubsystemKey& key) {
  const auto read = read_file(io, folders, key);
  if (!read) return;
  exists_ = true;
  for (const auto& intent : *read)
    merge(intents_, translated(io, folders, intent));
}

bool has_former_journal(Io& io, const Folders& folders, const SubsystemKey& key) {
  const auto is_there = [&](const std::string& text) {
    return exists(io, folders.run + "/" + file_of(text, kind_of_document));
  };
  return is_there(key.text()) || is_there(key.former().text()) || is_there(key.nqn);
}

void drop_former_journal(Io& io, const Folders& folders, const SubsystemKey& key) {
  auto document = document_of(io, folders, key);
  if (document.read()) document.replace({});
}

void set_former_journal_aside(Io& io, const std::string& path, const std::string& aside) {
  if (io.rename(path, aside) != 0) throw OsError(errno, "rename", path);
}

}  // namespace nvmigrate::store
