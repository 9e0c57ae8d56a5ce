// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "nvmigrate/base/error.h"
#include "nvmigrate/store/document.h"

/// What the registry and the journal share in reading and writing their files; not for others.
namespace nvmigrate::store {

using Json = nlohmann::ordered_json;

/// What a document says of itself, and what to do when it is damaged.
struct DocumentKind {
  std::string_view schema;
  std::string_view name;    ///< `registry`
  std::string_view remedy;  ///< continues "check …, then remove FILE"
};

/// Error(io) naming the file, what is wrong in it, and how to move on.
Error damaged(const Document& document, const DocumentKind& kind, const std::string& what);
/// The document, checked to be of this kind and subsystem. \return nothing when there is none
std::optional<Json> read_json(Document& document, const DocumentKind& kind,
                              const std::string& subsystem);
/// Begins a document of this kind.
Json new_json(const DocumentKind& kind, const std::string& subsystem);
/// As it is written: indented, invalid UTF-8 replaced.
std::string dump(const Json& json);

/// A controller id. \throws a std::exception when it is none
std::uint16_t controller_of(const Json& json);
/// A string or null.
std::optional<std::string> text_or_null(const Json& json);
Json to_json(const std::optional<std::string>& text);

}  // namespace nvmigrate::store
