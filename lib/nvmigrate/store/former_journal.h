// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "nvmigrate/base/io.h"
#include "nvmigrate/store/records.h"

/// Journals of former versions (`nvmigrate.journal/1`): a file for each subsystem, found by its
/// key and, before there were keys, by its NQN.
namespace nvmigrate::store {

/// One intent, as all versions write it. \throws std::exception when it is not one
Intent intent_of(const nlohmann::ordered_json& json);
nlohmann::ordered_json to_json(const Intent& intent);

/// Such a file, in the current kinds. A function suspended by an export is `exported`, since its
/// state may have been taken; a load whose transfer had passed its commit is `loaded`.
class FormerJournal {
 public:
  /// \throws JournalError
  FormerJournal(Io& io, const Folders& folders, const SubsystemKey& key);
  [[nodiscard]] bool exists() const noexcept { return exists_; }
  [[nodiscard]] const std::vector<Intent>& intents() const noexcept { return intents_; }

 private:
  std::vector<Intent> intents_;
  bool exists_ = false;
};

/// Whether there is such a file.
bool has_former_journal(Io& io, const Folders& folders, const SubsystemKey& key);
/// Removes it. \throws OsError
void drop_former_journal(Io& io, const Folders& folders, const SubsystemKey& key);
/// Renames it, so that it is no longer read. \throws OsError
void set_former_journal_aside(Io& io, const std::string& path, const std::string& aside);

}  // namespace nvmigrate::store
