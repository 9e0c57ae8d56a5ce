// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/store/document_json.h"

#include <stdexcept>
#include <utility>

#include "nvmigrate/store/folders.h"
#include "nvmigrate/store/ledger.h"

namespace nvmigrate::store {
std::string as_written(const std::string& text) { return Json::parse(dump(Json(text))); }

std::string without_brackets(const std::string& what) {
  const auto end = what.find("] ");
  return what.starts_with('[') && end != std::string::npos ? what.substr(end + 2) : what;
}

std::string file_of(const std::string& subsystem, const DocumentKind& kind) {
  return file_name_of(subsystem) + std::string{kind.ending};
}

SubsystemDocument::SubsystemDocument(Io& io, const std::string& folder, SubsystemKey key,
                                     DocumentKind kind)
    : key_(std::move(key)),
      kind_(kind),
      current_(io, folder, file_of(key_.text(), kind)),
      path_(current_.path()) {
  for (const auto& former : {key_.former().text(), key_.nqn}) {
    if (former != key_.text()) old_.emplace_back(io, folder, file_of(former, kind));
  }
}

std::optional<std::string> SubsystemDocument::read_text() {
  if (auto text = current_.read()) {
    old_.clear();
    return text;
  }
  for (auto& old : std::exchange(old_, {})) {
    auto text = old.read();
    if (!text) continue;
    path_ = old.path();
    old_.push_back(std::move(old));
    return text;
  }
  return std::nullopt;
}

std::optional<Json> SubsystemDocument::read() {
  const auto text = read_text();
  if (!text) return std::nullopt;
  Json json;
  try {
    json = Json::parse(*text);
  } catch (const Json::parse_error& error) {
    throw damaged("it is not JSON (byte " + std::to_string(error.byte) + ")");
  }
  if (!json.is_object()) throw damaged("it is not a JSON object");
  if (json.value("schema", Json()) != Json(kind_.schema)) {
    throw damaged("its schema is not " + std::string{kind_.schema});
  }
  Json named{{"subsystem", json.value("subsystem", Json())},
             {"serial", json.value("serial", Json(as_written(key_.serial)))}};
  if (!is_of(named, key_)) {
    throw damaged("it is of another subsystem than " + key_.text());
  }
  return json;
}

Json SubsystemDocument::begin() const {
  return {{"schema", kind_.schema}, {"subsystem", key_.nqn}, {"serial", key_.serial}};
}

Error SubsystemDocument::damaged(const std::string& what) const {
  return Error(ExitStatus::io,
               "cannot read " + path_ + ": the " + std::string{kind_.name} +
                   " is damaged: " + without_brackets(what),
               std::string{kind_.advice} + ", then remove " + path_)
      .with_code(std::string{kind_.name} + "_damaged");
}

void SubsystemDocument::replace(const std::string& text) {
  current_.replace(text);
  drop_old();
}

void SubsystemDocument::drop_old() {
  if (old_.empty()) return;
  old_.front().replace({});
  old_.clear();
  path_ = current_.path();
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
