// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "nvmigrate/base/error.h"

namespace nvmigrate {

/// An NVMe status as Linux returns it: SC | SCT<<8 | CRD<<11 | More<<13 | DNR<<14 (completion
/// entry bytes 15:14 without the phase bit).
struct NvmeStatus {
  std::uint16_t raw = 0;

  /// Successful Completion.
  [[nodiscard]] constexpr bool ok() const noexcept { return code() == 0; }
  /// SCT and SC alone, for comparisons.
  [[nodiscard]] constexpr std::uint16_t code() const noexcept { return raw & 0x7FFU; }
  /// Status Code Type.
  [[nodiscard]] constexpr unsigned sct() const noexcept { return (raw >> 8U) & 7U; }
  /// Status Code.
  [[nodiscard]] constexpr unsigned sc() const noexcept { return raw & 0xFFU; }
  /// Do Not Retry.
  [[nodiscard]] constexpr bool dnr() const noexcept { return (raw & 0x4000U) != 0; }
};

/// SCT<<8 | SC of the statuses that the library acts on (Base 2.1 figures 102 and 103).
namespace sc {
inline constexpr std::uint16_t invalid_opcode = 0x001;
inline constexpr std::uint16_t invalid_field = 0x002;
inline constexpr std::uint16_t internal_error = 0x006;
inline constexpr std::uint16_t invalid_namespace = 0x00B;
inline constexpr std::uint16_t command_sequence_error = 0x00C;
inline constexpr std::uint16_t invalid_log_page = 0x109;
inline constexpr std::uint16_t namespace_already_attached = 0x118;
inline constexpr std::uint16_t namespace_is_private = 0x119;
inline constexpr std::uint16_t namespace_not_attached = 0x11A;
inline constexpr std::uint16_t controller_list_invalid = 0x11C;
inline constexpr std::uint16_t invalid_controller_identifier = 0x11F;
inline constexpr std::uint16_t invalid_secondary_controller_state = 0x120;
inline constexpr std::uint16_t invalid_number_of_resources = 0x121;
inline constexpr std::uint16_t invalid_resource_identifier = 0x122;
inline constexpr std::uint16_t invalid_controller_data_queue = 0x137;
inline constexpr std::uint16_t not_enough_resources = 0x138;
inline constexpr std::uint16_t controller_suspended = 0x139;
inline constexpr std::uint16_t controller_not_suspended = 0x13A;
inline constexpr std::uint16_t controller_data_queue_full = 0x13B;
inline constexpr std::uint16_t exported_subsystem_state =
    0x144;  ///< Base 2.4; its name is not known
}  // namespace sc

/// The name that the specification gives the status, `Unknown Status` when libnvme does not know
/// it.
NVMIGRATE_API std::string_view name_of(NvmeStatus status) noexcept;
/// `Name (SCT.SC, dnr)`, in hex: `Invalid Field in Command (0x0.0x02, dnr)`.
NVMIGRATE_API std::string to_string(NvmeStatus status);

/// The device answered a command with an error status. Ends with `device`.
class NVMIGRATE_API NvmeError : public Error {
 public:
  /// \param operation an imperative with its object: "suspend controller 3"
  NvmeError(NvmeStatus status, const std::string& operation, std::string advice = {},
            std::vector<Remedy> remedies = {});

  /// As the device gave it.
  [[nodiscard]] NvmeStatus nvme_status() const noexcept { return nvme_status_; }

 private:
  NvmeStatus nvme_status_;
};

}  // namespace nvmigrate
