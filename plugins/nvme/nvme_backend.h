// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <memory>
#include <mutex>
#include <optional>

#include "nvmigrate/migrate/backend.h"
#include "nvmigrate/nvme/commands.h"
#include "nvmigrate/nvme/identify.h"
#include "plugins/registry.h"

namespace nvmigrate::nvme {

/// The standard backend: Migration Send and Migration Receive of NVMe Base 2.1 (§5.1.16, §5.1.17),
/// sent to the controlling function. See README.md beside this file.
class NvmeBackend final : public MigrationBackend {
 public:
  NvmeBackend(AdminPort& port, const BackendOptions& options);

  [[nodiscard]] std::string_view name() const override { return "nvme"; }
  BackendQuery query() override;
  void quiesce(std::uint16_t function) override;
  void freeze(std::uint16_t function) override;
  bool resume(std::uint16_t function) override;
  FunctionState look(std::uint16_t function, const FormatChoice& formats) override;
  void save(std::uint16_t function, const FormatChoice& formats, StateSink& into) override;
  void load(std::uint16_t function, const FormatChoice& formats, StateSource& from) override;

 private:
  /// What the controlling function is found to be; asked once.
  struct Known {
    FormatTable formats;
    std::size_t max_transfer = 0;  ///< 0: no limit
    std::size_t chunk = 0;
  };
  const Known& known();
  bool says_frozen(std::uint16_t function);
  [[nodiscard]] Known find_out() const;

  AdminPort* port_;
  BackendOptions options_;
  std::mutex mutex_;
  std::optional<Known> known_;
};

/// As the table of backends wants it.
std::unique_ptr<MigrationBackend> make_nvme_backend(AdminPort& port, const BackendOptions& options);

}  // namespace nvmigrate::nvme
