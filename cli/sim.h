// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "cli/command.h"
#include "nvmigrate/store/lock.h"
#include "plugins/sim/sim.h"
#include "plugins/sim/store.h"

namespace nvmigrate::cli {

/// NAME as the commands of `sim` take it: `a` or `sim:a`. \throws usage_error
std::string sim_name(const std::string& word);
/// As sim_name, with the controlling function behind a '/'.
sim::Place sim_place(const std::string& word);

/// Takes the subsystem's lock, which every command that changes it holds. \throws busy
SubsystemLock lock_sim(const Context& context, const std::string& name, const SubsystemKey& key);
/// Does `act` to a subsystem under its lock, or in a dry run to a copy of it. \return whether it
/// made a difference
bool change_sim(const Context& context, const sim::Place& place, bool dry_run,
                const std::function<void(sim::Subsystem&)>& act);

/// Document of a changing command, begun; `text` says what was done, or would be: "removed".
Outcome sim_outcome(const std::string& device, bool dry_run, bool changed, const std::string& text);

/// Does the same to several subsystems, each of which may fail. The document has an outcome for
/// each, and of a single one what sim_outcome() says of it as well.
Outcome for_each_sim(Context& context, const std::vector<std::string>& names, bool dry_run,
                     const std::function<Outcome(const std::string& name)>& act);

/// Queues of a guest, as arrays `submission_queues` and `completion_queues`.
void add_queues(Json& json, const sim::Queues& queues);

}  // namespace nvmigrate::cli
