// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <string_view>

#include "nvmigrate/nvme/admin_port.h"

/// Encoders of the admin commands that the library sends. Only they know opcodes.
namespace nvmigrate::command {

namespace opcode {
inline constexpr std::uint8_t get_log_page = 0x02;
inline constexpr std::uint8_t identify = 0x06;
inline constexpr std::uint8_t namespace_attachment = 0x15;
inline constexpr std::uint8_t virtualization_management = 0x1C;
inline constexpr std::uint8_t migration_send = 0x41;
inline constexpr std::uint8_t migration_receive = 0x42;
inline constexpr std::uint8_t vf_state_size = 0xC4;
inline constexpr std::uint8_t vf_suspend = 0xC8;
inline constexpr std::uint8_t vf_resume = 0xCC;
inline constexpr std::uint8_t vf_save = 0xD2;
inline constexpr std::uint8_t vf_load = 0xD5;
}  // namespace opcode

/// The specification's name for the command of an opcode; `Admin` for any other opcode.
constexpr std::string_view name_of(std::uint8_t opcode) noexcept {
  switch (opcode) {
    case opcode::get_log_page:
      return "Get Log Page";
    case opcode::identify:
      return "Identify";
    case opcode::namespace_attachment:
      return "Namespace Attachment";
    case opcode::virtualization_management:
      return "Virtualization Management";
    case opcode::migration_send:
      return "Migration Send";
    case opcode::migration_receive:
      return "Migration Receive";
    case opcode::vf_state_size:
      return "Query VF State Size";
    case opcode::vf_suspend:
      return "Suspend VF";
    case opcode::vf_resume:
      return "Resume VF";
    case opcode::vf_save:
      return "Save VF State";
    case opcode::vf_load:
      return "Load VF State";
    default:
      return "Admin";
  }
}

/// The shortest timeout of a command that changes a function or reads its state. When an admin
/// command times out, the kernel resets the controlling function, and with it every function that
/// it controls.
inline constexpr std::chrono::milliseconds minimum_timeout{std::chrono::minutes{5}};

/// Controller or namespace structure to identify, Base 2.1 §5.1.13.
enum class Cns : std::uint8_t {
  controller = 0x01,
  namespaces = 0x10,            ///< that are allocated, from the one behind NSID on
  allocated_namespace = 0x11,   ///< one of them, attached to this controller or not
  attached_controllers = 0x12,  ///< to which it is attached
  controllers = 0x13,
  primary_capabilities = 0x14,
  secondary_controllers = 0x15,
  state_formats = 0x20,
};

/// Identify. \param from the lowest controller id of a list \param data 4096 bytes
constexpr AdminCommand identify(Cns cns, std::uint16_t from, std::span<std::byte> data,
                                std::uint32_t nsid = 0) noexcept {
  return {.opcode = opcode::identify,
          .nsid = nsid,
          .cdw10 = static_cast<std::uint32_t>(from) << 16U | static_cast<std::uint32_t>(cns),
          .from_device = data};
}

/// Get Log Page of the Commands Supported and Effects log (LID 05h), Base 2.1 §5.1.12.1.6.
/// \param data 4096 bytes
constexpr AdminCommand effects_log(std::span<std::byte> data) noexcept {
  return {.opcode = opcode::get_log_page,
          .nsid = 0xFFFFFFFF,
          .cdw10 = static_cast<std::uint32_t>(data.size() / 4 - 1) << 16U | 0x05U,
          .from_device = data};
}

/// What Namespace Attachment does (SEL).
enum class Attachment : std::uint8_t { attach = 0, detach = 1 };

/// Namespace Attachment. \param controllers see encode_controllers()
constexpr AdminCommand namespace_attachment(std::uint32_t nsid, Attachment what,
                                            std::span<const std::byte> controllers) noexcept {
  return {.opcode = opcode::namespace_attachment,
          .nsid = nsid,
          .cdw10 = static_cast<std::uint32_t>(what),
          .to_device = controllers,
          .timeout = minimum_timeout};
}

/// Resource type (RT) of Virtualization Management.
enum class Resource : std::uint8_t { queues = 0, interrupts = 1 };

/// The actions of Virtualization Management, Base 2.1 §5.2.6.
enum class VirtualizationAction : std::uint8_t {
  primary_flexible = 1,
  offline = 7,
  assign = 8,
  online = 9,
};

/// Virtualization Management. \param count of `resource`, for the actions that allocate or assign
constexpr AdminCommand virtualization(std::uint16_t controller, VirtualizationAction action,
                                      Resource resource = Resource::queues,
                                      std::uint16_t count = 0) noexcept {
  return {.opcode = opcode::virtualization_management,
          .cdw10 = static_cast<std::uint32_t>(controller) << 16U |
                   static_cast<std::uint32_t>(resource) << 8U | static_cast<std::uint32_t>(action),
          .cdw11 = count,
          .timeout = minimum_timeout};
}

/// Suspend Type (STYPE): announce a suspension, or suspend.
enum class SuspendType : std::uint8_t { notification = 0, suspend = 1 };

/// Migration Send, Suspend (SEL 0), Base 2.1 §5.1.17.1.1.
constexpr AdminCommand suspend(std::uint16_t controller, SuspendType type) noexcept {
  return {.opcode = opcode::migration_send,
          .cdw11 = static_cast<std::uint32_t>(type) << 16U | controller,
          .timeout = minimum_timeout};
}

/// Migration Send, Resume (SEL 1), Base 2.1 §5.1.17.1.2.
constexpr AdminCommand resume(std::uint16_t controller) noexcept {
  return {.opcode = opcode::migration_send,
          .cdw10 = 1,
          .cdw11 = controller,
          .timeout = minimum_timeout};
}

/// Place of a chunk in a sequence (SEQIND).
enum class Sequence : std::uint8_t { middle = 0, first = 1, last = 2, only = 3 };

/// Indexes into the format table of the controlling function that the command is sent to; 0 leaves
/// the part out.
struct FormatIndexes {
  std::uint8_t version = 0;  ///< CSVI
  std::uint8_t vendor = 0;   ///< CSUUIDI
};

/// Migration Send, Set Controller State (SEL 2), Base 2.1 §5.1.17.1.3. Offset in bytes, a multiple
/// of 4. The length of `chunk`, a multiple of 4, is sent literally, in dwords.
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
          .timeout = minimum_timeout};
}

/// Migration Receive, Get Controller State (SEL 0), Base 2.1 §5.1.16. Offset in bytes, a multiple
/// of 4. The length of `chunk`, a multiple of 4, is sent 0's based, in dwords.
constexpr AdminCommand get_state(std::uint16_t controller, FormatIndexes formats,
                                 std::uint64_t offset, std::span<std::byte> chunk) noexcept {
  return {.opcode = opcode::migration_receive,
          .cdw10 = static_cast<std::uint32_t>(formats.version) << 16U,
          .cdw11 = static_cast<std::uint32_t>(formats.vendor) << 16U | controller,
          .cdw12 = static_cast<std::uint32_t>(offset),
          .cdw13 = static_cast<std::uint32_t>(offset >> 32U),
          .cdw15 = static_cast<std::uint32_t>(chunk.size() / 4 - 1),
          .from_device = chunk,
          .timeout = minimum_timeout};
}

/// The vendor specific commands of the patches "Add Live Migration Support for NVMe VFs" that Intel
/// sent to Linux in December 2022. Where a device has them, byte 3072 of its Identify Controller is
/// 1; on any other device these opcodes may do anything. They name a VF by its number, from 1.
namespace vf {

/// PCI vendor id of the devices that have them.
inline constexpr std::uint16_t vendor = 0x8086;
/// Byte 3072 of Identify Controller.
inline constexpr std::uint8_t supported = 1;
/// Most bytes of a state, which one command carries.
inline constexpr std::size_t most = std::size_t{256} << 10U;

/// Those without data: the size of a state (in bytes, in DW0 of the completion), suspend, resume.
constexpr AdminCommand control(std::uint8_t opcode, std::uint16_t index) noexcept {
  return {.opcode = opcode, .cdw10 = index, .timeout = minimum_timeout};
}

/// Save. The command carries no length: \param into at least as many bytes as the state has
constexpr AdminCommand save(std::uint16_t index, std::span<std::byte> into) noexcept {
  return {
      .opcode = opcode::vf_save, .cdw10 = index, .from_device = into, .timeout = minimum_timeout};
}

/// Load. Its length is sent in bytes.
constexpr AdminCommand load(std::uint16_t index, std::span<const std::byte> state) noexcept {
  return {.opcode = opcode::vf_load,
          .cdw10 = index,
          .cdw11 = static_cast<std::uint32_t>(state.size()),
          .to_device = state,
          .timeout = minimum_timeout};
}

}  // namespace vf
}  // namespace nvmigrate::command
