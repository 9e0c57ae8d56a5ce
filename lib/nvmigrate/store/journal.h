// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "nvmigrate/base/io.h"
#include "nvmigrate/store/atomic_file.h"
#include "nvmigrate/store/records.h"

namespace nvmigrate {

namespace store {
class SubsystemDocument;
}

/// Key of an intent `suspended` whose command had more to do when it was recorded: the function is
/// to be resumed when that command died. Without it, the function was left suspended on purpose.
inline constexpr const char* unfinished_detail = "unfinished";

/// The intents of one subsystem, recorded before their effect and struck after it, so that the next
/// command knows what an earlier one began, wherever that ended. One file in the run folder,
/// replaced whole and synced at every change. Change it under the subsystem's lock only. Safe to
/// use from several threads.
class Journal {
 public:
  /// \throws refused, Error(io) naming the file when it is damaged
  Journal(Io& io, const Folders& folders, const SubsystemKey& key, std::string command);
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;
  ~Journal();

  [[nodiscard]] std::vector<Intent> intents() const;
  [[nodiscard]] std::optional<Intent> find(IntentKind kind, std::uint16_t cntlid) const;

  /// Records and syncs, replacing one of the same kind and function. \throws OsError
  void record(IntentKind kind, std::uint16_t cntlid,
              std::map<std::string, std::string> details = {});
  /// Strikes these kinds of a function in one write; those that are not there are passed over.
  void strike(const std::vector<IntentKind>& kinds, std::uint16_t cntlid);
  /// As strike(), on the way out of a failure. \return empty, or why the journal still has them
  [[nodiscard]] std::string try_to_strike(const std::vector<IntentKind>& kinds,
                                          std::uint16_t cntlid) noexcept;
  /// Writes what this object holds, whatever the file holds: after a commit() that failed and whose
  /// effect may have been seen. \return false when that failed too
  [[nodiscard]] bool try_to_rewrite() noexcept;
  /// Strikes everything of these functions.
  void forget(const std::vector<std::uint16_t>& cntlids);

  /// A change that is on disk already and needs only its name.
  class Prepared;
  /// Writes and syncs what the journal would be after striking `strike` and recording `record` of
  /// one function; commit() makes it so. For the blackout of a transfer.
  [[nodiscard]] Prepared prepare(std::uint16_t cntlid, const std::vector<IntentKind>& strike,
                                 IntentKind record, std::map<std::string, std::string> details);

 private:
  [[nodiscard]] Intent make(IntentKind kind, std::uint16_t cntlid,
                            std::map<std::string, std::string> details) const;
  [[nodiscard]] std::string text_of(const std::vector<Intent>& intents) const;
  void replace(std::vector<Intent> intents);

  mutable std::mutex mutex_;
  std::unique_ptr<store::SubsystemDocument> document_;
  std::string command_;
  std::vector<Intent> intents_;
  std::size_t revision_ = 0;  ///< counts the changes, so that an outdated Prepared is known
};

/// Dropped without commit() it changes nothing and leaves no file. Its journal must outlive it and
/// stay where it is.
class Journal::Prepared {
 public:
  Prepared(Prepared&&) noexcept = default;
  Prepared& operator=(Prepared&&) noexcept = default;
  Prepared(const Prepared&) = delete;
  Prepared& operator=(const Prepared&) = delete;
  ~Prepared() = default;

  /// Makes it so. \throws OsError, and then the journal is as it was before; Error(internal) when
  /// the journal was changed since, or it was committed already
  void commit();

 private:
  friend class Journal;
  Prepared(Journal& journal, std::vector<Intent> intents);

  Journal* journal_;
  std::vector<Intent> intents_;
  std::string text_;
  std::unique_ptr<AtomicFile> file_;
  std::size_t revision_;
};

}  // namespace nvmigrate
