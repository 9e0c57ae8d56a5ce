// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "nvmigrate/session/topology.h"

/// What is told of controlled functions, and how scripts get it.
namespace nvmigrate::cli {

/// One fact of a controlled function, as scripts get it.
struct Field {
  std::string_view name, heading;
  std::string_view variable;  ///< behind NVMIGRATE_, as in the output of handle
  std::string (*value)(const Topology& topology, const ControlledFunction& function);
};

/// The names of all fields; as in JSON, where there is the same.
std::vector<std::string> field_names();
/// \param names of field_names()
std::vector<const Field*> fields_named(const std::vector<std::string>& names);

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
