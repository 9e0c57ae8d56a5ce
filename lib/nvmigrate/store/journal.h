// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "nvmigrate/base/io.h"
#include "nvmigrate/store/atomic_file.h"
#include "nvmigrate/store/document.h"
#include "nvmigrate/store/folders.h"

namespace nvmigrate {

/// What was about to be done when an intent was recorded.
enum class IntentKind {
  suspended,     ///< the function is suspended by us, or about to be
  loading,       ///< a state is being loaded into it; do not resume before a whole load
  moved,         ///< its state runs elsewhere since a transfer's commit; never resume it
  unbound,       ///< taken from its driver, the new one not yet verified
  provisioning,  ///< numvfs and flexible resources of a controlling function are being changed
};
std::string_view to_string(IntentKind kind) noexcept;
/// \return nothing when no kind has this name
std::optional<IntentKind> intent_kind_of(std::string_view name) noexcept;

/// One line of the journal: an effect that is begun and not yet ended.
struct Intent {
  IntentKind kind{};
  std::uint16_t cntlid = 0;  ///< whose it is; of `provisioning` the controlling function's own
  std::string command{};     ///< `export`, …
  pid_t pid = 0;
  std::string time{};                          ///< RFC 3339, UTC
  std::map<std::string, std::string> details;  ///< address, original_driver, was_vfs, destination …
  bool at_work = false;  ///< its process still holds the subsystem's lock; set on reading
  /// `loading` of a transfer that has reached its point of no return: the state is whole. Found out
  /// from the journal of the source, as the next is from the device, by complete_account().
  bool committed = false;
  bool stale = false;  ///< what it speaks of is over: the device says that the function runs
};

/// Key of an intent `suspended` whose command had more to do when it was recorded: the function is
/// to be resumed when that command died. Without it, the function was left suspended on purpose.
inline constexpr const char* unfinished_detail = "unfinished";

/// The intents of one subsystem, recorded before their effect and struck after it, so that whatever
/// dies at whatever point, the next command knows. One file in the run folder, replaced whole and
/// synced at every change. Change it under the subsystem's lock only.
class Journal {
 public:
  /// \throws refused, Error(io) naming the file when it is damaged
  Journal(Io& io, const Folders& folders, std::string subsystem_nqn, std::string command);

  [[nodiscard]] const std::vector<Intent>& intents() const noexcept { return intents_; }
  [[nodiscard]] const Intent* find(IntentKind kind, std::uint16_t cntlid) const noexcept;

  /// Records and syncs, replacing one of the same kind and function. \throws OsError
  void record(IntentKind kind, std::uint16_t cntlid,
              std::map<std::string, std::string> details = {});
  /// Strikes these kinds of a function, in one write; those that are not there are no matter.
  void strike(const std::vector<IntentKind>& kinds, std::uint16_t cntlid);
  /// Writes what this object holds, whatever the file holds; after a commit() that failed.
  void rewrite();
  /// Strikes everything of these functions.
  void forget(const std::vector<std::uint16_t>& cntlids);

  /// A change that is on disk already, so that it takes but a name to hold.
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

  Document document_;
  std::string nqn_, command_;
  std::vector<Intent> intents_;
  std::size_t revision_ = 0;  ///< counts the changes, so that a stale Prepared is known
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
