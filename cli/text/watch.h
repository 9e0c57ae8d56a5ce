// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "cli/command.h"

namespace nvmigrate::cli {

/// Draws on the terminal that standard output is, and again every so many seconds, until a stop
/// signal comes, which is how it is ended. \param draw gives a text as of Outcome::coloured
/// \throws usage_error when standard output is not a terminal
void watch(Context& context, std::uint64_t seconds, const std::function<std::string()>& draw);

/// The first lines of a text, as many as there is room for, and how many are missing.
std::string first_lines(const std::string& text, std::size_t room);

}  // namespace nvmigrate::cli
