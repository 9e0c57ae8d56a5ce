// SPDX-License-Identifier: LGPL-2.1-or-later
#include <grp.h>
#include <pwd.h>

#include <array>
#include <limits>

#include "nvmigrate/base/numbers.h"
#include "nvmigrate/host/functions.h"

namespace nvmigrate {
namespace {

constexpr std::size_t entry_size = std::size_t{16} << 10U;

template <typename Id>
std::optional<Id> number(const std::string& text) {
  const auto value = parse_number(text);
  // The highest value means "leave it" to chown(2).
  if (!value || *value >= std::numeric_limits<Id>::max()) return std::nullopt;
  return static_cast<Id>(*value);
}

Owner user_of(const std::string& text) {
  std::array<char, entry_size> room{};
  struct passwd entry {};
  struct passwd* found = nullptr;
  const auto id = number<uid_t>(text);
  if (id) {
    ::getpwuid_r(*id, &entry, room.data(), room.size(), &found);
  } else {
    ::getpwnam_r(text.c_str(), &entry, room.data(), room.size(), &found);
  }
  if (found != nullptr) return {found->pw_uid, found->pw_gid};
  if (id) return {*id, static_cast<gid_t>(*id)};
  throw usage_error("this host has no user '" + text + "'");
}

gid_t group_of(const std::string& text) {
  if (const auto id = number<gid_t>(text)) return *id;
  std::array<char, entry_size> room{};
  struct group entry {};
  struct group* found = nullptr;
  ::getgrnam_r(text.c_str(), &entry, room.data(), room.size(), &found);
  if (found == nullptr) throw usage_error("this host has no group '" + text + "'");
  return found->gr_gid;
}

}  // namespace

Owner parse_owner(const std::string& text) {
  const auto colon = text.find(':');
  auto owner = user_of(text.substr(0, colon));
  if (colon != std::string::npos) owner.group = group_of(text.substr(colon + 1));
  return owner;
}

}  // namespace nvmigrate
