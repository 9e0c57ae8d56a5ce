// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/nvme/status.h"

#include <algorithm>
#include <array>
#include <utility>

#include "nvmigrate/base/numbers.h"

namespace nvmigrate {
namespace {

struct Named {
  std::uint16_t code;
  std::string_view name;
};

constexpr unsigned path_related = 3;

constexpr std::array names{
    Named{0x000, "Successful Completion"},
    Named{sc::invalid_opcode, "Invalid Command Opcode"},
    Named{sc::invalid_field, "Invalid Field in Command"},
    Named{0x004, "Data Transfer Error"},
    Named{0x005, "Commands Aborted due to Power Loss Notification"},
    Named{sc::internal_error, "Internal Error"},
    Named{0x007, "Command Abort Requested"},
    Named{0x00B, "Invalid Namespace or Format"},
    Named{sc::command_sequence_error, "Command Sequence Error"},
    Named{0x013, "PRP Offset Invalid"},
    Named{0x01D, "Sanitize In Progress"},
    Named{sc::invalid_controller_identifier, "Invalid Controller Identifier"},
    Named{sc::invalid_secondary_controller_state, "Invalid Secondary Controller State"},
    Named{sc::invalid_number_of_resources, "Invalid Number of Controller Resources"},
    Named{sc::invalid_resource_identifier, "Invalid Resource Identifier"},
    Named{sc::invalid_controller_data_queue, "Invalid Controller Data Queue"},
    Named{sc::not_enough_resources, "Not Enough Resources"},
    Named{sc::controller_suspended, "Controller Suspended"},
    Named{sc::controller_not_suspended, "Controller Not Suspended"},
    Named{0x13B, "Controller Data Queue Full"},
    Named{0x300, "Internal Path Error"},
    Named{0x370, "Host Pathing Error"},
    Named{0x371, "Command Aborted By Host"},
};

}  // namespace

std::string_view name_of(NvmeStatus status) noexcept {
  const auto* const found = std::find_if(
      names.begin(), names.end(), [&](const Named& named) { return named.code == status.code(); });
  return found == names.end() ? "Unknown Status" : found->name;
}

std::string to_string(NvmeStatus status) {
  std::string text{name_of(status)};
  text += " (" + to_hex(status.sct()) + "." + to_hex(status.sc(), 2);
  return text + (status.dnr() ? ", dnr)" : ")");
}

NvmeError::NvmeError(NvmeStatus status, const std::string& operation, std::string hint)
    : Error(ExitStatus::device, operation + ": " + to_string(status), std::move(hint)),
      nvme_status_(status) {
  if (status.sct() != path_related) return;
  add_hint("the kernel answered, not the device: the controlling function is being reset or gone");
}

}  // namespace nvmigrate
