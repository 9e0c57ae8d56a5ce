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

/// Which processes have one of these files open, by /proc/PID/fd; once per process and file, in the
/// order of the process ids. Processes that the caller may not look into are passed over.
/// \throws OsError
std::vector<OpenedFile> find_open_files(const Sysfs& proc, const std::vector<std::string>& paths);

}  // namespace nvmigrate
