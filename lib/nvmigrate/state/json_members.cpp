// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/state/json_members.h"

#include <algorithm>
#include <set>
#include <vector>

#include "nvmigrate/state/state_file.h"

namespace nvmigrate {
namespace {

constexpr std::size_t max_levels = 8;

/// Refuses, while the parser runs, what it would accept: deep nesting and members given twice.
class StrictParse {
 public:
  bool operator()(nlohmann::json::parse_event_t event, nlohmann::json& value) {
    using Event = nlohmann::json::parse_event_t;
    if (event == Event::object_start || event == Event::array_start) {
      if (names_.size() == max_levels) return refuse("nested too deeply");
      names_.emplace_back();
    } else if (event == Event::object_end || event == Event::array_end) {
      names_.pop_back();
    } else if (event == Event::key && !names_.back().insert(value.get<std::string>()).second) {
      return refuse("a member is there twice");
    }
    return true;
  }

 private:
  [[noreturn]] static bool refuse(const char* why) { throw std::invalid_argument(why); }

  std::vector<std::set<std::string>> names_;
};

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
    throw StateFileError(offset, "the record at byte " + std::to_string(offset) + " is not JSON");
  } catch (const std::invalid_argument& why) {
    throw StateFileError(
        offset, "the record at byte " + std::to_string(offset) + " is refused: " + why.what());
  }
  throw StateFileError(offset,
                       "the record at byte " + std::to_string(offset) + " is no JSON object");
}

std::string printable(std::string text) {
  // Bytes that are no UTF-8 become three each when it is written.
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

std::string JsonMembers::text(const char* name) const {
  const auto& value = member(name);
  if (!value.is_string()) fail(name, "is no text");
  auto text = value.get<std::string>();
  if (text.size() > max_state_text) fail(name, "is too long");
  if (has_control(text)) fail(name, "holds control characters");
  return text;
}

std::optional<std::string> JsonMembers::maybe_text(const char* name) const {
  if (member(name).is_null()) return std::nullopt;
  return text(name);
}

bool JsonMembers::boolean(const char* name) const {
  const auto& value = member(name);
  if (!value.is_boolean()) fail(name, "is neither true nor false");
  return value.get<bool>();
}

std::uint64_t JsonMembers::number(const char* name, std::uint64_t most) const {
  const auto& value = member(name);
  if (!value.is_number_unsigned()) fail(name, "is no unsigned number");
  const auto number = value.get<std::uint64_t>();
  if (number > most) fail(name, "is out of range");
  return number;
}

JsonMembers JsonMembers::object(const char* name) const {
  const auto& value = member(name);
  if (!value.is_object()) fail(name, "is no object");
  return {value, offset_};
}

void JsonMembers::fail(const char* name, const std::string& why) const {
  throw StateFileError(offset_, "the record at byte " + std::to_string(offset_) +
                                    " is refused: its member \"" + name + "\" " + why);
}

}  // namespace nvmigrate
