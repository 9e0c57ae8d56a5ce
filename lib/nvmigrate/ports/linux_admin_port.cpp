// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/ports/linux_admin_port.h"

#include <fmt/core.h>

#include <cerrno>
#include <limits>
#include <utility>

#include "nvmigrate/base/numbers.h"
#include "nvmigrate/nvme/libnvme.h"

namespace nvmigrate {
namespace {

enum class Direction : std::uint8_t { none = 0, to_device = 1, from_device = 2 };

Direction direction_of(std::uint8_t opcode) { return static_cast<Direction>(opcode & 3U); }

std::uint32_t length_of(std::size_t bytes) {
  if (bytes > std::numeric_limits<std::uint32_t>::max()) {
    throw Error(ExitStatus::internal,
                fmt::format("an admin command cannot carry {}", format_size(bytes)));
  }
  return static_cast<std::uint32_t>(bytes);
}

template <typename Byte>
void set_data(nvme_passthru_cmd64& raw, std::span<Byte> data) {
  raw.addr = reinterpret_cast<std::uintptr_t>(data.data());
  raw.data_len = length_of(data.size());
}

nvme_passthru_cmd64 raw_command(const AdminCommand& command) {
  nvme_passthru_cmd64 raw{};
  raw.opcode = command.opcode;
  raw.nsid = command.nsid;
  raw.cdw10 = command.cdw10;
  raw.cdw11 = command.cdw11;
  raw.cdw12 = command.cdw12;
  raw.cdw13 = command.cdw13;
  raw.cdw14 = command.cdw14;
  raw.cdw15 = command.cdw15;
  raw.timeout_ms = static_cast<std::uint32_t>(command.timeout.count());
  if (direction_of(command.opcode) == Direction::to_device) set_data(raw, command.to_device);
  if (direction_of(command.opcode) == Direction::from_device) set_data(raw, command.from_device);
  return raw;
}

/// A failure after which the controlling function may have been reset.
OsError reset_happened(OsError error, const std::string& name) {
  error.add_advice(
      "a reset of the controlling function takes all its controlled functions offline and takes "
      "their queues and interrupts: check their states; provisioning again restores them");
  error.add_remedy({.action = Remedy::Action::list, .device = name});
  error.set_device(name);
  return error;
}

OsError failure(int code, const nvme_passthru_cmd64& raw, const std::string& name) {
  const auto operation = fmt::format("send admin command 0x{:02x} to", raw.opcode);
  switch (code) {
    case EACCES:
    case EPERM:
      return {code, operation, name, "run as root: admin passthrough needs CAP_SYS_ADMIN"};
    // The kernel waits uninterruptibly, so this is not a signal.
    case EINTR:
      return reset_happened({code, operation, name + " (a controller reset cancelled it)",
                             "the kernel log has the reason"},
                            name);
    // The kernel's answer to a command that is late is a reset.
    case ETIME:
    case ETIMEDOUT:
      return reset_happened({ETIMEDOUT, operation, name, "the kernel log may have the reason"},
                            name);
    case EINVAL:
      if (raw.data_len == 0) return {code, operation, name};
      return {code, operation, name,
              fmt::format("the controller or the kernel may not take {} in one command",
                          format_size(raw.data_len))};
    default:
      return {code, operation, name};
  }
}

}  // namespace

int submit_with_libnvme(int fd, nvme_passthru_cmd64& command, std::uint64_t& result) {
  return libnvme::submit(fd, command, result);
}

LinuxAdminPort::LinuxAdminPort(OpenFile file, std::string name, AdminPassthru passthru)
    : file_(std::move(file)), name_(std::move(name)), passthru_(std::move(passthru)) {}

AdminCompletion LinuxAdminPort::submit(const AdminCommand& command) {
  auto raw = raw_command(command);
  std::uint64_t result = 0;
  const int status = passthru_(file_.fd(), raw, result);
  if (status < 0) throw failure(errno, raw, name_);
  return {.status = NvmeStatus{static_cast<std::uint16_t>(status)},
          .dw0 = static_cast<std::uint32_t>(result),
          .dw1 = static_cast<std::uint32_t>(result >> 32U)};
}

}  // namespace nvmigrate
