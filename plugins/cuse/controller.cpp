// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugins/cuse/controller.h"

#include <linux/nvme_ioctl.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>

#include "nvmigrate/base/error.h"
#include "nvmigrate/nvme/commands.h"
#include "nvmigrate/nvme/identify.h"

namespace nvmigrate::cuse {

/// The structures of commands are the same up to the result, which has 32 or 64 bits.
struct Layout {
  std::size_t size, result_at, result_bytes;
};

namespace {

constexpr std::size_t mdts_at = 77;  ///< in Identify Controller; in powers of two of 4 KiB
constexpr auto most_mdts = static_cast<std::byte>(std::countr_zero(most_data) - 12);

Reply failed(int error) { return {.error = error}; }

constexpr Layout narrow_layout{sizeof(nvme_passthru_cmd), offsetof(nvme_passthru_cmd, result),
                               sizeof(nvme_passthru_cmd::result)};
constexpr Layout wide_layout{sizeof(nvme_passthru_cmd64), offsetof(nvme_passthru_cmd64, result),
                             sizeof(nvme_passthru_cmd64::result)};

/// A command with its data in a buffer of ours.
struct Passthrough {
  nvme_passthru_cmd64 raw{};
  std::vector<std::byte> data{};

  [[nodiscard]] bool writes() const noexcept { return (raw.opcode & 1U) != 0; }
  /// Like Linux, without an address it carries no data.
  [[nodiscard]] std::size_t bytes() const noexcept { return raw.addr == 0 ? 0 : raw.data_len; }
};

AdminCommand command_of(Passthrough& given) {
  const auto& raw = given.raw;
  AdminCommand command{.opcode = raw.opcode,
                       .nsid = raw.nsid,
                       .cdw10 = raw.cdw10,
                       .cdw11 = raw.cdw11,
                       .cdw12 = raw.cdw12,
                       .cdw13 = raw.cdw13,
                       .cdw14 = raw.cdw14,
                       .cdw15 = raw.cdw15,
                       .timeout = std::chrono::milliseconds{raw.timeout_ms}};
  if (given.writes()) {
    command.to_device = given.data;
  } else {
    command.from_device = given.data;
  }
  return command;
}

/// The limit that the device names becomes that of its character device.
void limit_transfers(Passthrough& given) {
  const bool of_controller =
      given.raw.opcode == command::opcode::identify &&
      (given.raw.cdw10 & 0xFFU) == static_cast<std::uint32_t>(command::Cns::controller);
  if (!of_controller || given.data.size() <= mdts_at) return;
  auto& mdts = given.data[mdts_at];
  if (mdts == std::byte{0} || mdts > most_mdts) mdts = most_mdts;
}

template <typename Act>
Reply or_errno(const Act& act) {
  try {
    return act();
  } catch (const OsError& error) {
    return failed(error.error_number());
  } catch (const Error&) {
    return failed(ENODEV);
  }
}

/// A result of 32 or 64 bits, and behind it the data from the device.
Reply executed(AdminPort& port, Passthrough given, std::size_t result_bytes) {
  return or_errno([&] {
    const auto completion = port.submit(command_of(given));
    if (completion.status.ok()) limit_transfers(given);
    const std::uint64_t result = std::uint64_t{completion.dw1} << 32U | completion.dw0;
    Reply reply{.result = completion.status.raw};
    reply.output.resize(result_bytes);
    std::memcpy(reply.output.data(), &result, result_bytes);
    if (!given.writes()) {
      reply.output.insert(reply.output.end(), given.data.begin(), given.data.end());
    }
    return reply;
  });
}

Reply reset(Device& device) {
  return or_errno([&] {
    device.pci().reset_controller(device.address());
    return Reply{};
  });
}

}  // namespace

Controller::Controller(std::unique_ptr<Device> device) : device_(std::move(device)) {
  const auto own = read_identity(device_->admin()).max_transfer;
  most_ = own == 0 ? most_data : std::min(own, most_data);
}

Reply Controller::call(const Call& call) {
  switch (call.request) {
    case NVME_IOCTL_ADMIN_CMD:
      return call.privileged ? submit(call, narrow_layout) : failed(EACCES);
    case NVME_IOCTL_ADMIN64_CMD:
      return call.privileged ? submit(call, wide_layout) : failed(EACCES);
    case NVME_IOCTL_RESET:
      return call.privileged ? reset(*device_) : failed(EACCES);
    case NVME_IOCTL_RESCAN:
      return failed(call.privileged ? 0 : EACCES);
    // It has no NVM Subsystem Reset.
    case NVME_IOCTL_SUBSYS_RESET:
      return failed(call.privileged ? ENOTTY : EACCES);
    default:
      return failed(ENOTTY);
  }
}

Reply Controller::submit(const Call& call, const Layout& layout) {
  const Range structure{call.argument, layout.size};
  const Range result{call.argument + layout.result_at, layout.result_bytes};
  if (call.input.size() < layout.size) return {.read = {structure}, .write = {result}};
  Passthrough given;
  std::memcpy(&given.raw, call.input.data(), layout.size);
  if (given.raw.flags != 0 || given.bytes() > most_) return failed(EINVAL);
  const auto room = layout.result_bytes + (given.writes() ? 0 : given.bytes());
  if (call.input.size() == layout.size + given.bytes() && call.room == room) {
    const auto data = call.input.subspan(layout.size);
    given.data.assign(data.begin(), data.end());
    return executed(device_->admin(), std::move(given), layout.result_bytes);
  }
  // The caller changes the command while it is read.
  if (call.input.size() != layout.size) return failed(EINVAL);
  // Data from the device is read, too: what the device does not fill stays as it was.
  const Range data{given.raw.addr, given.bytes()};
  Reply again{.read = {structure, data}, .write = {result}};
  if (!given.writes()) again.write.push_back(data);
  return again;
}

}  // namespace nvmigrate::cuse
