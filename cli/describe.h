// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>
#include <string_view>

#include "cli/command.h"
#include "cli/table.h"

namespace nvmigrate::cli {

/// What a controlled function is doing, as far as the tool knows: the word in tables and in JSON.
enum class FunctionStatus {
  running,
  offline,
  suspended,  ///< by this tool, or as the device says
  loading,    ///< a state is loaded into it, or the load died
  moved,      ///< its state runs elsewhere
  unbound,    ///< taken from its driver, and the next has not got it
};
std::string_view to_string(FunctionStatus status) noexcept;
FunctionStatus status_of(const ControlledFunction& function) noexcept;

/// `3 (vf 2)`, `3`
std::string label_of(const ControlledFunction& function);
/// \param vfn 0: no VF
std::string label_of(std::uint16_t cntlid, unsigned vfn);
/// The vfio node a VM would open: the device node where there is one, else the group; or empty.
std::string vfio_node(const ControlledFunction& function);

/// What is left of a command that is at work no more, in words, with the command that mends it; or
/// what is going on. Empty for an intent that is neither.
std::string account_of(const Intent& intent, const Topology& topology);
/// Whether it needs no account of its own: the function is suspended for another reason on record,
/// which says what to do.
bool is_overshadowed(const Intent& intent, const std::vector<Intent>& intents);
/// The command line that ends an intent; empty when there is none to recommend.
std::string remedy_of(const Intent& intent, const std::string& device);

Json json_of(const Intent& intent, const std::string& device);
/// One controlled function: the same object in every document.
Json json_of(const ControlledFunction& function, const std::string& device);
Json json_of(const ControllerIdentity& identity);
Json json_of(const PrimaryResources& resources);
/// A controlling function without its functions, "device" first.
Json json_of(const Topology& topology);
Json functions_json(const Topology& topology);

/// The functions of a controlling function in columns.
Table table_of(const Topology& topology);
/// A value, or JSON null.
template <typename Value>
Json or_null(const std::optional<Value>& value) {
  return value ? Json(*value) : Json(nullptr);
}
Json text_or_null(const std::string& text);

}  // namespace nvmigrate::cli
