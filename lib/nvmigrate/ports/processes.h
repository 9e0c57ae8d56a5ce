// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>
#include <vector>

#include "nvmigrate/ports/sysfs.h"

namespace nvmigrate {

/// A file that a process has open.
struct OpenedFile {
  std::string process;  ///< "pid 4711 (qemu-system-x86)"
  std::string path;     ///< as given to find_open_files
};

/// Which processes have one of these files open, by /proc/PID/fd: once per process and file, in the
/// order of the process ids. Skips processes that the caller may not look into. \throws OsError
std::vector<OpenedFile> find_open_files(const Sysfs& proc, const std::vector<std::string>& paths);

/// Whether this process may send admin commands that change something: whether CAP_SYS_ADMIN is
/// among its effective capabilities (/proc/self/status), which root in a container often lacks.
/// Where /proc is not mounted, whether it is root. \throws OsError
bool may_administrate(const Sysfs& proc);

}  // namespace nvmigrate
