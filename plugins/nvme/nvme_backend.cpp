// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugins/nvme/nvme_backend.h"

#include <algorithm>

#include "plugins/nvme/explain.h"
#include "plugins/nvme/state_loader.h"
#include "plugins/nvme/state_reader.h"

namespace nvmigrate::nvme {
namespace {

constexpr std::size_t page = 4096;
/// What a single command is tried with when the device takes no sequence of smaller ones.
constexpr std::size_t largest_whole = std::size_t{1} << 20U;

std::size_t no_more_than(std::size_t limit, std::size_t max_transfer) {
  return max_transfer == 0 ? limit : std::min(limit, max_transfer);
}

std::string version_list(const std::vector<std::uint16_t>& versions) {
  std::string list;
  for (const auto version : versions) {
    list += (list.empty() ? "" : ", ") + std::to_string(version);
  }
  return list.empty() ? "none" : list;
}

std::string vendor_list(const std::vector<Uuid>& vendors) {
  std::string list;
  for (const auto& vendor : vendors)
    list += (list.empty() ? "" : ", ") + to_string(vendor);
  return list.empty() ? "none" : list;
}

/// The indexes are those of this controlling function; another may number the same formats
/// otherwise.
command::FormatIndexes indexes_of(const FormatTable& table, const FormatChoice& choice) {
  command::FormatIndexes indexes;
  if (choice.version) indexes.version = table.index_of(*choice.version);
  if (choice.version && indexes.version == 0) {
    throw unsupported("the device knows no version " + std::to_string(*choice.version) +
                      " of the NVMe controller state; it knows " + version_list(table.versions));
  }
  if (choice.vendor) indexes.vendor = table.index_of(*choice.vendor);
  if (choice.vendor && indexes.vendor == 0) {
    throw unsupported("the device does not know the vendor state format " +
                      to_string(*choice.vendor) + "; it knows " + vendor_list(table.vendors));
  }
  if (indexes.version == 0 && indexes.vendor == 0) {
    throw Error(ExitStatus::internal, "no part of the controller state was asked for");
  }
  return indexes;
}

}  // namespace

NvmeBackend::NvmeBackend(AdminPort& port, const BackendOptions& options)
    : port_(&port), options_(options) {}

NvmeBackend::Known NvmeBackend::find_out() const {
  const auto identity = read_identity(*port_);
  if (!identity.live_migration) {
    throw unsupported("OACS bit 11 (host managed live migration) of Identify Controller is clear");
  }
  Known found;
  found.formats = read_formats(*port_);
  if (found.formats.versions.empty() && found.formats.vendors.empty()) {
    throw unsupported(
        "Identify CNS 20h (supported controller state formats) lists no format at all");
  }
  found.max_transfer = identity.max_transfer;
  found.chunk =
      std::max(page, no_more_than(options_.chunk_limit, found.max_transfer) / page * page);
  return found;
}

const NvmeBackend::Known& NvmeBackend::known() {
  const std::scoped_lock lock(mutex_);
  if (!known_) known_ = find_out();
  return *known_;
}

BackendQuery NvmeBackend::query() {
  const auto& found = known();
  return {{found.formats.versions, found.formats.vendors}, found.chunk};
}

void NvmeBackend::quiesce(std::uint16_t function) {
  send(*port_, command::suspend(function, command::SuspendType::notification), Step::notify,
       function);
}

void NvmeBackend::freeze(std::uint16_t function) {
  auto suspend = command::suspend(function, command::SuspendType::suspend);
  suspend.timeout = std::max(suspend.timeout, options_.suspend_timeout);
  send(*port_, suspend, Step::suspend, function);
}

bool NvmeBackend::resume(std::uint16_t function) {
  const auto status = port_->submit(command::resume(function)).status;
  if (status.ok()) return true;
  if (status.code() == sc::controller_not_suspended && !says_frozen(function)) return false;
  throw explain(status, Step::resume, function);
}

/// A function that is suspended after all must not be taken for one that runs.
bool NvmeBackend::says_frozen(std::uint16_t function) {
  const auto& found = known();
  const command::FormatIndexes first{
      .version = static_cast<std::uint8_t>(found.formats.versions.empty() ? 0 : 1),
      .vendor = static_cast<std::uint8_t>(found.formats.versions.empty() ? 1 : 0)};
  return StateReader(*port_, function, first, found.chunk).look().frozen;
}

FunctionState NvmeBackend::look(std::uint16_t function, const FormatChoice& formats) {
  const auto& found = known();
  return StateReader(*port_, function, indexes_of(found.formats, formats), found.chunk).look();
}

void NvmeBackend::save(std::uint16_t function, const FormatChoice& formats, StateSink& into) {
  const auto& found = known();
  StateReader(*port_, function, indexes_of(found.formats, formats), found.chunk).read_all(into);
}

void NvmeBackend::load(std::uint16_t function, const FormatChoice& formats, StateSource& from) {
  const auto& found = known();
  const TransferLimits limits{
      found.chunk, std::max(found.chunk, no_more_than(largest_whole, found.max_transfer))};
  StateLoader(*port_, function, indexes_of(found.formats, formats), limits).load(from);
}

std::unique_ptr<MigrationBackend> make_nvme_backend(AdminPort& port,
                                                    const BackendOptions& options) {
  return std::make_unique<NvmeBackend>(port, options);
}

}  // namespace nvmigrate::nvme
