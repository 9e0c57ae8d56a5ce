// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "nvmigrate/base/io.h"
#include "nvmigrate/migrate/backend.h"
#include "nvmigrate/ports/device.h"
#include "nvmigrate/store/folders.h"

namespace nvmigrate {

struct BackendOptions {
  /// Of Suspend, whose drain takes its time; what is less than command::patience counts as that.
  std::chrono::milliseconds suspend_timeout{0};
  std::size_t chunk_limit = std::size_t{256}
                            << 10U;  ///< most bytes of one command, multiple of 4096
};

/// One row of the explicit table of backends.
struct BackendRow {
  std::string_view name;
  std::string_view summary;
  std::string_view command_set;  ///< "NVMe 2.1 Migration Send/Receive"
  /// \return the backend, not yet asked whether it serves the device
  std::unique_ptr<MigrationBackend> (*make)(AdminPort& port, const BackendOptions& options);
};
std::span<const BackendRow> backends();

/// One row of the explicit table of where devices come from.
struct ProviderRow {
  std::string_view name;  ///< linux, sim
  std::string_view summary;
  bool simulated;  ///< none of its devices is hardware
  /// Whether a user's device string is one of this provider's.
  bool (*owns)(std::string_view device);
  /// \throws not_found with the next step, permission, …
  std::unique_ptr<Device> (*open)(Io& io, const Folders& folders, const std::string& device);
  /// The device strings of all controlling functions there are now.
  std::vector<std::string> (*all)(Io& io, const Folders& folders);
};
std::span<const ProviderRow> providers();

/// Opens `/dev/nvme0`, `nvme0`, `0000:01:00.0` or `sim:NAME`. \throws not_found, …
std::unique_ptr<Device> open_device(Io& io, const Folders& folders, const std::string& device);

/// The first backend that serves the device, already asked. \throws unsupported naming what each of
/// them looked at
std::unique_ptr<MigrationBackend> choose_backend(AdminPort& port, const BackendOptions& options);

}  // namespace nvmigrate
