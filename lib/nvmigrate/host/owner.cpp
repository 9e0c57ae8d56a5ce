// SPDX-License-Identifier: LGPL-2.1-or-later
#include <grp.h>
#include <pwd.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <vector>

#include "nvmigrate/base/error.h"
#include "nvmigrate/base/numbers.h"
#include "nvmigrate/host/functions.h"

namespace nvmigrate {
namespace {

constexpr std::size_t first_room = std::size_t{16} << 10U;
constexpr std::size_t most_room = std::size_t{64} << 20U;

/// An entry of the user or group database, whose texts are in `room`.
/// \param call getpwnam_r(3) and the like, of which these are the last arguments
/// \return nothing when there is no such entry
template <typename Entry, typename Call>
std::optional<Entry> look_up(const std::string& what, std::vector<char>& room, Call call) {
  room.resize(std::max(room.size(), first_room));
  Entry entry{};
  Entry* found = nullptr;
  int code = 0;
  while ((code = call(&entry, room.data(), room.size(), &found)) != 0) {
    if (code == ENOENT || code == ESRCH) return std::nullopt;
    const bool needs_room = code == ERANGE && room.size() < most_room;
    if (!needs_room && code != EINTR) throw OsError(code, "look up", what);
    if (needs_room) room.resize(room.size() * 2);
  }
  return found == nullptr ? std::nullopt : std::optional(entry);
}

template <typename Id>
std::optional<Id> number(const std::string& text) {
  const auto value = parse_number(text);
  // The highest value means "leave it" to chown(2).
  if (!value || *value >= std::numeric_limits<Id>::max()) return std::nullopt;
  return static_cast<Id>(*value);
}

/// The user and its own group.
Owner user_of(const std::string& text) {
  const auto id = number<uid_t>(text);
  std::vector<char> room;
  const auto found = look_up<struct passwd>("user '" + text + "'", room, [&](auto... rest) {
    return id ? ::getpwuid_r(*id, rest...) : ::getpwnam_r(text.c_str(), rest...);
  });
  if (found) return {found->pw_uid, found->pw_gid};
  if (id) return {*id, static_cast<gid_t>(*id)};
  throw usage_error("this host has no user '" + text + "'");
}

gid_t group_of(const std::string& text) {
  if (const auto id = number<gid_t>(text)) return *id;
  std::vector<char> room;
  const auto found = look_up<struct group>("group '" + text + "'", room, [&](auto... rest) {
    return ::getgrnam_r(text.c_str(), rest...);
  });
  if (!found) throw usage_error("this host has no group '" + text + "'");
  return found->gr_gid;
}

}  // namespace

std::string text_of(const Owner& owner) {
  std::vector<char> room(1);
  const auto user = look_up<struct passwd>(
      "user", room, [&](auto... rest) { return ::getpwuid_r(owner.user, rest...); });
  auto text = user ? std::string{user->pw_name} : std::to_string(owner.user);
  const auto group = look_up<struct group>(
      "group", room, [&](auto... rest) { return ::getgrgid_r(owner.group, rest...); });
  return text + ':' + (group ? group->gr_name : std::to_string(owner.group));
}

Owner parse_owner(const std::string& text) {
  const auto colon = text.find(':');
  const auto user = text.substr(0, colon);
  if (colon == std::string::npos) return user_of(user);
  const auto id = number<uid_t>(user);
  return {id ? *id : user_of(user).user, group_of(text.substr(colon + 1))};
}

}  // namespace nvmigrate
