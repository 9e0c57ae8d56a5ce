// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/store/folders.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <filesystem>
#include <optional>
#include <utility>
#include <vector>

#include "nvmigrate/base/error.h"

namespace nvmigrate {
namespace {

constexpr std::size_t longest_file = std::size_t{16} << 20U;
constexpr std::size_t longest_name = 160;
constexpr mode_t writable_by_others = 022;
constexpr int most_links = 40;  ///< as the kernel
constexpr auto variables =
    "NVMIGRATE_STATE_DIR, NVMIGRATE_RUN_DIR, NVMIGRATE_SIM_DIR or NVMIGRATE_CONFIG_DIR";

using Environment = std::function<const char*(const char*)>;

std::optional<std::string> value_of(const Environment& environment, const char* name) {
  const char* value = environment(name);
  if (value == nullptr || *value == '\0') return std::nullopt;
  return value;
}

std::optional<std::string> own_variable(const Environment& environment, const char* name) {
  auto value = value_of(environment, name);
  if (value && value->front() != '/') {
    throw usage_error(fmt::format("{}: '{}' is not an absolute path", name, *value));
  }
  return value;
}

/// A variable of the XDG base directory specification, which wants relative ones ignored.
std::optional<std::string> xdg_variable(const Environment& environment, const char* name) {
  auto value = value_of(environment, name);
  if (value && value->front() != '/') return std::nullopt;
  return value;
}

std::string default_state(const Environment& environment, bool root) {
  if (root) return "/var/lib/nvmigrate";
  if (const auto state = xdg_variable(environment, "XDG_STATE_HOME")) return *state + "/nvmigrate";
  if (const auto home = xdg_variable(environment, "HOME")) {
    return *home + "/.local/state/nvmigrate";
  }
  throw usage_error("cannot find the folder for marks and bindings: HOME is not set",
                    "set HOME, or set NVMIGRATE_STATE_DIR to an absolute path");
}

std::string default_run(const Environment& environment, bool root, const std::string& state) {
  if (root) return "/run/nvmigrate";
  const auto runtime = xdg_variable(environment, "XDG_RUNTIME_DIR");
  return runtime ? *runtime + "/nvmigrate" : state + "/run";
}

/// \return nothing when there is nothing at `path`
std::optional<struct stat> look_at(Io& io, const std::string& path) {
  struct stat about {};
  if (io.lstat(path, about) == 0) return about;
  if (errno == ENOENT) return std::nullopt;
  throw OsError(errno, "look at", path);
}

Error unusable(const std::string& path, const std::string& why, std::string advice = {},
               std::vector<Remedy> remedies = {}) {
  return refused(fmt::format("cannot use {}: it {}", path, why), std::move(advice),
                 std::move(remedies));
}

void check_not_link(const std::string& path, const struct stat& about) {
  if (!S_ISLNK(about.st_mode)) return;
  throw unusable(path, "is a symbolic link", "replace the link by what it points to");
}

void check_not_shared(const std::string& path, const struct stat& about) {
  if ((about.st_mode & writable_by_others) == 0) return;
  throw unusable(path, "is writable by other users",
                 "take the write permission from its group and from others",
                 {{.action = Remedy::Action::restrict_folder, .object = path}});
}

void check_ours(const std::string& path, const struct stat& about) {
  check_not_link(path, about);
  if (about.st_uid != ::geteuid()) {
    throw unusable(path,
                   fmt::format("belongs to user {}, not to user {}", about.st_uid, ::geteuid()),
                   fmt::format("run as its owner, or name another folder in {}", variables));
  }
  check_not_shared(path, about);
}

bool belongs_to_others(const struct stat& about) {
  return about.st_uid != 0 && about.st_uid != ::geteuid();
}

void check_trusted(const std::string& path, const struct stat& about) {
  check_not_link(path, about);
  if (belongs_to_others(about)) {
    throw unusable(path, fmt::format("belongs to user {}", about.st_uid),
                   "read it and, if it is right, give it to root",
                   {{.action = Remedy::Action::give_to_root, .object = path}});
  }
  check_not_shared(path, about);
}

Error in_reach(const std::string& path, const std::string& folder, const std::string& why,
               std::string advice, std::vector<Remedy> remedies = {}) {
  return unusable(path,
                  fmt::format("is reached through {}, which {}: it can be replaced", folder, why),
                  std::move(advice), std::move(remedies));
}

/// Who owns a part of the way, or may write to a folder on it, may put another in its place.
void check_part(const std::string& path, const std::string& part, const struct stat& about) {
  if (belongs_to_others(about)) {
    throw in_reach(path, part, fmt::format("belongs to user {}", about.st_uid),
                   fmt::format("give it to root, or name another folder in {}", variables),
                   {{.action = Remedy::Action::give_to_root, .object = part}});
  }
  const bool is_shared = (about.st_mode & writable_by_others) != 0 && !S_ISLNK(about.st_mode);
  if (is_shared && (about.st_mode & S_ISVTX) == 0) {
    throw in_reach(path, part, "is writable by other users",
                   "take the write permission from its group and from others",
                   {{.action = Remedy::Action::restrict_folder, .object = part}});
  }
}

std::string within(const std::string& folder, const std::string& name) {
  return folder + (folder.ends_with('/') ? "" : "/") + name;
}

/// The parts of a path, the first one last.
std::vector<std::string> parts_of(const std::string& path) {
  const std::filesystem::path whole(path);
  std::vector<std::string> parts(whole.begin(), whole.end());
  std::reverse(parts.begin(), parts.end());
  return parts;
}

/// Follows links, whose parts can be replaced as well. What does not exist yet is made by us.
void check_way(Io& io, const std::string& path) {
  auto left = parts_of(std::filesystem::path(path).parent_path());
  std::string folder;
  for (int links = 0; !left.empty();) {
    const auto name = left.back();
    left.pop_back();
    const auto part = name == "/" ? name : within(folder, name);
    const auto about = look_at(io, part);
    if (!about) return;
    check_part(path, part, *about);
    if (!S_ISLNK(about->st_mode)) {
      folder = part;
      continue;
    }
    std::string target;
    if (++links > most_links) throw OsError(ELOOP, "look at", path);
    if (io.readlink(part, target) != 0) throw OsError(errno, "read the link", part);
    const auto parts = parts_of(target);
    left.insert(left.end(), parts.begin(), parts.end());
  }
}

void check_kind(const std::string& path, bool right, const char* kind) {
  if (!right) throw unusable(path, fmt::format("is not a {}", kind));
}

std::optional<std::string> read_checked(Io& io, const std::string& path,
                                        void (*check)(const std::string&, const struct stat&)) {
  const auto about = look_at(io, path);
  if (!about) return std::nullopt;
  check(path, *about);
  check_kind(path, S_ISREG(about->st_mode), "regular file");
  try {
    return read_text(io, path, longest_file, O_NOFOLLOW);
  } catch (const OsError& error) {
    if (error.error_number() != ENOENT) throw;
    return std::nullopt;
  }
}

void make_folder(Io& io, const std::string& path) {
  if (io.mkdir(path, 0700) != 0 && errno != EEXIST) throw OsError(errno, "make the folder", path);
}

void make_parents(Io& io, const std::string& path) {
  const auto slash = path.rfind('/');
  if (slash == std::string::npos || slash == 0) return;
  const auto parent = path.substr(0, slash);
  if (exists(io, parent)) return;
  make_parents(io, parent);
  make_folder(io, parent);
}

std::string nearest_folder(Io& io, std::string path) {
  while (!exists(io, path)) {
    const auto slash = path.rfind('/');
    path = slash == 0 || slash == std::string::npos ? "/" : path.substr(0, slash);
  }
  return path;
}

/// Permissions are not enough: root may write to a folder of /proc, and yet can make nothing there.
void try_to_write(Io& io, const std::string& folder) {
  const auto probe = folder + "/.nvmigrate-" + std::to_string(::getpid());
  if (io.mkdir(probe, 0700) != 0) throw OsError(errno, "write to", folder);
  if (io.rmdir(probe) != 0) throw OsError(errno, "remove", probe);
}

std::uint64_t digest_of(const std::string& text) {
  std::uint64_t digest = 0xCBF29CE484222325U;
  for (const char c : text) {
    digest = (digest ^ static_cast<unsigned char>(c)) * 0x100000001B3U;
  }
  return digest;
}

bool stays(char c, bool first) {
  const bool plain = std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_';
  return plain || (c == '.' && !first);
}

std::string escaped(char c) { return fmt::format("%{:02x}", static_cast<unsigned char>(c)); }

}  // namespace

std::string config_folder(const Environment& environment) {
  return own_variable(environment, "NVMIGRATE_CONFIG_DIR").value_or(std::string{config_dir});
}

Folders default_folders(const Environment& environment, bool root) {
  Folders folders;
  const auto state = own_variable(environment, "NVMIGRATE_STATE_DIR");
  const auto run = own_variable(environment, "NVMIGRATE_RUN_DIR");
  const auto sim = own_variable(environment, "NVMIGRATE_SIM_DIR");
  folders.state = state ? *state : default_state(environment, root);
  folders.run = run ? *run : default_run(environment, root, folders.state);
  folders.sim = sim ? *sim : folders.state + "/sim";
  folders.config = config_folder(environment);
  return folders;
}

std::string boot_of(Io& io) {
  try {
    auto text = read_text(io, "/proc/sys/kernel/random/boot_id");
    return text.substr(0, text.find('\n'));
  } catch (const Error&) {
    return {};
  }
}

bool check_private(Io& io, const std::string& path) {
  check_way(io, path);
  const auto about = look_at(io, path);
  if (about) check_ours(path, *about);
  return about.has_value();
}

void make_private_folder(Io& io, const std::string& path) {
  check_way(io, path);
  auto about = look_at(io, path);
  if (!about) {
    make_parents(io, path);
    make_folder(io, path);
    check_way(io, path);
    about = look_at(io, path);
    if (!about) throw OsError(ENOENT, "make the folder", path);
  }
  check_ours(path, *about);
  check_kind(path, S_ISDIR(about->st_mode), "folder");
}

bool check_private_folder(Io& io, const std::string& path) {
  check_way(io, path);
  const auto about = look_at(io, path);
  if (about) {
    check_ours(path, *about);
    check_kind(path, S_ISDIR(about->st_mode), "folder");
  }
  try_to_write(io, nearest_folder(io, path));
  return about.has_value();
}

std::optional<std::string> read_private(Io& io, const std::string& path) {
  return read_checked(io, path, check_ours);
}

std::optional<std::string> read_trusted(Io& io, const std::string& path) {
  check_way(io, path);
  return read_checked(io, path, check_trusted);
}

std::string file_name_of(const std::string& subsystem_nqn) {
  std::string name;
  for (const char c : subsystem_nqn)
    name += stays(c, name.empty()) ? std::string{c} : escaped(c);
  if (name.empty()) return "%";
  if (name.size() <= longest_name) return name;
  return fmt::format("{:.{}}-{:016x}", name, longest_name, digest_of(subsystem_nqn));
}

}  // namespace nvmigrate
