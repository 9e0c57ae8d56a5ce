// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/store/document_json.h"

#include <stdexcept>

namespace nvmigrate::store {
namespace {

/// As the text comes back from the file.
std::string as_written(const std::string& text) { return Json::parse(dump(Json(text))); }

Json parsed(const Document& document, const DocumentKind& kind, const std::string& text) {
  try {
    return Json::parse(text);
  } catch (const Json::parse_error& error) {
    throw damaged(document, kind, "it is no JSON (byte " + std::to_string(error.byte) + ")");
  }
}

/// What nlohmann says begins with the name of its exception, in brackets.
std::string without_brackets(const std::string& what) {
  const auto end = what.find("] ");
  return what.starts_with('[') && end != std::string::npos ? what.substr(end + 2) : what;
}

}  // namespace

Error damaged(const Document& document, const DocumentKind& kind, const std::string& what) {
  return {ExitStatus::io,
          "read " + document.path() + ": the " + std::string{kind.name} +
              " is damaged: " + without_brackets(what),
          std::string{kind.remedy} + ", then remove " + document.path()};
}

std::optional<Json> read_json(Document& document, const DocumentKind& kind,
                              const std::string& subsystem) {
  const auto text = document.read();
  if (!text) return std::nullopt;
  auto json = parsed(document, kind, *text);
  if (!json.is_object()) throw damaged(document, kind, "it is no JSON object");
  if (json.value("schema", Json()) != Json(kind.schema)) {
    throw damaged(document, kind, "its schema is not " + std::string{kind.schema});
  }
  if (json.value("subsystem", Json()) != Json(as_written(subsystem))) {
    throw damaged(document, kind, "it is of another subsystem than " + subsystem);
  }
  return json;
}

Json new_json(const DocumentKind& kind, const std::string& subsystem) {
  return {{"schema", kind.schema}, {"subsystem", subsystem}};
}

std::string dump(const Json& json) {
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::uint16_t controller_of(const Json& json) {
  const auto value = json.get<std::uint64_t>();
  if (!json.is_number_unsigned() || value > 0xFFFF) {
    throw std::invalid_argument("a controller id is beyond 65535");
  }
  return static_cast<std::uint16_t>(value);
}

std::optional<std::string> text_or_null(const Json& json) {
  if (json.is_null()) return std::nullopt;
  return json.get<std::string>();
}

Json to_json(const std::optional<std::string>& text) { return text ? Json(*text) : Json(); }

}  // namespace nvmigrate::store
