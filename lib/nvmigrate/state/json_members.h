// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace nvmigrate {

/// The most bytes a text of a state file has.
inline constexpr std::size_t max_state_text = 1024;

/// Parses the one object that a JSON record is: no member twice, few levels.
/// \throws StateFileError, giving `offset`
nlohmann::json parse_record_object(std::string_view json, std::uint64_t offset);

/// A text as a state file takes it: what no terminal should get becomes '?', and it is not too
/// long.
std::string printable(std::string text);

/// Typed access to the members of an object; what is missing or wrong is a StateFileError.
class JsonMembers {
 public:
  /// \param object outlives this
  JsonMembers(const nlohmann::json& object, std::uint64_t offset)
      : object_(&object), offset_(offset) {}

  [[nodiscard]] std::string text(const char* name) const;
  [[nodiscard]] bool boolean(const char* name) const;
  [[nodiscard]] std::uint64_t number(const char* name, std::uint64_t most) const;
  /// null is nothing
  [[nodiscard]] std::optional<std::string> maybe_text(const char* name) const;
  [[nodiscard]] JsonMembers object(const char* name) const;

  template <typename T>
  [[nodiscard]] T number(const char* name) const {
    return static_cast<T>(number(name, std::numeric_limits<T>::max()));
  }
  template <typename T>
  [[nodiscard]] std::optional<T> maybe_number(const char* name) const {
    if (member(name).is_null()) return std::nullopt;
    return number<T>(name);
  }
  [[noreturn]] void fail(const char* name, const std::string& why) const;

 private:
  [[nodiscard]] const nlohmann::json& member(const char* name) const;

  const nlohmann::json* object_;
  std::uint64_t offset_;
};

}  // namespace nvmigrate
