// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <vector>

#include "tests/bench/bench_world.h"
#include "tests/bench/table.h"

namespace nvmigrate::bench {

/// How long a function stands still in an export, an import and a transfer of `size` bytes, each
/// against the bare minimum of admin commands through the same port; the best of `repeat`.
/// \param goal of the transfer's ratio
std::vector<Row> measure_blackouts(BenchWorld& world, std::uint64_t size, unsigned repeat,
                                   double goal);

}  // namespace nvmigrate::bench
