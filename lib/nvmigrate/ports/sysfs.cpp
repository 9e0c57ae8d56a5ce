// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/ports/sysfs.h"

#include <fcntl.h>
#include <fmt/core.h>

#include <array>
#include <cerrno>
#include <span>

#include "nvmigrate/base/error.h"
#include "nvmigrate/base/numbers.h"

namespace nvmigrate {
namespace {

/// What a read answers when the object behind the attribute does not exist, or went away.
bool means_absent(int code) {
  return code == ENOENT || code == ENODEV || code == ENXIO || code == ENOTDIR || code == ESRCH;
}

std::string trimmed(const std::string& text) {
  constexpr auto blanks = " \t\n";
  const auto first = text.find_first_not_of(blanks);
  if (first == std::string::npos) return {};
  return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

template <typename Call>
auto retried(Call call) {
  decltype(call()) result{};
  do {
    result = call();
  } while (result < 0 && errno == EINTR);
  return result;
}

}  // namespace

bool Sysfs::exists(const std::string& path) const {
  struct stat about {};
  if (retried([&] { return io_->stat(root_.path(path), about); }) == 0) return true;
  if (means_absent(errno)) return false;
  throw OsError(errno, "look for", path);
}

std::optional<std::string> Sysfs::text(const std::string& path, std::size_t limit) const {
  const int fd = retried([&] { return io_->open(root_.path(path), O_RDONLY, 0); });
  if (fd < 0 && means_absent(errno)) return std::nullopt;
  if (fd < 0) throw OsError(errno, "read", path);
  const OpenFile file(*io_, fd);
  std::string text;
  std::array<std::byte, 4096> piece{};
  while (true) {
    const auto count = retried([&] { return io_->read(fd, piece); });
    if (count < 0 && means_absent(errno)) return std::nullopt;
    if (count < 0) throw OsError(errno, "read", path);
    if (count == 0) return text;
    text.append(reinterpret_cast<const char*>(piece.data()), static_cast<std::size_t>(count));
    if (text.size() > limit) {
      throw Error(ExitStatus::io,
                  fmt::format("cannot read {}: it is longer than {}", path, format_size(limit)));
    }
  }
}

std::optional<std::string> Sysfs::line(const std::string& path) const {
  const auto whole = text(path);
  if (!whole) return std::nullopt;
  return trimmed(*whole);
}

std::optional<std::uint64_t> Sysfs::number(const std::string& path) const {
  const auto digits = line(path);
  if (!digits) return std::nullopt;
  return parse_number(*digits);
}

std::optional<std::string> Sysfs::link_name(const std::string& path) const {
  std::string target;
  if (retried([&] { return io_->readlink(root_.path(path), target); }) == 0) {
    return last_part(target);
  }
  if (means_absent(errno) || errno == EINVAL) return std::nullopt;
  throw OsError(errno, "read the link", path);
}

std::vector<std::string> Sysfs::names(const std::string& path) const {
  std::vector<std::string> found;
  if (retried([&] { return io_->list(root_.path(path), found); }) == 0) return found;
  if (means_absent(errno)) return {};
  throw OsError(errno, "list", path);
}

void Sysfs::write(const std::string& path, const std::string& text) const {
  const auto file = opened_to_write(path);
  if (retried([&] { return io_->write(file.fd(), std::as_bytes(std::span{text})); }) < 0) {
    throw OsError(errno, "write to", path);
  }
}

OpenFile Sysfs::opened_to_write(const std::string& path) const {
  const int fd = retried([&] { return io_->open(root_.path(path), O_WRONLY, 0); });
  if (fd < 0) throw OsError(errno, "write to", path);
  return {*io_, fd};
}

std::string last_part(const std::string& path) { return path.substr(path.rfind('/') + 1); }

}  // namespace nvmigrate
