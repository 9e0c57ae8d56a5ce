// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cli/screen.h"
#include "nvmigrate/session/topology.h"

/// Controlled functions as rows: for readers in a table, for scripts with every field that is asked
/// for.
namespace nvmigrate::cli {

/// The names of all fields; as in JSON, where there is the same.
std::vector<std::string> field_names();

/// The functions of a controlling function in columns, as wide as the screen. Neighbours that are
/// all unused, or all foreign, share a row.
/// \param names of the columns, all of which are shown; empty: the usual ones, of which the
/// less important ones are left out where there is no room
std::string functions_table(const Topology& topology, const std::vector<std::string>& names,
                            std::size_t indent, const Screen& screen);

/// A line of names and a line for each function, tabs between the fields. A tab, newline, return or
/// backslash in a value becomes `\t`, `\n`, `\r` or `\\`, another control character `\u001b`.
/// \param names of the fields; empty: all
std::string as_tsv(const std::vector<const Topology*>& devices,
                   const std::vector<std::string>& names);
/// `NAME='VALUE'` lines for a shell: for each function a block, and an empty line between them.
std::string as_variables(const std::vector<const Topology*>& devices,
                         const std::vector<std::string>& names);
/// A value in a field of as_tsv().
std::string escaped_for_tsv(std::string_view value);

}  // namespace nvmigrate::cli
