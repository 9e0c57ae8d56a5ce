// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <endian.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "nvmigrate/nvme/commands.h"
#include "nvmigrate/nvme/identify.h"
#include "nvmigrate/nvme/libnvme.h"
#include "nvmigrate/nvme/wire.h"
#include "tests/support/scripted_port.h"

namespace nvmigrate::test {

using Bytes = std::vector<std::byte>;

/// A state of `size` bytes whose words all differ, with a header that says so.
inline Bytes state_of(std::size_t size) {
  Bytes state(size);
  for (std::size_t i = 0; i < size; ++i)
    state[i] = static_cast<std::byte>(i * 7 + i / 251);
  wire::StateHeader header{};
  header.csattr = wire::csattr_suspended;
  const auto dwords = (size - sizeof header) / 4;
  header.nvmecss = dwords < 2 ? 0 : dwords;
  header.vss = dwords - header.nvmecss;
  std::memcpy(state.data(), &header, sizeof header);
  return state;
}

inline void change_header(Bytes& state, const std::function<void(wire::StateHeader&)>& change) {
  wire::StateHeader header{};
  std::memcpy(&header, state.data(), sizeof header);
  change(header);
  std::memcpy(state.data(), &header, sizeof header);
}

/// As the kernel does: a command with more than `most` bytes of data is not sent.
inline auto kernel_that_takes(std::size_t most, int code = EINVAL) {
  return [=](std::size_t, const AdminCommand& command) -> std::optional<AdminCompletion> {
    if (command.to_device.size() + command.from_device.size() <= most) return std::nullopt;
    throw OsError(code, "send admin command to", "/dev/nvme0");
  };
}

/// A controlling function over one controlled function, below a backend: answers the commands of
/// live migration, remembers them, and misbehaves where it is told to.
class Target {
 public:
  Target() : port([this](const AdminCommand& command) { return answer(command); }) {}

  Bytes state = state_of(104);
  Bytes loaded;  ///< by Set Controller State
  bool tells_in_dw0 = true;
  std::uint16_t oacs = wire::oacs_live_migration;
  std::uint8_t mdts = 0;
  Bytes formats = {std::byte{1}, std::byte{0}, std::byte{0}, std::byte{0}};
  /// Called with the number of the migration command (from 0); gives its completion instead.
  std::function<std::optional<AdminCompletion>(std::size_t, const AdminCommand&)> fault;

  ScriptedPort port;

  /// As Identify Controller tells it.
  [[nodiscard]] ControllerIdentity identity() const {
    const auto data = controller();
    return decode_identity(std::as_bytes(std::span{&data, 1}));
  }

  /// The commands of migration that were sent, without Identify.
  [[nodiscard]] std::vector<ScriptedPort::Sent> sent() const {
    auto all = port.sent();
    std::erase_if(
        all, [](const auto& each) { return each.command.opcode == command::opcode::identify; });
    return all;
  }

 private:
  AdminCompletion answer(const AdminCommand& command) {
    if (command.opcode == command::opcode::identify) return identify(command);
    const auto number = sent().size() - 1;
    if (fault) {
      if (const auto completion = fault(number, command)) return *completion;
    }
    if (command.opcode == command::opcode::migration_receive) return get(command);
    if ((command.cdw10 & 0xFFU) == 2) return set(command);
    return {};
  }

  AdminCompletion identify(const AdminCommand& command) const {
    if ((command.cdw10 & 0xFFU) == static_cast<unsigned>(command::Cns::state_formats)) {
      ScriptedPort::copy(formats, command.from_device);
      return {};
    }
    const auto data = controller();
    std::memcpy(command.from_device.data(), &data, sizeof data);
    return {};
  }

  [[nodiscard]] nvme_id_ctrl controller() const {
    nvme_id_ctrl data{};
    data.oacs = htole16(oacs);
    data.mdts = mdts;
    return data;
  }

  AdminCompletion get(const AdminCommand& command) const {
    const auto offset = command.cdw12 | static_cast<std::uint64_t>(command.cdw13) << 32U;
    const auto count = std::min(command.from_device.size(), state.size() - offset);
    std::memcpy(command.from_device.data(), state.data() + offset, count);
    return {{0}, tells_in_dw0 ? 1U : 0U, 0};
  }

  AdminCompletion set(const AdminCommand& command) {
    if ((command.cdw10 >> 16U & 1U) != 0) loaded.clear();
    loaded.insert(loaded.end(), command.to_device.begin(), command.to_device.end());
    return {};
  }
};

}  // namespace nvmigrate::test
