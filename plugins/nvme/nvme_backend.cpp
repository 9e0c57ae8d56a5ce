// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugins/nvme/nvme_backend.h"

#include <fmt/core.h>

#include <algorithm>

#include "nvmigrate/nvme/wire.h"
#include "nvmigrate/ports/device.h"
#include "plugins/nvme/explain.h"
#include "plugins/nvme/state_loader.h"
#include "plugins/nvme/state_reader.h"

namespace nvmigrate::nvme {
namespace {

constexpr std::size_t page = 4096;
constexpr std::uint32_t version_2_4 = 0x00020400;

std::size_t no_more_than(std::size_t limit, std::size_t most) {
  return most == 0 ? limit : std::min(limit, most);
}

std::size_t most_of(const ControllerIdentity& identity, const BackendOptions& options) {
  return no_more_than(no_more_than(largest_chunk, identity.max_transfer), options.most);
}

std::size_t chunk_of(const BackendOptions& options, std::size_t most) {
  if (options.chunk != 0) return std::min(options.chunk, most);
  return std::max(smallest_chunk, std::min(options.chunk_limit, most) / page * page);
}

template <typename T, typename Text>
std::string list_of(const std::vector<T>& values, const Text& text) {
  std::string list;
  for (const auto& value : values)
    list.append(list.empty() ? "" : ", ").append(text(value));
  return list.empty() ? "none" : list;
}

std::string list_of(const std::vector<std::uint16_t>& versions) {
  return list_of(versions, [](std::uint16_t version) { return std::to_string(version); });
}

std::string list_of(const std::vector<Uuid>& vendors) {
  return list_of(vendors, [](const Uuid& vendor) { return to_string(vendor); });
}

/// Each controlling function numbers the formats in its own way.
command::FormatIndexes indexes_of(const FormatTable& table, const FormatChoice& choice) {
  command::FormatIndexes indexes;
  if (choice.version) indexes.version = table.index_of(*choice.version);
  if (choice.version && indexes.version == 0) {
    throw unsupported(
        fmt::format("the device does not support version {} of the NVMe controller state; it "
                    "supports: {}",
                    *choice.version, list_of(table.versions)));
  }
  if (choice.vendor) indexes.vendor = table.index_of(*choice.vendor);
  if (choice.vendor && indexes.vendor == 0) {
    throw unsupported(
        fmt::format("the device does not support the vendor state format {}; it "
                    "supports: {}",
                    to_string(*choice.vendor), list_of(table.vendors)));
  }
  if (indexes.version == 0 && indexes.vendor == 0) {
    throw Error(ExitStatus::internal, "no part of the controller state was asked for");
  }
  return indexes;
}

}  // namespace

NvmeBackend::NvmeBackend(AdminPort& port, const ControllerIdentity& identity,
                         const BackendOptions& options)
    : port_(&port),
      live_migration_(identity.live_migration),
      may_have_subsystem_state_(identity.live_migration && identity.version >= version_2_4),
      chunk_(chunk_of(options, most_of(identity, options))),
      whole_(std::max(chunk_, most_of(identity, options))),
      suspend_timeout_(options.suspend_timeout),
      tracks_memory_(identity.tracking.memory),
      tracker_(port, chunk_),
      carrier_(port, whole_) {}

const FormatTable& NvmeBackend::formats() {
  const std::scoped_lock lock(mutex_);
  if (!formats_) formats_ = read_formats(*port_);
  return *formats_;
}

BackendQuery NvmeBackend::query() {
  if (!live_migration_) {
    throw unsupported("OACS bit 11 (host managed live migration) of Identify Controller is clear");
  }
  const auto& table = formats();
  if (table.versions.empty() && table.vendors.empty()) {
    throw unsupported("Identify CNS 20h (supported controller state formats) is an empty list");
  }
  return {{table.versions, table.vendors}, chunk_};
}

void NvmeBackend::quiesce(std::uint16_t function) {
  send(*port_, command::suspend(function, command::SuspendType::notification), Step::notify,
       function);
}

void NvmeBackend::suspend(std::uint16_t function) {
  auto suspend = command::suspend(function, command::SuspendType::suspend);
  suspend.timeout = std::max(suspend.timeout, suspend_timeout_);
  send(*port_, suspend, Step::suspend, function);
}

bool NvmeBackend::resume(std::uint16_t function) {
  const auto status = port_->submit(command::resume(function)).status;
  if (status.ok()) return true;
  if (status.code() == sc::controller_not_suspended && !says_suspended(function)) return false;
  throw explain(status, Step::resume, function);
}

/// A suspended function must not pass for a running one because of a wrong status.
bool NvmeBackend::says_suspended(std::uint16_t function) {
  const auto& table = formats();
  const command::FormatIndexes first{
      .version = static_cast<std::uint8_t>(table.versions.empty() ? 0 : 1),
      .vendor = static_cast<std::uint8_t>(table.versions.empty() ? 1 : 0)};
  return StateReader(*port_, function, first, chunk_).look().suspended == true;
}

FunctionState NvmeBackend::look(std::uint16_t function, const FormatChoice& choice) {
  return StateReader(*port_, function, indexes_of(formats(), choice), chunk_).look();
}

void NvmeBackend::save(std::uint16_t function, const FormatChoice& choice, StateSink& into) {
  StateReader(*port_, function, indexes_of(formats(), choice), chunk_).read_all(into);
}

void NvmeBackend::load(std::uint16_t function, const FormatChoice& choice, StateSource& from) {
  StateLoader(*port_, function, indexes_of(formats(), choice), {chunk_, whole_}).load(from);
}

std::unique_ptr<MigrationBackend> make_nvme_backend(const BackendPlace& place) {
  return std::make_unique<NvmeBackend>(place.device.admin(), place.identity, place.options);
}

}  // namespace nvmigrate::nvme
