// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "nvmigrate/base/io.h"

namespace nvmigrate {

/// Where /sys, /dev, /proc and /lib/modules are: "" on a real host, a folder in tests.
class Sysroot {
 public:
  explicit Sysroot(std::string prefix = {}) : prefix_(std::move(prefix)) {}

  /// The path below the root: path("/sys/bus").
  [[nodiscard]] std::string path(const std::string& absolute) const { return prefix_ + absolute; }
  [[nodiscard]] bool is_host() const noexcept { return prefix_.empty(); }

 private:
  std::string prefix_;
};

/// Reads and writes what the kernel shows in /sys and /proc, below a root. Paths are given, and
/// named in errors, as on a real host. A file that does not exist, or vanishes while it is read,
/// gives nothing or an empty answer; every other failure is an OsError.
class Sysfs {
 public:
  Sysfs(Io& io, Sysroot root) : io_(&io), root_(std::move(root)) {}

  [[nodiscard]] Io& io() const noexcept { return *io_; }
  [[nodiscard]] const Sysroot& root() const noexcept { return root_; }

  [[nodiscard]] bool exists(const std::string& path) const;
  /// A whole file, at most `limit` bytes.
  [[nodiscard]] std::optional<std::string> text(const std::string& path,
                                                std::size_t limit = std::size_t{1} << 20U) const;
  /// An attribute without the blanks around it.
  [[nodiscard]] std::optional<std::string> line(const std::string& path) const;
  /// An attribute that is a number, decimal or with 0x. \return nothing when it is something else
  [[nodiscard]] std::optional<std::uint64_t> number(const std::string& path) const;
  /// The last part of what a link points to.
  [[nodiscard]] std::optional<std::string> link_name(const std::string& path) const;
  /// The names in a directory, sorted.
  [[nodiscard]] std::vector<std::string> names(const std::string& path) const;
  void write(const std::string& path, const std::string& text) const;
  /// Opens a file for writing, and writes nothing. \throws OsError
  void try_writing(const std::string& path) const { static_cast<void>(opened_to_write(path)); }

 private:
  [[nodiscard]] OpenFile opened_to_write(const std::string& path) const;

  Io* io_;
  Sysroot root_;
};

/// The part of a path after its last slash.
std::string last_part(const std::string& path);

}  // namespace nvmigrate
