// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "plugins/sim/guest.h"
#include "plugins/sim/model.h"

namespace nvmigrate::sim {

/// The queue records of a version 0 NVMe state; `submission` of them are submission queues, the
/// rest completion queues. `bytes` is a multiple of 24.
Queues decoded_queues(std::span<const std::byte> bytes, std::size_t submission);
/// 0, or why a controller does not take these queues: Invalid Field for what no controller has, Not
/// Enough Resources for what this one has not.
std::uint16_t status_of(const Queues& queues, const Limits& limits);

}  // namespace nvmigrate::sim
