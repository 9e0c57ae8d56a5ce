// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugins/nvme/subsystem_state_carrier.h"

#include <fmt/core.h>

#include <array>

#include "nvmigrate/nvme/commands.h"
#include "nvmigrate/nvme/wire.h"
#include "plugins/nvme/explain.h"

namespace nvmigrate::nvme {

/// How a device reports that it lacks this state is unknown. A rejected SEL or an unrelated answer
/// is taken to mean that.
std::optional<SubsystemStateFacts> NvmeSubsystemStateCarrier::look(std::uint16_t function) {
  alignas(4096) std::array<std::byte, sizeof(wire::SubsystemStateHeader) + 4> head{};
  const auto status = port_->submit(command::get_subsystem_state(function, head)).status;
  if (status.code() == sc::invalid_field || status.code() == sc::invalid_opcode) {
    return std::nullopt;
  }
  if (!status.ok()) throw explain(status, Step::read, function);
  return decode_subsystem_state(head);
}

std::vector<std::byte> NvmeSubsystemStateCarrier::save(std::uint16_t function) {
  const auto facts = look(function);
  if (!facts) throw unsupported("the device has no exported NVM subsystem state");
  if (facts->bytes > most_) {
    throw unsupported(
        fmt::format("the exported NVM subsystem state has {} bytes, and a command "
                    "can carry {}",
                    facts->bytes, most_));
  }
  std::vector<std::byte> state(static_cast<std::size_t>(facts->bytes));
  send(*port_, command::get_subsystem_state(function, state), Step::read, function);
  const auto whole = decode_subsystem_state(state);
  if (whole && whole->suspended && whole->bytes == facts->bytes) return state;
  throw Error(ExitStatus::device,
              fmt::format("controller {} was not suspended while the state of its exported NVM "
                          "subsystem was read",
                          function),
              "keep others from resetting it, and read its state again");
}

void NvmeSubsystemStateCarrier::load(std::uint16_t function, std::span<const std::byte> state) {
  const auto status = port_->submit(command::set_subsystem_state(function, state)).status;
  if (status.ok()) return;
  if (status.code() != sc::exported_subsystem_state) throw explain(status, Step::load, function);
  throw NvmeError(status, operation(Step::load, function),
                  "the device does not take the state of the exported NVM subsystem");
}

}  // namespace nvmigrate::nvme
