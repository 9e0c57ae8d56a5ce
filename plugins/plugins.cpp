// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/plugins.h"

#include <unistd.h>

#include <cstdlib>
#include <utility>

#include "nvmigrate/nvme/identify.h"
#include "nvmigrate/ports/linux_device.h"
#include "nvmigrate/profile/declared.h"
#include "nvmigrate/store/folders.h"
#include "plugins/intel/intel_backend.h"
#include "plugins/nvme/nvme_backend.h"
#include "plugins/sim/sim.h"
#include "plugins/vfio/vfio_backend.h"

namespace nvmigrate {

const Catalog& built_in() {
  static const Catalog catalog{
      .backends = {{.name = "nvme",
                    .summary = "host-managed live migration as NVMe defines it",
                    .command_set = "NVMe 2.1 Migration Send/Receive",
                    .make = nvme::make_nvme_backend},
                   {.name = "intel",
                    .summary = "the vendor commands of Intel's patches of December 2022",
                    .command_set = "vendor specific C4h, C8h, CCh, D2h, D5h",
                    .only_by_name = true,
                    .make = intel::make_intel_backend},
                   {.name = "vfio",
                    .summary = "the kernel's variant driver of a function migrates it",
                    .command_set = "Linux vfio migration v2",
                    .make = vfio::make_vfio_backend}},
      .providers = {{.name = "linux",
                     .summary = "controllers of the kernel's nvme driver",
                     .simulated = false,
                     .owns = owns_linux,
                     .open = open_linux,
                     .all = all_linux},
                    {.name = "sim",
                     .summary = "simulated subsystems",
                     .simulated = true,
                     .owns = owns_sim,
                     .open = open_sim,
                     .all = all_sims}}};
  return catalog;
}

Workspace default_workspace(std::string command) {
  static SystemIo io;
  const auto variable = [](const char* name) { return std::getenv(name); };
  auto folders = default_folders(variable, ::geteuid() == 0);
  folders.boot = boot_of(io);
  return {.io = &io,
          .folders = std::move(folders),
          .catalog = &built_in(),
          .command = std::move(command),
          .wanted_vfs = declared_vfs};
}

}  // namespace nvmigrate
