// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>

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

}  // namespace nvmigrate
