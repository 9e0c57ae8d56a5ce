// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/nvme/tracking.h"

#include <fmt/core.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>
#include <string_view>

#include "nvmigrate/base/error.h"
#include "nvmigrate/nvme/wire.h"

namespace nvmigrate {
namespace {

constexpr unsigned page_bits = 12;

/// 2^n × 4 KiB; of an exponent that no memory has, the largest.
std::uint64_t granule_of(unsigned exponent) noexcept {
  return 1ULL << std::min(exponent + page_bits, 63U);
}

template <typename Structure>
Structure at(std::span<const std::byte> data, std::size_t offset) noexcept {
  Structure structure{};
  std::memcpy(&structure, data.data() + offset, sizeof structure);
  return structure;
}

[[noreturn]] void impossible(std::uint16_t controller, std::string_view what) {
  throw Error(ExitStatus::device,
              fmt::format("cannot read the tracked changes of controller {}: the answer {}",
                          controller, what),
              "what it told is lost: take all tracked memory as changed");
}

MemoryRange range_of(std::uint16_t controller, const wire::TrackedChange& change,
                     std::uint64_t granule) {
  const std::uint64_t address = change.saddr, length = std::uint32_t{change.length};
  const auto most = std::numeric_limits<std::uint64_t>::max();
  if (length > most / granule || address > most - length * granule) {
    impossible(controller, "has a range beyond the end of memory");
  }
  return {address, length * granule};
}

}  // namespace

TrackingAbility decode_tracking(std::span<const std::byte> data) noexcept {
  const auto fields = at<wire::TrackingFields>(data, wire::tracking_fields_at);
  TrackingAbility ability;
  ability.memory = (fields.trattr & 1U) != 0;
  ability.user_data = (fields.trattr & 2U) != 0;
  if (!ability.memory) return ability;
  ability.powers_of_two = (fields.trattr & 4U) != 0;
  ability.ranges = fields.cmmrtd;
  ability.ranges_of_all = fields.nmmrtd;
  ability.finest = granule_of(fields.minmrtg);
  ability.coarsest = granule_of(fields.maxmrtg);
  return ability;
}

std::vector<std::byte> encode_ranges(std::uint64_t granule,
                                     const std::vector<MemoryRange>& ranges) {
  wire::TrackedRanges head;
  head.rmrtg = static_cast<std::uint8_t>(std::countr_zero(granule) - static_cast<int>(page_bits));
  head.rnmrtd = static_cast<std::uint32_t>(ranges.size());
  std::vector<std::byte> data(sizeof head + ranges.size() * sizeof(wire::TrackedRange));
  std::memcpy(data.data(), &head, sizeof head);
  auto* place = data.data() + sizeof head;
  for (const auto& range : ranges) {
    const wire::TrackedRange one{range.address, static_cast<std::uint32_t>(range.bytes / granule)};
    std::memcpy(place, &one, sizeof one);
    place += sizeof one;
  }
  return data;
}

TrackedMemory decode_changes(std::uint16_t controller, std::span<const std::byte> data) {
  if (data.size() < sizeof(wire::TrackedChanges)) impossible(controller, "is too short");
  const auto head = at<wire::TrackedChanges>(data, 0);
  if (head.ver != 0) impossible(controller, fmt::format("has version {}", head.ver));
  if (head.cntlid != controller) {
    impossible(controller, fmt::format("is about controller {}", std::uint16_t{head.cntlid}));
  }
  const std::uint32_t count = head.ntmcd;
  if (count > (data.size() - sizeof head) / sizeof(wire::TrackedChange)) {
    impossible(controller, fmt::format("counts {} ranges, more than it can hold", count));
  }
  TrackedMemory memory{.granule = granule_of(std::uint16_t{head.rpmpg}),
                       .more = (head.attributes & wire::more_to_report) != 0,
                       .suspended = (head.attributes & wire::tracked_suspended) != 0};
  for (std::uint32_t i = 0; i < count; ++i) {
    const auto place = sizeof head + i * sizeof(wire::TrackedChange);
    memory.ranges.push_back(
        range_of(controller, at<wire::TrackedChange>(data, place), memory.granule));
  }
  return memory;
}

}  // namespace nvmigrate
