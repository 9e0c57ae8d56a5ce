// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <vector>

#include "tests/bench/bench_world.h"
#include "tests/bench/table.h"

namespace nvmigrate::bench {

/// Rate and memory of export and import through a file and a pipe, each against copying the same
/// bytes with the same digests; the best of `rounds`.
std::vector<Row> measure_rates(BenchWorld& world, std::uint64_t size, unsigned rounds);

}  // namespace nvmigrate::bench
