// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "nvmigrate/base/error.h"
#include "nvmigrate/store/document.h"
#include "nvmigrate/store/records.h"

/// What the registry and the journal share in reading and writing their files; not for others.
namespace nvmigrate::store {

using Json = nlohmann::ordered_json;

/// What a document says of itself, and what to do when it is damaged.
struct DocumentKind {
  std::string_view schema;
  std::string_view name;    ///< `registry`
  std::string_view ending;  ///< of the file's name: `.json`
  std::string_view advice;  ///< for a damaged document; continues with ", then remove FILE"
};

/// The file of one subsystem: found by its key, by that of earlier versions, and before there were
/// keys by its NQN alone. What is found under an old name is read, and moves to the new one when it
/// is next written.
class SubsystemDocument {
 public:
  SubsystemDocument(Io& io, const std::string& folder, SubsystemKey key, DocumentKind kind);

  /// The document, checked to be of this kind and subsystem. \return nothing if it does not exist
  /// \throws refused, OsError, damaged()
  std::optional<Json> read();
  /// Begins a document of this kind and subsystem.
  [[nodiscard]] Json begin() const;
  /// Error(io) that names the file, what is wrong in it, and how to move on; its code is the name
  /// of the kind with `_damaged`.
  [[nodiscard]] Error damaged(const std::string& what) const;
  /// Of the file that was read.
  [[nodiscard]] const std::string& path() const noexcept { return path_; }

  /// As Document::replace.
  void replace(const std::string& text);

 private:
  [[nodiscard]] std::optional<std::string> read_text();
  void drop_old();

  SubsystemKey key_;
  DocumentKind kind_;
  Document current_;
  std::vector<Document> old_;  ///< under old names; of those at most one that counts after a read
  std::string path_;           ///< of the file that was read
};

/// The file of a subsystem in its folder.
std::string file_of(const std::string& subsystem, const DocumentKind& kind);
/// As the text comes back from the file.
std::string as_written(const std::string& text);
/// What nlohmann says begins with the name of its exception, in brackets.
std::string without_brackets(const std::string& what);

/// As it is written: indented, invalid UTF-8 replaced.
std::string dump(const Json& json);

/// A controller id. \throws std::exception when it is not one
std::uint16_t controller_of(const Json& json);
/// A string or null.
std::optional<std::string> text_or_null(const Json& json);
Json to_json(const std::optional<std::string>& text);

}  // namespace nvmigrate::store
