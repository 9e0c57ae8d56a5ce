// SPDX-License-Identifier: LGPL-2.1-or-later
#include <algorithm>
#include <bit>
#include <cstring>
#include <set>

#include "nvmigrate/nvme/wire.h"
#include "plugins/sim/answers.h"
#include "plugins/sim/stream.h"

namespace nvmigrate::sim {
namespace {

constexpr unsigned page_bits = 12;

std::uint64_t granule_of(const Tracking& tracking) {
  return 1ULL << (page_bits + tracking.exponent);
}

Function* trackable(Subsystem& subsystem, std::uint16_t target) {
  auto* const function = subsystem.find(target);
  return function == nullptr || function->kind == Kind::controlling ? nullptr : function;
}

std::uint64_t count_of(const std::vector<Granules>& ranges) {
  std::uint64_t count = 0;
  for (const auto& [address, granules] : ranges)
    count += granules;
  return count;
}

std::size_t tracked_ranges(const Subsystem& subsystem) {
  std::size_t count = 0;
  for (const auto& function : subsystem.functions)
    count += function.tracking ? function.tracking->ranges.size() : 0;
  return count;
}

std::optional<Tracking> decoded(std::span<const std::byte> data) {
  wire::TrackedRanges head;
  if (data.size() < sizeof head) return std::nullopt;
  std::memcpy(&head, data.data(), sizeof head);
  const std::uint64_t count = std::uint32_t{head.rnmrtd};
  const bool fits = data.size() == sizeof head + count * sizeof(wire::TrackedRange);
  if (head.ver != 0 || head.rmrtg > coarsest_exponent || count == 0 || !fits) return std::nullopt;
  Tracking tracking;
  tracking.exponent = head.rmrtg;
  for (std::uint64_t i = 0; i < count; ++i) {
    wire::TrackedRange range;
    std::memcpy(&range, data.data() + sizeof head + i * sizeof range, sizeof range);
    if (range.length == 0 || range.saddr % granule_of(tracking) != 0) return std::nullopt;
    tracking.ranges.emplace_back(range.saddr, range.length);
  }
  return tracking;
}

/// With the exponent at which the granules would be few enough.
Answer too_many(const Tracking& tracking) {
  auto exponent = std::uint32_t{tracking.exponent};
  for (auto count = count_of(tracking.ranges); count > most_tracked_granules;
       count = (count + 1) / 2)
    ++exponent;
  return {.status = sc::not_enough_resources,
          .dw0 = std::min<std::uint32_t>(exponent, coarsest_exponent),
          .dw1 = most_tracked_ranges};
}

/// Addresses of granules. The guest's I/O of a number always changes the same one.
std::uint64_t changed_by(const Guest& guest, std::uint64_t io, const Tracking& tracking) {
  auto place = mixed(guest.seed() ^ mixed(io)) % count_of(tracking.ranges);
  for (const auto& [address, granules] : tracking.ranges) {
    if (place < granules) return address + place * granule_of(tracking);
    place -= granules;
  }
  return tracking.ranges.front().first;
}

std::set<std::uint64_t> changed(const Function& function) {
  const auto& tracking = *function.tracking;
  std::set<std::uint64_t> all;
  for (const auto& [address, granules] : tracking.left) {
    for (std::uint64_t i = 0; i < granules; ++i)
      all.insert(address + i * granule_of(tracking));
  }
  const auto progress = function.guest ? function.guest->progress() : 0;
  const auto from = tracking.seen > progress ? 0 : tracking.seen;  // another guest
  for (auto io = from; io < progress; ++io)
    all.insert(changed_by(*function.guest, io, tracking));
  return all;
}

std::vector<Granules> joined(const std::set<std::uint64_t>& addresses, std::uint64_t granule) {
  std::vector<Granules> runs;
  for (const auto address : addresses) {
    const bool follows =
        !runs.empty() && runs.back().first + runs.back().second * granule == address;
    if (follows) {
      ++runs.back().second;
    } else {
      runs.emplace_back(address, 1);
    }
  }
  return runs;
}

void put(std::span<std::byte> into, const Function& function, std::span<const Granules> reported) {
  const auto& tracking = *function.tracking;
  std::fill(into.begin(), into.end(), std::byte{0});
  wire::TrackedChanges head;
  head.attributes =
      static_cast<std::uint8_t>((tracking.left.empty() ? 0U : unsigned{wire::more_to_report}) |
                                (function.suspended() ? unsigned{wire::tracked_suspended} : 0U));
  head.cntlid = function.id;
  head.ntmcd = static_cast<std::uint32_t>(reported.size());
  head.rpmpg = tracking.exponent;
  std::memcpy(into.data(), &head, sizeof head);
  auto place = into.subspan(sizeof head);
  for (const auto& [address, granules] : reported) {
    wire::TrackedChange change;
    change.saddr = address;
    change.length = granules;
    std::memcpy(place.data(), &change, sizeof change);
    place = place.subspan(sizeof change);
  }
}

}  // namespace

Answer start_tracking(Subsystem& subsystem, std::uint16_t controlling, std::uint16_t target,
                      std::span<const std::byte> data) {
  auto* const function = trackable(subsystem, target);
  if (function == nullptr || function->tracking) {
    return {.status = sc::invalid_controller_identifier};
  }
  if (function->suspended()) return {.status = sc::controller_suspended};
  auto tracking = decoded(data);
  const bool within =
      tracking && tracking->ranges.size() <= most_tracked_ranges &&
      tracked_ranges(subsystem) + tracking->ranges.size() <= most_tracked_ranges_of_all;
  if (!within) return {.status = sc::invalid_field};
  if (count_of(tracking->ranges) > most_tracked_granules) return too_many(*tracking);
  tracking->through = controlling;
  tracking->seen = function->guest ? function->guest->progress() : 0;
  function->tracking = std::move(tracking);
  return {};
}

Answer stop_tracking(Subsystem& subsystem, std::uint16_t target) {
  auto* const function = trackable(subsystem, target);
  if (function == nullptr) return {.status = sc::invalid_controller_identifier};
  if (function->suspended()) return {.status = sc::controller_suspended};
  function->tracking.reset();
  return {};
}

Answer read_tracked(Subsystem& subsystem, std::uint16_t target, std::span<std::byte> into) {
  auto* const function = trackable(subsystem, target);
  if (function == nullptr || !function->tracking) {
    return {.status = sc::invalid_controller_identifier};
  }
  if (into.size() < sizeof(wire::TrackedChanges)) return {.status = sc::invalid_field};
  auto& tracking = *function->tracking;
  auto runs = joined(changed(*function), granule_of(tracking));
  const auto room = (into.size() - sizeof(wire::TrackedChanges)) / sizeof(wire::TrackedChange);
  const auto reported = std::min(runs.size(), room);
  tracking.seen = function->guest ? function->guest->progress() : 0;
  tracking.left.assign(runs.begin() + static_cast<std::ptrdiff_t>(reported), runs.end());
  put(into, *function, std::span{runs}.first(reported));
  return {};
}

}  // namespace nvmigrate::sim
