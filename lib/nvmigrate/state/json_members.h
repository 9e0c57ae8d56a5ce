// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <limits>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nvmigrate {

/// The longest text of a state file, in bytes.
inline constexpr std::size_t max_state_text = 1024;

/// Parses the one object that a JSON record is: no member twice, few levels.
/// \throws StateFileError, giving `offset`
nlohmann::json parse_record_object(std::string_view json, std::uint64_t offset);

/// A text as a state file takes it: control characters become '?', and a long text is cut.
std::string printable(std::string text);

/// Typed access to the members of an object. A member that is missing or has the wrong type is a
/// StateFileError.
class JsonMembers {
 public:
  /// \param object outlives this
  JsonMembers(const nlohmann::json& object, std::uint64_t offset)
      : object_(&object), offset_(offset) {}

  [[nodiscard]] std::string text(const char* name) const;
  [[nodiscard]] bool boolean(const char* name) const;
  [[nodiscard]] std::uint64_t number(const char* name, std::uint64_t most) const;
  /// null is nothing
  [[nodiscard]] std::optional<bool> maybe_boolean(const char* name) const;
  [[nodiscard]] std::optional<std::string> maybe_text(const char* name) const;
  [[nodiscard]] JsonMembers object(const char* name) const;
  /// An array of objects; a member that is missing is nothing
  [[nodiscard]] std::optional<std::vector<JsonMembers>> maybe_objects(const char* name) const;

  template <typename T>
  [[nodiscard]] T number(const char* name) const {
    return static_cast<T>(number(name, std::numeric_limits<T>::max()));
  }
  template <typename T>
  [[nodiscard]] std::optional<T> maybe_number(const char* name) const {
    if (is_null(name)) return std::nullopt;
    return number<T>(name);
  }
  [[noreturn]] void fail(const char* name, const std::string& why) const;

 private:
  [[nodiscard]] const nlohmann::json& member(const char* name) const;
  [[nodiscard]] bool is_null(const char* name) const;

  const nlohmann::json* object_;
  std::uint64_t offset_;
};

}  // namespace nvmigrate
