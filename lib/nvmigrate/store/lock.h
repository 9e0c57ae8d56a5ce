// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <chrono>
#include <string>

#include "nvmigrate/base/io.h"
#include "nvmigrate/store/folders.h"

namespace nvmigrate {

/// The lock of a subsystem for commands that change it: flock(2) on a file in the run folder, which
/// holds the pid and the command of the holder. Readers never lock. The lock ends with its process.
class SubsystemLock {
 public:
  /// \param wait how long to wait for another holder; 0 waits only for one that looks
  /// \throws Error(busy) naming the holder's pid and command; Interrupted while waiting
  SubsystemLock(Io& io, const Folders& folders, const std::string& subsystem_nqn,
                const std::string& command, std::chrono::milliseconds wait);

 private:
  OpenFile file_;
};

/// Whether process `pid` holds the lock of the subsystem now, so that its journalled operation is
/// in progress and not unfinished. The lock file says who took it last, in any PID namespace, and
/// the lock itself whether it is held: it is tried for a moment, and nothing waits. What cannot be
/// tried may be held.
bool holds_lock(Io& io, const Folders& folders, const std::string& subsystem_nqn, pid_t pid);

}  // namespace nvmigrate
