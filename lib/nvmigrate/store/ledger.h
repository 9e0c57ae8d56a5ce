// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <functional>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "nvmigrate/store/records.h"

/// The ledger of the journal, as JSON: a list of lines, the oldest first.
namespace nvmigrate::store {

/// \throws std::exception when it is not a line
LedgerLine line_of(const nlohmann::ordered_json& json);
/// Whether an object names this subsystem, by the members `subsystem` and `serial`, as this or an
/// earlier version writes them.
bool is_of(const nlohmann::ordered_json& json, const SubsystemKey& key);

/// Adds a line; drops the oldest line of a ledger that has grown too long.
void append(nlohmann::ordered_json& ledger, const LedgerLine& line);
void drop_lines(nlohmann::ordered_json& ledger,
                const std::function<bool(const nlohmann::ordered_json&)>& which);
/// Drops what was loaded into a function.
void drop_loads(nlohmann::ordered_json& ledger, const SubsystemKey& key, std::uint16_t cntlid);
/// Drops what is known of a state that was read from a function.
void drop_past(nlohmann::ordered_json& ledger, const SubsystemKey& key, std::uint16_t cntlid,
               const std::string& sha256);

// For a journal whose records were lost: the functions whose guests' places are known again. A
// list of subsystems, each with its controller ids.

/// \throws std::exception when it is not such a list
std::set<std::uint16_t> settled_in(const nlohmann::ordered_json& document, const SubsystemKey& key);
/// Without effect on a document whose records were not lost.
void settle(nlohmann::ordered_json& document, const SubsystemKey& key, std::uint16_t cntlid);

}  // namespace nvmigrate::store
