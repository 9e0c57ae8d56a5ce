// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/nvme/status.h"

#include <fmt/core.h>

#include <utility>

#include "nvmigrate/nvme/libnvme.h"

namespace nvmigrate {
namespace {

constexpr unsigned path_related = 3;

/// The statuses of live migration, which libnvme 1.3 does not know; empty for all others.
std::string_view migration_status(std::uint16_t code) noexcept {
  switch (code) {
    case sc::invalid_controller_data_queue:
      return "Invalid Controller Data Queue";
    case sc::not_enough_resources:
      return "Not Enough Resources";
    case sc::controller_suspended:
      return "Controller Suspended";
    case sc::controller_not_suspended:
      return "Controller Not Suspended";
    case sc::controller_data_queue_full:
      return "Controller Data Queue Full";
    default:
      return {};
  }
}

}  // namespace

std::string_view name_of(NvmeStatus status) noexcept {
  if (const auto name = migration_status(status.code()); !name.empty()) return name;
  // "Name: what it means". Whatever libnvme says of an unknown status has no colon.
  const std::string_view text = libnvme::status_text(status.code());
  const auto end = text.find(": ");
  return end == std::string_view::npos ? "Unknown Status" : text.substr(0, end);
}

std::string to_string(NvmeStatus status) {
  return fmt::format("{} ({:#x}.{:#04x}{})", name_of(status), status.sct(), status.sc(),
                     status.dnr() ? ", dnr" : "");
}

NvmeError::NvmeError(NvmeStatus status, const std::string& operation, std::string advice,
                     std::vector<Remedy> remedies)
    : Error(ExitStatus::device, fmt::format("cannot {}: {}", operation, to_string(status)),
            std::move(advice), std::move(remedies)),
      nvme_status_(status) {
  if (status.sct() != path_related) return;
  add_advice(
      "the kernel answered, not the device: the controlling function has gone or is being reset");
}

}  // namespace nvmigrate
