// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace nvmigrate {

/// A blocker that `--allow NAME` overrides.
struct Override {
  std::string_view name;
  std::string_view commands;  ///< in which it can occur, apart by blanks
};

/// All there are: the one table that command lines, manual pages and completion are made of.
std::span<const Override> overrides() noexcept;
/// The names that can occur in a command, in the order of the table.
std::vector<std::string> overrides_of(std::string_view command);

}  // namespace nvmigrate
