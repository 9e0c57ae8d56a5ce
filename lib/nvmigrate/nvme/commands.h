// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <string_view>

#include "nvmigrate/nvme/admin_port.h"

/// Encoders of the admin commands the tool sends. Nothing else in the tool knows an opcode.
namespace nvmigrate::command {

namespace opcode {
inline constexpr std::uint8_t identify = 0x06;
inline constexpr std::uint8_t virtualization_management = 0x1C;
inline constexpr std::uint8_t migration_send = 0x41;
inline constexpr std::uint8_t migration_receive = 0x42;
}  // namespace opcode

/// What the specification calls the command of an opcode; `Admin` of those that are not known.
constexpr std::string_view name_of(std::uint8_t opcode) noexcept {
  switch (opcode) {
    case opcode::identify:
      return "Identify";
    case opcode::virtualization_management:
      return "Virtualization Management";
    case opcode::migration_send:
      return "Migration Send";
    case opcode::migration_receive:
      return "Migration Receive";
    default:
      return "Admin";
  }
}

/// The least time a command gets that changes a function or reads its state. When the kernel finds
/// an admin command too slow it resets the controlling function, and with it every function that
/// this controls, so such a command rather waits.
inline constexpr std::chrono::milliseconds patience{std::chrono::minutes{5}};

/// Controller or namespace structure to identify, Base 2.1 §5.1.13.
enum class Cns : std::uint8_t {
  controller = 0x01,
  controllers = 0x13,
  primary_capabilities = 0x14,
  secondary_controllers = 0x15,
  state_formats = 0x20,
};

/// Identify; `from` is the lowest controller id a list begins with. Always 4096 bytes.
constexpr AdminCommand identify(Cns cns, std::uint16_t from, std::span<std::byte> data) noexcept {
  return {.opcode = opcode::identify,
          .cdw10 = static_cast<std::uint32_t>(from) << 16U | static_cast<std::uint32_t>(cns),
          .from_device = data};
}

enum class Resource : std::uint8_t { queues = 0, interrupts = 1 };

/// Virtualization Management, Base 2.1 §5.2.6. `action` is one of the four below.
enum class VirtualizationAction : std::uint8_t {
  primary_flexible = 1,
  offline = 7,
  assign = 8,
  online = 9,
};
constexpr AdminCommand virtualization(std::uint16_t controller, VirtualizationAction action,
                                      Resource resource = Resource::queues,
                                      std::uint16_t count = 0) noexcept {
  return {.opcode = opcode::virtualization_management,
          .cdw10 = static_cast<std::uint32_t>(controller) << 16U |
                   static_cast<std::uint32_t>(resource) << 8U | static_cast<std::uint32_t>(action),
          .cdw11 = count,
          .timeout = patience};
}

enum class SuspendType : std::uint8_t { notification = 0, suspend = 1 };

/// Migration Send, Suspend (SEL 0), Base 2.1 §5.1.17.1.1. \param delete_queue whether the user data
/// migration queue of the controller goes, too (DUDMQ)
constexpr AdminCommand suspend(std::uint16_t controller, SuspendType type,
                               bool delete_queue = false) noexcept {
  return {.opcode = opcode::migration_send,
          .cdw11 = static_cast<std::uint32_t>(delete_queue) << 31U |
                   static_cast<std::uint32_t>(type) << 16U | controller,
          .timeout = patience};
}

/// Migration Send, Resume (SEL 1), Base 2.1 §5.1.17.1.2.
constexpr AdminCommand resume(std::uint16_t controller) noexcept {
  return {.opcode = opcode::migration_send, .cdw10 = 1, .cdw11 = controller, .timeout = patience};
}

/// Place of a chunk in a sequence; the values of SEQIND.
enum class Sequence : std::uint8_t { middle = 0, first = 1, last = 2, only = 3 };

/// The format indexes of the controlling function that is addressed; 0 means not wanted.
struct FormatIndexes {
  std::uint8_t version = 0;  ///< CSVI
  std::uint8_t vendor = 0;   ///< CSUUIDI
};

/// Migration Send, Set Controller State (SEL 2), Base 2.1 §5.1.17.1.3. Offset in bytes, a multiple
/// of 4; the length of `chunk` is a multiple of 4 and is sent literally, in dwords.
constexpr AdminCommand set_state(std::uint16_t controller, FormatIndexes formats, Sequence sequence,
                                 std::uint64_t offset, std::span<const std::byte> chunk) noexcept {
  return {.opcode = opcode::migration_send,
          .cdw10 = static_cast<std::uint32_t>(sequence) << 16U | 2U,
          .cdw11 = static_cast<std::uint32_t>(formats.vendor) << 24U |
                   static_cast<std::uint32_t>(formats.version) << 16U | controller,
          .cdw12 = static_cast<std::uint32_t>(offset),
          .cdw13 = static_cast<std::uint32_t>(offset >> 32U),
          .cdw15 = static_cast<std::uint32_t>(chunk.size() / 4),
          .to_device = chunk,
          .timeout = patience};
}

/// Migration Receive, Get Controller State (SEL 0), Base 2.1 §5.1.16. Offset in bytes, a multiple
/// of 4; the length of `chunk` is a multiple of 4 and is sent 0's based, in dwords.
constexpr AdminCommand get_state(std::uint16_t controller, FormatIndexes formats,
                                 std::uint64_t offset, std::span<std::byte> chunk) noexcept {
  return {.opcode = opcode::migration_receive,
          .cdw10 = static_cast<std::uint32_t>(formats.version) << 16U,
          .cdw11 = static_cast<std::uint32_t>(formats.vendor) << 16U | controller,
          .cdw12 = static_cast<std::uint32_t>(offset),
          .cdw13 = static_cast<std::uint32_t>(offset >> 32U),
          .cdw15 = static_cast<std::uint32_t>(chunk.size() / 4 - 1),
          .from_device = chunk,
          .timeout = patience};
}

}  // namespace nvmigrate::command
