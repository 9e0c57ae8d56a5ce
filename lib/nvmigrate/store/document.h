// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "nvmigrate/base/io.h"
#include "nvmigrate/store/atomic_file.h"

namespace nvmigrate {

/// A small private file that is read once and replaced whole at every change. When a replacement
/// fails, the file gets its former contents back.
class Document {
 public:
  Document(Io& io, std::string folder, const std::string& name);

  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  /// \return nothing when it does not exist. \throws refused as check_private(); OsError
  std::optional<std::string> read();
  /// Makes the folder where it is missing, and replaces the file; an empty text removes it.
  /// \throws OsError, refused; the file is as it was
  void replace(const std::string& text);

  /// The replacement, written and synced, without effect until publish(). \throws as replace()
  [[nodiscard]] std::unique_ptr<AtomicFile> prepare(const std::string& text);
  /// Publishes what prepare(text) made. \throws OsError; the file is as it was
  void publish(AtomicFile& prepared, const std::string& text);

 private:
  void remove();
  void restore() noexcept;

  Io* io_;
  std::string folder_, path_, text_;
};

}  // namespace nvmigrate
