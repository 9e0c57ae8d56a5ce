// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "nvmigrate/base/error.h"
#include "nvmigrate/store/document.h"
#include "nvmigrate/store/records.h"

namespace nvmigrate::store {

/// The journal cannot be used. Its code is `journal_damaged`, `journal_newer` (written by a newer
/// version) or `journal_unreadable`.
class JournalError : public Error {
 public:
  JournalError(const std::string& code, std::string path, const std::string& message);
  [[nodiscard]] const std::string& path() const noexcept { return path_; }

 private:
  std::string path_;
};

/// The name under which a damaged journal is kept.
std::string aside_of(const std::string& path);

/// The journal of a host, one JSON document for all its subsystems. Every change reads it anew and
/// replaces it whole, under a lock on the run folder that is held for just that time, so that
/// commands on different subsystems do not lose each other's records.
class JournalFile {
 public:
  using Json = nlohmann::ordered_json;
  using Edit = std::function<void(Json& document)>;

  JournalFile(Io& io, const Folders& folders);

  [[nodiscard]] const std::string& path() const noexcept { return document_.path(); }
  /// The document; empty if the file does not exist. If there was one in this boot of the host, its
  /// records are lost: the document names its path as what is left of it. \throws JournalError
  [[nodiscard]] Json read();
  /// \throws JournalError, OsError; the file is as it was
  void update(const Edit& edit);
  /// Keeps a copy of the file, as it was read last, under a name that says so, and begins an empty
  /// journal that remembers it. \return the path of the copy. \throws busy when the file was
  /// changed since it was read; OsError, and then the file is as it was
  std::string set_aside();
  /// Has an empty journal remember that records were lost: `aside` has what is left of them.
  void note_loss(const std::string& aside);

  /// A change that is written and synced and needs only its name.
  class Prepared;
  [[nodiscard]] std::unique_ptr<Prepared> prepare(const Edit& edit);

 private:
  [[nodiscard]] OpenFile open_folder();
  [[nodiscard]] OpenFile lock();
  void take_lock(const OpenFile& folder);
  using Text = std::optional<std::string>;  ///< nothing: there is no file

  [[nodiscard]] Text read_text();
  [[nodiscard]] Json parse(const Text& text);
  [[nodiscard]] bool is_gone();
  [[nodiscard]] bool note(bool any);

  Io* io_;
  std::string folder_, boot_;
  Document document_;
  Document noted_;  ///< in the state folder: the boot in which there are records
  Text seen_;       ///< by read()
};

/// Without commit() it changes nothing and leaves no file behind.
class JournalFile::Prepared {
 public:
  Prepared(JournalFile& file, Edit edit);
  /// Renames it into place. If the journal was changed in the meantime, the change is applied
  /// again. To be called once; what is open is closed with this object, which takes longer than the
  /// rename. \throws as JournalFile::update()
  void commit();

 private:
  [[nodiscard]] bool is_current();

  JournalFile* file_;
  Edit edit_;
  OpenFile folder_;
  std::optional<OpenFile> before_;  ///< the journal as it was read, if there was one
  std::string after_;
  std::unique_ptr<AtomicFile> written_;
};

}  // namespace nvmigrate::store
