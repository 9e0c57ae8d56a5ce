// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "nvmigrate/base/io.h"

namespace nvmigrate {

/// What becomes of a file that has the name already.
enum class Existing {
  replace,
  refuse,  ///< with the code `file_exists`
};

/// A file that appears whole or not at all. It is written without a name and synced; then it gets
/// its name, and its folder is synced. Until then it leaves nothing behind, even if the process is
/// killed. Where it replaces another file it has a temporary name (.nvmigrate-PID-N) for a moment,
/// and on a file system without O_TMPFILE until it is published.
class AtomicFile {
 public:
  /// \param mode of the new file
  /// \throws OsError naming the file; not_found when its folder does not exist; refused when
  /// something else than a regular file has that name, or any file that is not to be replaced
  AtomicFile(Io& io, std::string path, mode_t mode = 0600, Existing existing = Existing::replace);
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;
  ~AtomicFile();

  [[nodiscard]] int fd() const noexcept { return file_.fd(); }
  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  /// Syncs what was written; publish() then only names the file and syncs its folder, which is
  /// open.
  void sync();
  /// Makes the file visible under its name. \throws OsError; then nothing is visible, or, when a
  /// file is replaced and the folder cannot be synced, either the whole old or the whole new file
  void publish();
  /// The first half of publish(): gives the file its name. \throws OsError, and then it has none
  /// for certain; refused when a file appeared there that is not to be replaced
  void appear();
  /// The second half: after a crash the name is still there. \throws OsError; the file stays
  void sync_name();

  /// Tries whether a file can be made at `path`, and leaves nothing. \throws as the constructor
  static void check(Io& io, const std::string& path, Existing existing = Existing::replace);

 private:
  void give_temporary_name();

  Io* io_;
  std::string path_, temporary_;  ///< the latter is empty while the file has no name
  Existing existing_;
  bool replaces_;
  std::optional<OpenFile> folder_;
  OpenFile file_;  ///< makes temporary_ where it needs a name
  bool synced_ = false, done_ = false;
};

/// Syncs the folder that `path` is in, so that names made or removed there hold. \throws OsError
void sync_folder_of(Io& io, const std::string& path);

/// Replaces a small file at once. \throws OsError
void write_file(Io& io, const std::string& path, std::string_view text, mode_t mode = 0600);

}  // namespace nvmigrate
