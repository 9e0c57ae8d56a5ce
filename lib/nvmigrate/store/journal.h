// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "nvmigrate/base/io.h"
#include "nvmigrate/store/records.h"

namespace nvmigrate {

namespace store {
class JournalFile;
}

/// Key of an intent whose command had more to do when it was recorded: a function that is
/// `suspended` or `loaded` is to be resumed when that command died. Without it, it was left so on
/// purpose.
inline constexpr const char* unfinished_detail = "unfinished";

/// Key of an intent about a state: its SHA-256.
inline constexpr const char* digest_detail = "sha256";

/// Key of an intent about a transfer to another host: what tells it from every other transfer.
inline constexpr const char* transfer_detail = "transfer";
/// Key of a `loaded` intent: the source that alone knows whether the transfer was committed.
inline constexpr const char* in_doubt_detail = "in_doubt";
/// Key of a `loaded` intent that is not to be resumed when its transfer is committed.
inline constexpr const char* keep_detail = "keep_suspended";

/// Why the journal cannot be used.
struct JournalTrouble {
  std::string code;     ///< `journal_damaged`, `journal_newer`, `journal_unreadable`
  std::string message;  ///< names the file
  std::string path;     ///< of the file
};

class JournalChange;

/// What the journal of this host says of one subsystem: intents, recorded before their effect and
/// struck after it, so that the next command knows what an earlier one began, wherever that ended.
/// The file is in the run folder, and is replaced whole and synced at every change. Change it under
/// the subsystem's lock only. Safe to use from several threads.
///
/// Journals of former versions, one file a subsystem, are read and taken over by the first change.
class Journal {
 public:
  /// Never throws for a journal that cannot be used: trouble() has the reason, there are no
  /// intents, and every change throws.
  Journal(Io& io, const Folders& folders, const SubsystemKey& key, std::string command);
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;
  ~Journal();

  [[nodiscard]] const std::optional<JournalTrouble>& trouble() const noexcept { return trouble_; }
  /// Where the remains of an earlier journal are, when that was damaged and set aside: what is
  /// suspended without a record may have been exported. Where the file was, when it is_gone().
  /// Empty when no records were lost in this boot of the host.
  [[nodiscard]] const std::string& lost() const noexcept { return lost_; }
  /// The journal had records in this boot of the host, and its file is missing.
  [[nodiscard]] bool is_gone() const;
  /// The same, of one function; empty as well when it is known again where its guest is: what was
  /// recorded of it since then has been struck.
  [[nodiscard]] std::string lost(std::uint16_t cntlid) const;
  /// Sets a damaged journal aside and begins a new one. \return where it is now. \throws busy when
  /// another command did so meanwhile; OsError
  std::string set_aside();

  [[nodiscard]] std::vector<Intent> intents() const;
  /// What is recorded of a function's guest.
  [[nodiscard]] std::optional<Intent> custody(std::uint16_t cntlid) const;
  /// What is known of states on this host, by all subsystems, as the file has it now.
  [[nodiscard]] std::vector<LedgerLine> ledger() const;

  /// Records and syncs, replacing one of the same kind and function; one that says where the guest
  /// is replaces every other that does. \throws OsError
  void record(IntentKind kind, std::uint16_t cntlid, IntentDetails details = {});
  /// Strikes these kinds of a function in one write; those that are not there are passed over.
  void strike(const std::vector<IntentKind>& kinds, std::uint16_t cntlid);
  /// Strikes what is recorded of a function's guest, or assumed since the records were lost.
  void strike_custody(std::uint16_t cntlid);
  /// Writes the intents of this object over those in the file, after a commit() that failed and may
  /// have taken effect. \return false if that failed too; the contents of the file are then
  /// unknown, and the journal is in trouble until this succeeds
  [[nodiscard]] bool try_to_rewrite() noexcept;
  /// Strikes everything of these functions.
  void forget(const std::vector<std::uint16_t>& cntlids);

 private:
  friend class JournalChange;

  void read(Io& io, const Folders& folders);
  void expect_usable() const;
  void apply(const std::function<std::vector<Intent>(std::vector<Intent>)>& change);
  void drop_former();

  mutable std::mutex mutex_;
  std::unique_ptr<store::JournalFile> file_;
  Io* io_;
  Folders folders_;
  SubsystemKey key_;
  std::string command_;
  std::vector<Intent> intents_;
  std::optional<JournalTrouble> trouble_;
  std::string lost_;
  std::set<std::uint16_t> settled_;  ///< since then
  bool unsure_ = false;              ///< the trouble is that of try_to_rewrite()
  bool has_former_ = false;          ///< a file of a former version is still there
};

/// Changes of the journal that become true together, in one write, of one or two subsystems. The
/// journals must outlive it and stay where they are.
class JournalChange {
 public:
  JournalChange();
  JournalChange(JournalChange&&) noexcept;
  JournalChange& operator=(JournalChange&&) noexcept;
  JournalChange(const JournalChange&) = delete;
  JournalChange& operator=(const JournalChange&) = delete;
  ~JournalChange();

  /// See Journal::record().
  JournalChange& record(Journal& journal, IntentKind kind, std::uint16_t cntlid,
                        IntentDetails details = {});
  /// As it was recorded before.
  JournalChange& put_back(Journal& journal, Intent intent);
  /// Strikes a kind of a function, if it is there.
  JournalChange& strike(Journal& journal, IntentKind kind, std::uint16_t cntlid);
  /// See Journal::strike_custody().
  JournalChange& strike_custody(Journal& journal, std::uint16_t cntlid);
  /// See Journal::forget().
  JournalChange& forget(Journal& journal, std::uint16_t cntlid);
  /// A line for the ledger; `place`, `command` and `time` are those of the journal and of now.
  JournalChange& note(Journal& journal, LedgerLine line);
  /// Drops the lines on loads of a function that never ran.
  JournalChange& drop_loads(Journal& journal, std::uint16_t cntlid);
  /// Drops the lines on a state of a function that has the same state again: its guest came back,
  /// or did nothing since.
  JournalChange& drop_past(Journal& journal, std::uint16_t cntlid, const std::string& sha256);

  /// Makes it so. \throws OsError, and then the journal is as it was before
  void write();
  /// Writes and syncs the change so that commit() needs only a rename, as in the blackout of a
  /// transfer. \throws OsError
  void prepare();
  /// Makes so what was prepared. \throws as write()
  void commit();

 private:
  struct Steps;
  std::unique_ptr<Steps> steps_;
};

/// Forgets a subsystem that no longer exists: its intents and its lines in the ledger. A journal
/// that cannot be used stays as it is. \throws OsError
void forget_subsystem(Io& io, const Folders& folders, const SubsystemKey& key);

}  // namespace nvmigrate
