// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>
#include <string_view>

#include "nvmigrate/session/topology.h"

namespace nvmigrate {

/// Key of an intent that stands for a lost record: where the remains are.
inline constexpr const char* lost_detail = "lost";
/// Keys of an intent `unbound`: the driver and the driver_override that the function had.
inline constexpr const char* original_driver_detail = "original_driver";
inline constexpr const char* original_override_detail = "original_override";

/// Whether the device says that the function was reset, or never had a guest: it is offline, or is
/// not suspended and has no queues.
bool was_reset(const ControlledFunction& function) noexcept;
/// Whether the command that recorded it had more to do with the function when it ended.
bool is_unfinished(const Intent& intent);
/// Whether a record of a complete state speaks of one that a reset took before its guest ran. Not
/// of one whose command was about to resume the function: that may have happened.
bool is_lost_load(const ControlledFunction& function, const Intent& intent) noexcept;
/// A detail of an intent; empty when it has none of that name.
std::string detail_of(const Intent& intent, const std::string& name);

/// Holds the intents of a function against what the device said of it, and finds out which of them
/// are over (stale). A function that is offline, or is not suspended and has no queues, was reset
/// and holds nothing. One that is not suspended and has queues has a guest: that ends a record of
/// its suspension, but not one that says its state has left. What the device does not tell stays as
/// recorded. A record that a function was taken from its driver is over when driver and override
/// are as they were, and when the function has vanished.
/// \param lost where the remains of a journal are that is lost or cannot be used; then a suspended
/// function without a record counts as exported, and so does one of which the device cannot tell.
/// Empty if the journal was not lost, or where the guest is known again (see Journal::lost()).
void judge_intents(ControlledFunction& function, const std::string& lost);

}  // namespace nvmigrate
