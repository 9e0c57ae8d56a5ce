// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <span>
#include <string_view>

namespace nvmigrate::cli {

/// A command line, and what it is for.
struct Example {
  std::string_view command;  ///< whose it is: `export`, `sim guest start`
  std::string_view about;    ///< begins with a capital letter, and has no full stop
  std::string_view line;
};

/// Of all commands. A test runs each on simulated subsystems, with sim:a for nvme0 and sim:b for
/// nvme1.
std::span<const Example> examples() noexcept;

}  // namespace nvmigrate::cli
