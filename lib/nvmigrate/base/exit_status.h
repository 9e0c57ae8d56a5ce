// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <array>
#include <string_view>

namespace nvmigrate {

/// The exit statuses of the tool; one table makes the man page, the tests and the JSON error class.
enum class ExitStatus : int {
  ok = 0,
  internal = 1,
  usage = 2,
  not_found = 3,
  refused = 4,
  device = 5,
  timed_out = 6,
  busy = 7,
  bad_state = 8,
  unsupported = 9,
  partial = 10,
  permission = 11,
  io = 12,
  interrupted = 130,
};

/// One row of the table of exit statuses.
struct ExitStatusRow {
  ExitStatus status;
  std::string_view name;     ///< the `class` of an error in JSON
  std::string_view meaning;  ///< as in the man page
};

inline constexpr std::array<ExitStatusRow, 14> exit_status_table{{
    {ExitStatus::ok, "ok", "done, or nothing to do"},
    {ExitStatus::internal, "internal", "a fault of the tool itself"},
    {ExitStatus::usage, "usage", "the command line is wrong"},
    {ExitStatus::not_found, "not_found", "no such device, function, mark or file"},
    {ExitStatus::refused, "refused", "unsafe or against policy; nothing was done"},
    {ExitStatus::device, "device", "the device answered an NVMe error"},
    {ExitStatus::timed_out, "timed_out", "the device or the kernel did not answer in time"},
    {ExitStatus::busy, "busy", "another command holds the lock of the subsystem"},
    {ExitStatus::bad_state, "bad_state", "the state file is damaged or does not fit"},
    {ExitStatus::unsupported, "unsupported", "the device or the kernel cannot do this"},
    {ExitStatus::partial, "partial", "some of several failed, or two states differ"},
    {ExitStatus::permission, "permission", "the caller lacks the right"},
    {ExitStatus::io, "io", "the operating system answered an error"},
    {ExitStatus::interrupted, "interrupted", "ended by a signal"},
}};

/// The row of a status. \throws nothing; an unknown value answers the row of `internal`.
constexpr const ExitStatusRow& row_of(ExitStatus status) noexcept {
  for (const auto& row : exit_status_table) {
    if (row.status == status) return row;
  }
  return exit_status_table[1];
}

}  // namespace nvmigrate
