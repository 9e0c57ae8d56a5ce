// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugins/sim/admin.h"

#include <algorithm>
#include <cerrno>

#include "nvmigrate/base/error.h"
#include "nvmigrate/nvme/commands.h"
#include "nvmigrate/nvme/wire.h"

namespace nvmigrate::sim {
namespace {

constexpr std::uint16_t do_not_retry = 0x4000;
constexpr std::uint32_t send_suspend = 0, send_resume = 1, send_set = 2, send_set_subsystem = 3;
constexpr Answer invalid_field{.status = sc::invalid_field};

constexpr std::uint32_t bits(std::uint32_t dword, unsigned high, unsigned low) noexcept {
  return dword >> low & (0xFFFFFFFFU >> (31U - (high - low)));
}

constexpr std::uint16_t low_half(std::uint32_t dword) noexcept {
  return static_cast<std::uint16_t>(dword & 0xFFFFU);
}

constexpr std::uint8_t low_byte(std::uint32_t value) noexcept {
  return static_cast<std::uint8_t>(value & 0xFFU);
}

constexpr std::uint64_t wide(std::uint32_t low, std::uint32_t high) noexcept {
  return static_cast<std::uint64_t>(high) << 32U | low;
}

bool has_data(const AdminCommand& command) {
  return !command.to_device.empty() || !command.from_device.empty();
}

// Dwords 12 to 15, which most commands do not use.
bool has_tail(const AdminCommand& command) {
  return (command.cdw12 | command.cdw13 | command.cdw14 | command.cdw15) != 0;
}

bool too_long(const Subsystem& subsystem, std::size_t length) {
  return *subsystem.parameters.mdts != 0 && length > *subsystem.parameters.mdts;
}

}  // namespace

AdminCompletion SimAdminPort::submit(const AdminCommand& command) {
  const auto subsystem = store_->read();
  if (subsystem->find(controlling_)->driver != "nvme") {
    throw OsError(ENODEV, "submit an admin command to", "sim:" + store_->name());
  }
  const auto answer = execute(command, *subsystem);
  const bool failed = answer.status != 0;
  return {.status =
              NvmeStatus{static_cast<std::uint16_t>(answer.status | (failed ? do_not_retry : 0U))},
          .dw0 = answer.dw0,
          .dw1 = answer.dw1};
}

Answer SimAdminPort::execute(const AdminCommand& command, const Subsystem& subsystem) {
  const auto& p = subsystem.parameters;
  const bool virtualizes = p.vfs_total != 0 || p.secondaries != 0;
  const auto opcode = command.opcode;
  if (opcode == command::opcode::identify) return execute_identify(command, subsystem);
  if (opcode == command::opcode::get_log_page) return execute_log_page(command, p);
  if (opcode == command::opcode::namespace_attachment && p.namespace_management) {
    return execute_attachment(command);
  }
  if (opcode == command::opcode::virtualization_management && virtualizes) {
    return execute_virtualization(command);
  }
  const bool tracks = p.migration && (p.track_memory || p.track_user_data);
  if (opcode == command::opcode::track_send && tracks) return execute_track_send(command);
  if (opcode == command::opcode::track_receive && p.migration && p.track_memory) {
    return execute_track_receive(command, subsystem);
  }
  if (opcode == command::opcode::migration_send && p.is_standard()) {
    return execute_send(command, subsystem);
  }
  if (opcode == command::opcode::migration_receive && p.is_standard()) {
    return execute_receive(command, subsystem);
  }
  if (p.is_vendors() && p.migration) return execute_vendor(command, subsystem);
  return {.status = sc::invalid_opcode};
}

Answer SimAdminPort::execute_identify(const AdminCommand& command,
                                      const Subsystem& subsystem) const {
  const bool right = command.from_device.size() == wire::identify_size &&
                     command.to_device.empty() && command.cdw11 == 0 &&
                     bits(command.cdw10, 15, 8) == 0 && !has_tail(command);
  if (!right) return invalid_field;
  return identify(subsystem, controlling_, low_byte(command.cdw10), low_half(command.cdw10 >> 16U),
                  command.nsid, command.from_device);
}

Answer SimAdminPort::execute_attachment(const AdminCommand& command) {
  const std::uint32_t select = command.cdw10;
  if (select > 1 || command.cdw11 != 0 || has_tail(command) || !command.from_device.empty() ||
      command.to_device.size() != wire::identify_size) {
    return invalid_field;
  }
  return store_->change([&](Subsystem& now) {
    return attach_namespace(now, command.nsid, select == 1, command.to_device);
  });
}

/// Of all log pages there is one at most.
Answer SimAdminPort::execute_log_page(const AdminCommand& command, const Parameters& parameters) {
  constexpr std::uint32_t effects_page = 0x05;
  const bool whole = command.from_device.size() == wire::identify_size &&
                     4 * (std::size_t{command.cdw10 >> 16U} + 1) == wire::identify_size &&
                     command.to_device.empty() && command.cdw11 == 0 && !has_tail(command);
  const bool of_controller = command.nsid == 0 || command.nsid == 0xFFFFFFFF;
  if (!whole || !of_controller || bits(command.cdw10, 15, 8) != 0) return invalid_field;
  if (bits(command.cdw10, 7, 0) != effects_page) return {.status = sc::invalid_log_page};
  return effects_log(parameters, command.from_device);
}

Answer SimAdminPort::execute_virtualization(const AdminCommand& command) {
  const bool reserved = bits(command.cdw10, 15, 11) != 0 || bits(command.cdw10, 7, 4) != 0 ||
                        bits(command.cdw11, 31, 16) != 0;
  if (reserved || has_data(command) || has_tail(command) || command.nsid != 0) {
    return invalid_field;
  }
  const VirtualizationRequest request{.controller = low_half(command.cdw10 >> 16U),
                                      .action = bits(command.cdw10, 3, 0),
                                      .resource = bits(command.cdw10, 10, 8),
                                      .count = low_half(command.cdw11)};
  return store_->change([&](Subsystem& now) { return virtualize(now, controlling_, request); });
}

Answer SimAdminPort::execute_send(const AdminCommand& command, const Subsystem& subsystem) {
  if (!command.from_device.empty() || command.nsid != 0 || command.cdw14 != 0 ||
      too_long(subsystem, command.to_device.size()) || bits(command.cdw10, 15, 8) != 0) {
    return invalid_field;
  }
  switch (bits(command.cdw10, 7, 0)) {
    case send_suspend:
      return execute_suspend(command);
    case send_resume:
      return execute_resume(command);
    case send_set:
      return execute_set(command);
    case send_set_subsystem:
      return execute_set_subsystem(command, subsystem.parameters);
    default:
      return invalid_field;
  }
}

Answer SimAdminPort::execute_suspend(const AdminCommand& command) {
  const std::uint32_t type = bits(command.cdw11, 23, 16);
  const bool reserved = command.cdw10 >> 16U != 0 || bits(command.cdw11, 30, 24) != 0;
  if (reserved || type > 1 || has_data(command) || has_tail(command)) return invalid_field;
  return store_->change([&](Subsystem& now) {
    return suspend(now, controlling_, low_half(command.cdw11), type == 0);
  });
}

Answer SimAdminPort::execute_resume(const AdminCommand& command) {
  const bool reserved = command.cdw10 >> 16U != 0 || command.cdw11 >> 16U != 0;
  if (reserved || has_data(command) || has_tail(command)) return invalid_field;
  return store_->change([&](Subsystem& now) { return resume(now, low_half(command.cdw11)); });
}

Answer SimAdminPort::execute_set(const AdminCommand& command) {
  const bool fits = command.to_device.size() == 4 * static_cast<std::uint64_t>(command.cdw15);
  if (bits(command.cdw10, 31, 18) != 0 || !fits) return invalid_field;
  return sequences_.set({.target = low_half(command.cdw11),
                         .place = static_cast<command::Sequence>(bits(command.cdw10, 17, 16)),
                         .version = low_byte(bits(command.cdw11, 23, 16)),
                         .vendor = low_byte(bits(command.cdw11, 31, 24)),
                         .offset = wide(command.cdw12, command.cdw13),
                         .data = command.to_device});
}

/// It comes in one command.
Answer SimAdminPort::execute_set_subsystem(const AdminCommand& command,
                                           const Parameters& parameters) {
  constexpr std::uint32_t only = 3;
  const bool fits = command.to_device.size() == 4 * static_cast<std::uint64_t>(command.cdw15);
  const bool reserved = bits(command.cdw10, 31, 16) != only || command.cdw11 >> 16U != 0 ||
                        (command.cdw12 | command.cdw13) != 0;
  if (!parameters.exported_subsystem || reserved || !fits) return invalid_field;
  return store_->change([&](Subsystem& now) {
    return set_subsystem_state(now, low_half(command.cdw11), command.to_device);
  });
}

/// There is no controller data queue, so no user data can be logged.
Answer SimAdminPort::execute_track_send(const AdminCommand& command) {
  const std::uint32_t select = bits(command.cdw10, 7, 0);
  const bool reserved = bits(command.cdw10, 15, 8) != 0 || bits(command.cdw10, 31, 20) != 0 ||
                        bits(command.cdw11, 31, 16) != 0 || command.nsid != 0;
  if (reserved || has_tail(command) || !command.from_device.empty()) return invalid_field;
  const std::uint32_t action = bits(command.cdw10, 19, 16);
  if (select > 1 || action > 1) return invalid_field;
  if (select == 0) return {.status = sc::invalid_controller_data_queue};
  return store_->change([&](Subsystem& now) {
    if (!now.parameters.track_memory) return invalid_field;
    const auto target = low_half(command.cdw11);
    return action == 0 ? stop_tracking(now, target)
                       : start_tracking(now, controlling_, target, command.to_device);
  });
}

Answer SimAdminPort::execute_track_receive(const AdminCommand& command,
                                           const Subsystem& subsystem) {
  const std::uint64_t asked = 4 * (static_cast<std::uint64_t>(command.cdw12) + 1);
  const bool reserved = command.cdw10 != 0 || bits(command.cdw11, 31, 16) != 0 ||
                        (command.cdw13 | command.cdw14 | command.cdw15 | command.nsid) != 0;
  if (reserved || !command.to_device.empty() || command.from_device.size() != asked ||
      too_long(subsystem, command.from_device.size())) {
    return invalid_field;
  }
  return store_->change([&](Subsystem& now) {
    return read_tracked(now, low_half(command.cdw11), command.from_device);
  });
}

Answer SimAdminPort::execute_receive(const AdminCommand& command,
                                     const Subsystem& subsystem) const {
  const std::uint64_t asked = 4 * (static_cast<std::uint64_t>(command.cdw15) + 1);
  const bool of_subsystem = bits(command.cdw10, 15, 0) == 1;
  const bool reserved = bits(command.cdw10, 15, 1) != 0 || bits(command.cdw10, 31, 24) != 0 ||
                        command.cdw14 != 0 || command.nsid != 0;
  if (reserved || !command.to_device.empty() || command.from_device.size() != asked ||
      too_long(subsystem, command.from_device.size())) {
    return invalid_field;
  }
  const std::uint16_t target = low_half(command.cdw11);
  if (of_subsystem) {
    const bool plain =
        command.cdw10 == 1 && command.cdw11 >> 16U == 0 && (command.cdw12 | command.cdw13) == 0;
    if (!subsystem.parameters.exported_subsystem || !plain) return invalid_field;
    return get_subsystem_state(subsystem, target, command.from_device);
  }
  if (const auto status = status_of_get(subsystem, target); status != 0) return {.status = status};
  const auto formats = formats_named(subsystem, controlling_, bits(command.cdw10, 23, 16),
                                     bits(command.cdw11, 23, 16));
  if (!formats) return invalid_field;
  const auto& function = *subsystem.find(target);
  const auto image = image_of(subsystem, function, *formats);
  const std::uint64_t offset = wide(command.cdw12, command.cdw13);
  const bool beyond =
      offset > image.size() || (offset == image.size() && subsystem.parameters.is_emulator());
  if (beyond || offset % 4 != 0) return invalid_field;
  const auto count = std::min<std::uint64_t>(asked, image.size() - offset);
  image.read(offset, command.from_device.first(static_cast<std::size_t>(count)));
  return {.dw0 = function.suspended() && !subsystem.parameters.is_emulator() ? 1U : 0U};
}

}  // namespace nvmigrate::sim
