// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>
#include <vector>

#include "cli/text/screen.h"
#include "nvmigrate/session/topology.h"

namespace nvmigrate::cli {

/// The functions of a controlling function in columns, as wide as the screen, and their namespaces:
/// in one line below when all have the same, else below each function, or in a column where these
/// lines would be many. Neighbours that nobody uses, or all foreign, share a row.
/// \param names of the columns, see field_names(), all of which are shown, and nothing else; empty:
/// the usual ones, of which the less important ones are left out where there is no room
std::string functions_table(const Topology& topology, const std::vector<std::string>& names,
                            std::size_t indent, const Screen& screen);

}  // namespace nvmigrate::cli
