// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugins/nvme/memory_tracker.h"

#include <fmt/core.h>

#include <algorithm>

#include "nvmigrate/base/numbers.h"
#include "nvmigrate/nvme/commands.h"
#include "nvmigrate/nvme/tracking.h"
#include "plugins/nvme/explain.h"

namespace nvmigrate::nvme {
namespace {

constexpr std::uint32_t u16_mask = 0xFFFF;
constexpr unsigned page_bits = 12, most_bits = 51;

/// With Not Enough Resources the device tells what it could do: an exponent of the granule and a
/// number of ranges.
NvmeError too_much(const AdminCompletion& completion, std::uint16_t function) {
  const auto exponent = std::min(completion.dw0 & u16_mask, most_bits);
  return {completion.status, operation(Step::track, function),
          fmt::format("the device could track it with a granularity of {}, and up to {} ranges",
                      format_size(1ULL << (page_bits + exponent)), completion.dw1)};
}

}  // namespace

void NvmeMemoryTracker::start(std::uint16_t function, std::uint64_t granule,
                              const std::vector<MemoryRange>& ranges) {
  const auto data = encode_ranges(granule, ranges);
  const auto completion = port_->submit(command::start_tracking(function, data));
  if (completion.status.ok()) return;
  if (completion.status.code() == sc::not_enough_resources) throw too_much(completion, function);
  throw explain(completion.status, Step::track, function);
}

void NvmeMemoryTracker::stop(std::uint16_t function) {
  send(*port_, command::stop_tracking(function), Step::untrack, function);
}

/// What the kernel does not send has not been read either.
TrackedMemory NvmeMemoryTracker::read(std::uint16_t function) {
  for (;;) {
    const std::size_t size = chunk_;
    std::vector<std::byte> data(size);
    try {
      send(*port_, command::read_tracked(function, data), Step::read_tracked, function);
      return decode_changes(function, data);
    } catch (const OsError& error) {
      const auto less = shorter(error, size);
      if (less == 0) throw;
      chunk_ = less;
    }
  }
}

}  // namespace nvmigrate::nvme
