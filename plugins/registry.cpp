// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugins/registry.h"

#include <array>

#include "nvmigrate/base/error.h"
#include "nvmigrate/ports/linux_device.h"
#include "plugins/nvme/nvme_backend.h"
#include "plugins/sim/sim.h"

namespace nvmigrate {
namespace {

constexpr std::array backend_table{
    BackendRow{"nvme", "host managed live migration as NVMe defines it",
               "NVMe 2.1 Migration Send/Receive", nvme::make_nvme_backend},
};

constexpr std::array provider_table{
    ProviderRow{"linux", "controllers of the kernel's nvme driver", false, owns_linux, open_linux,
                all_linux},
    ProviderRow{"sim", "simulated subsystems", true, owns_sim, open_sim, all_sims},
};

}  // namespace

std::span<const BackendRow> backends() { return backend_table; }

std::span<const ProviderRow> providers() { return provider_table; }

std::unique_ptr<Device> open_device(Io& io, const Folders& folders, const std::string& device) {
  for (const auto& provider : providers()) {
    if (provider.owns(device)) return provider.open(io, folders, device);
  }
  throw not_found("open " + device + ": it names no kind of device that is built in",
                  "name /dev/nvme0, nvme0, a PCI address or sim:NAME");
}

std::unique_ptr<MigrationBackend> choose_backend(AdminPort& port, const BackendOptions& options) {
  std::string looked_at;
  for (const auto& row : backends()) {
    auto backend = row.make(port, options);
    try {
      backend->query();
      return backend;
    } catch (const Error& error) {
      if (error.status() != ExitStatus::unsupported) throw;
      looked_at.append(looked_at.empty() ? "" : "; ").append(row.name).append(": ");
      looked_at.append(error.what());
    }
  }
  throw unsupported("the device offers no live migration (" + looked_at + ")",
                    "name the controlling function, which is the physical function as a rule; "
                    "nvmigrate show tells what it can");
}

}  // namespace nvmigrate
