// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>
#include <string_view>

#include "nvmigrate/session/topology.h"

namespace nvmigrate {

struct Folders;
class Io;

/// Whether an intent speaks of a suspension, of which the device has the last word.
bool speaks_of_suspension(const Intent& intent) noexcept;
/// Whether the command that recorded it had more to do with the function when it ended.
bool is_unfinished(const Intent& intent);
/// A detail of an intent; empty when it has none of that name.
std::string detail_of(const Intent& intent, const std::string& name);

/// Holds the intents of a function against what the device said of it: which of them are over
/// (stale), and which loads were the end of a transfer (committed). A function that is offline was
/// reset and holds nothing. What cannot be found out stays as recorded.
void judge_intents(ControlledFunction& function, Io& io, const Folders& folders);

/// Whether the load that this intent speaks of belonged to a transfer that reached its point of no
/// return: then the state is whole, and only the Resume is missing. \throws Error(io), OsError
bool load_was_committed(Io& io, const Folders& folders, const Intent& loading);

}  // namespace nvmigrate
