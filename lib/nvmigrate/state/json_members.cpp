// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/state/json_members.h"

#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <stdexcept>
#include <vector>

#include "nvmigrate/state/state_file.h"

namespace nvmigrate {
namespace {

constexpr std::size_t max_levels = 8;

/// Refuses what the parser alone would accept: deep nesting, and a member that occurs twice.
class StrictParse {
 public:
  bool operator()(nlohmann::json::parse_event_t event, nlohmann::json& value) {
    using Event = nlohmann::json::parse_event_t;
    if (event == Event::object_start || event == Event::array_start) {
      if (names_.size() == max_levels) return refuse("it is nested too deeply");
      names_.emplace_back();
    } else if (event == Event::object_end || event == Event::array_end) {
      names_.pop_back();
    } else if (event == Event::key && !names_.back().insert(value.get<std::string>()).second) {
      return refuse("a member occurs twice");
    }
    return true;
  }

 private:
  [[noreturn]] static bool refuse(const char* why) { throw std::invalid_argument(why); }

  std::vector<std::set<std::string>> names_;
};

StateFileError invalid(std::uint64_t offset, const std::string& why) {
  return {offset, "invalid_record",
          fmt::format("the record at byte {} is invalid: {}", offset, why)};
}

bool is_control(std::string_view text, std::size_t at) {
  const auto byte = static_cast<unsigned char>(text[at]);
  if (byte < 0x20 || byte == 0x7F) return true;
  // U+0080 to U+009F in UTF-8
  return byte == 0xC2 && at + 1 < text.size() && static_cast<unsigned char>(text[at + 1]) < 0xA0;
}

bool has_control(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (is_control(text, i)) return true;
  }
  return false;
}

}  // namespace

nlohmann::json parse_record_object(std::string_view json, std::uint64_t offset) {
  try {
    StrictParse strict;
    auto parsed = nlohmann::json::parse(
        json, [&strict](int, auto event, nlohmann::json& value) { return strict(event, value); });
    if (parsed.is_object()) return parsed;
  } catch (const nlohmann::json::exception&) {
    throw invalid(offset, "it is not JSON");
  } catch (const std::invalid_argument& why) {
    throw invalid(offset, why.what());
  }
  throw invalid(offset, "it is not a JSON object");
}

std::string printable(std::string text) {
  // Each invalid byte of UTF-8 becomes three bytes when it is written.
  text.resize(std::min(text.size(), max_state_text / 3));
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (is_control(text, i)) text[i] = '?';
  }
  return text;
}

const nlohmann::json& JsonMembers::member(const char* name) const {
  const auto found = object_->find(name);
  if (found == object_->end()) fail(name, "is missing");
  return *found;
}

bool JsonMembers::is_null(const char* name) const { return member(name).is_null(); }

std::string JsonMembers::text(const char* name) const {
  const auto& value = member(name);
  if (!value.is_string()) fail(name, "is not a string");
  auto text = value.get<std::string>();
  if (text.size() > max_state_text) fail(name, "is too long");
  if (has_control(text)) fail(name, "has control characters");
  return text;
}

/// A member that former versions do not write.
std::optional<bool> JsonMembers::maybe_boolean(const char* name) const {
  if (!object_->contains(name)) return std::nullopt;
  return boolean(name);
}

std::optional<std::string> JsonMembers::maybe_text(const char* name) const {
  if (is_null(name)) return std::nullopt;
  return text(name);
}

bool JsonMembers::boolean(const char* name) const {
  const auto& value = member(name);
  if (!value.is_boolean()) fail(name, "is not a boolean");
  return value.get<bool>();
}

std::uint64_t JsonMembers::number(const char* name, std::uint64_t most) const {
  const auto& value = member(name);
  if (!value.is_number_unsigned()) fail(name, "is not an unsigned number");
  const auto number = value.get<std::uint64_t>();
  if (number > most) fail(name, "is out of range");
  return number;
}

JsonMembers JsonMembers::object(const char* name) const {
  const auto& value = member(name);
  if (!value.is_object()) fail(name, "is not an object");
  return {value, offset_};
}

std::optional<std::vector<JsonMembers>> JsonMembers::maybe_objects(const char* name) const {
  const auto found = object_->find(name);
  if (found == object_->end()) return std::nullopt;
  if (!found->is_array()) fail(name, "is not an array");
  std::vector<JsonMembers> objects;
  for (const auto& each : *found) {
    if (!each.is_object()) fail(name, "has an entry that is not an object");
    objects.emplace_back(each, offset_);
  }
  return objects;
}

void JsonMembers::fail(const char* name, const std::string& why) const {
  throw invalid(offset_, fmt::format("its member \"{}\" {}", name, why));
}

}  // namespace nvmigrate
