// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <sys/types.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "nvmigrate/ports/sysfs.h"

namespace nvmigrate {

/// A device by its kind (S_IFCHR or S_IFBLK) and number, whatever the path of its node.
using DeviceNumber = std::pair<mode_t, dev_t>;

/// The devices that processes have open, by one pass over /proc/PID/fd. Devices are known by their
/// numbers: a container has nodes of its own.
class OpenDevices {
 public:
  /// \throws OsError when /proc cannot be listed
  explicit OpenDevices(const Sysfs& proc);

  /// The processes that have a device open, "pid 4711 (qemu-system-x86)", in the order of their
  /// ids, each once.
  [[nodiscard]] std::vector<std::string> holders(const DeviceNumber& device) const;
  /// Why further processes may have devices open; empty: all processes were seen.
  [[nodiscard]] const std::string& unseen() const noexcept { return unseen_; }

 private:
  /// \return whether all of its open files could be seen
  bool look_into(const Sysfs& proc, const std::string& pid);

  std::map<DeviceNumber, std::vector<std::string>> holders_;
  std::string unseen_;
};

/// Whether this process may send admin commands that change something: whether CAP_SYS_ADMIN is
/// among its effective capabilities (/proc/self/status), which root in a container often lacks.
/// Where /proc is not mounted, whether it is root. \throws OsError
bool may_administrate(const Sysfs& proc);

}  // namespace nvmigrate
