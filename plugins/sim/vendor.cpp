// SPDX-License-Identifier: LGPL-2.1-or-later
#include <algorithm>

#include "nvmigrate/nvme/commands.h"
#include "plugins/sim/admin.h"

namespace nvmigrate::sim {
namespace {

namespace opcode = command::opcode;

constexpr Answer vendor_field{.status = sc::invalid_field};
constexpr Answer not_suspended{.status = sc::command_sequence_error};

/// The VF that a command names by its number; nullptr for 0, and above the enabled ones.
const Function* target_of(const AdminCommand& command, const Subsystem& subsystem,
                          std::uint16_t controlling) {
  const auto index = command.cdw10;
  const auto& functions = subsystem.functions;
  if (index == 0 || index > subsystem.primaries.at(controlling).enabled_vfs) return nullptr;
  const auto found = std::find_if(functions.begin(), functions.end(), [&](const Function& one) {
    return one.kind == Kind::vf && one.primary == controlling && one.vfn == index;
  });
  return found == functions.end() ? nullptr : &*found;
}

/// What no command of these carries.
bool has_reserved(const AdminCommand& command) {
  const bool has_length = command.opcode == opcode::vf_load;
  return command.nsid != 0 || (command.cdw11 != 0 && !has_length) ||
         (command.cdw12 | command.cdw13 | command.cdw14 | command.cdw15) != 0;
}

Formats formats_of(const Parameters& parameters) {
  Formats formats{.version = parameters.versions.front(), .header = command::vf::vendor};
  if (!parameters.vendor_uuids.empty()) formats.vendor = parameters.vendor_uuids.front();
  return formats;
}

Image image_of(const Subsystem& subsystem, const Function& function) {
  return sim::image_of(subsystem, function, formats_of(subsystem.parameters));
}

Answer size_of(const AdminCommand& command, const Subsystem& subsystem, const Function& function) {
  const bool has_data = !command.to_device.empty() || !command.from_device.empty();
  if (has_data) return vendor_field;
  return {.dw0 = static_cast<std::uint32_t>(image_of(subsystem, function).size())};
}

Answer save(const AdminCommand& command, const Subsystem& subsystem, const Function& function) {
  const auto image = image_of(subsystem, function);
  const bool fits = image.size() <= command::vf::most && command.to_device.empty() &&
                    command.from_device.size() >= image.size();
  if (!fits) return vendor_field;
  if (!function.suspended()) return not_suspended;
  image.read(0, command.from_device.first(static_cast<std::size_t>(image.size())));
  return {};
}

}  // namespace

Answer SimAdminPort::execute_vendor(const AdminCommand& command, const Subsystem& subsystem) {
  if (command.opcode < opcode::vf_state_size) return {.status = sc::invalid_opcode};
  const auto* const function = target_of(command, subsystem, controlling_);
  if (function == nullptr || has_reserved(command)) return vendor_field;
  switch (command.opcode) {
    case opcode::vf_state_size:
      return size_of(command, subsystem, *function);
    case opcode::vf_suspend:
    case opcode::vf_resume:
      return execute_vendor_control(command, *function);
    case opcode::vf_save:
      return save(command, subsystem, *function);
    case opcode::vf_load:
      return execute_vendor_load(command, subsystem, *function);
    default:
      return {.status = sc::invalid_opcode};
  }
}

/// Neither command minds that the function is in that state already, nor can a host ask for it.
Answer SimAdminPort::execute_vendor_control(const AdminCommand& command, const Function& function) {
  const bool has_data = !command.to_device.empty() || !command.from_device.empty();
  if (has_data || !function.online) return vendor_field;
  return store_->change([&](Subsystem& now) {
    if (command.opcode == opcode::vf_suspend) {
      return suspend(now, controlling_, function.id, false);
    }
    const auto* const there = now.find(function.id);
    return there->suspended() ? resume(now, function.id) : Answer{};
  });
}

Answer SimAdminPort::execute_vendor_load(const AdminCommand& command, const Subsystem& subsystem,
                                         const Function& function) {
  const std::size_t size = command.cdw11;
  const bool fits = size != 0 && size <= command::vf::most && command.from_device.empty() &&
                    command.to_device.size() >= size;
  if (!fits) return vendor_field;
  if (!function.suspended()) return not_suspended;
  Intake intake(rules_for(subsystem, function, formats_of(subsystem.parameters)));
  if (const auto status = intake.take(0, command.to_device.first(size)); status != 0) {
    return {.status = status};
  }
  if (const auto status = intake.end(); status != 0) return {.status = status};
  return store_->change([&](Subsystem& now) -> Answer {
    auto& there = *now.find(function.id);
    if (!there.suspended()) return not_suspended;
    commit(now, there, intake.result());
    return {};
  });
}

}  // namespace nvmigrate::sim
