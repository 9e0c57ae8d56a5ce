// SPDX-License-Identifier: LGPL-2.1-or-later
#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>

#include "cli/command.h"

namespace {

/// A descriptor closed by the caller would be given to the next file that is opened, and data would
/// go there. What takes its place here can be neither read nor written.
void occupy_standard_descriptors() {
  for (const int descriptor : {0, 1, 2}) {
    if (::fcntl(descriptor, F_GETFD) >= 0) continue;
    ::open("/dev/null", descriptor == 0 ? O_WRONLY : O_RDONLY);
  }
}

}  // namespace

int main(int count, char** words) {
  using nvmigrate::cli::Environment;
  occupy_standard_descriptors();
  const bool root = ::geteuid() == 0;
  const std::function<const char*(const char*)> variable = [](const char* name) {
    return std::getenv(name);
  };
  nvmigrate::SystemIo io;
  Environment environment{.io = io,
                          .find_folders =
                              [&] {
                                auto folders = nvmigrate::default_folders(variable, root);
                                folders.boot = nvmigrate::boot_of(io);
                                return folders;
                              },
                          .find_configuration = [&] { return nvmigrate::config_folder(variable); },
                          .variable = variable,
                          .wrap = {},
                          .audit = nvmigrate::cli::system_audit()};
  const std::vector<std::string> arguments(words + (count > 0 ? 1 : 0), words + count);
  return static_cast<int>(nvmigrate::cli::run(arguments, environment));
}
