// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>
#include <vector>

#include "nvmigrate/state/stored_state.h"

namespace nvmigrate {

/// One field that two states do not have in common.
struct StateDifference {
  std::string field;        ///< dotted: `identity.serial`, `submission_queues.3.tail`
  std::string left, right;  ///< empty: not there
  bool operator==(const StateDifference&) const = default;
};

/// What differs, field by field: identity (not when one of them is raw; never time, host, tool and
/// blackout), formats, header, each queue, vendor part, and at last the digest of the whole. Read
/// the states with the vendor digest. Empty when the same.
std::vector<StateDifference> compare_states(const StoredState& left, const StoredState& right);

}  // namespace nvmigrate
