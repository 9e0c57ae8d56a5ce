// SPDX-License-Identifier: LGPL-2.1-or-later
#include <fmt/core.h>

#include <bit>
#include <limits>

#include "nvmigrate/base/interrupt.h"
#include "nvmigrate/base/numbers.h"
#include "nvmigrate/migrate/function.h"
#include "nvmigrate/migrate/migrate.h"
#include "nvmigrate/session/backend.h"

namespace nvmigrate {
namespace {

/// Base 2.1 §8.1.6: the controller writes into the queue long after the command that made it, and
/// the kernel gives the memory back when that command completes.
std::string why_no_log(const Session& session, const std::string& kernel) {
  if (!session.identity().tracking.user_data) return "the device does not (TRATTR bit 1 is clear)";
  const std::string own = kernel.empty() ? ""
                                         : "; this kernel has queues of its own (" + kernel +
                                               "), which this program does not use";
  return "it needs a controller data queue, and the kernel gives the memory of a passthrough "
         "command back while the device still writes to such a queue" +
         own;
}

Fact user_data_fact(const Session& session, const std::string& kernel = {}) {
  return {.code = "no_user_data_log",
          .device = session.device(),
          .words = {{"reason", why_no_log(session, kernel)}}};
}

MemoryTracker* tracker_of(Session& session, Judge& judge) {
  const auto* serving = session.serving();
  auto* const tracker = serving == nullptr ? nullptr : session.backend().memory_tracker();
  if (tracker == nullptr) judge.add(judge.about_device("no_memory_tracking"));
  return tracker;
}

MemoryTracker& tracker_for(Session& session, std::uint16_t cntlid,
                           const std::vector<std::string>& allowed) {
  auto judge = judge_function(Verb::track, session, cntlid, allowed);
  auto* const tracker = tracker_of(session, judge);
  judge.refuse("track");
  return *tracker;
}

std::string text_of(const MemoryRange& range) {
  return to_hex(range.address) + ":" + format_size(range.bytes);
}

std::uint64_t granule_for(const TrackingAbility& ability, const TrackOptions& options) {
  const auto granule = options.granule.value_or(ability.finest);
  if (!std::has_single_bit(granule) || granule < ability.finest || granule > ability.coarsest) {
    throw usage_error(fmt::format("a granularity of {} is not a power of two from {} to {}",
                                  format_size(granule), format_size(ability.finest),
                                  format_size(ability.coarsest)));
  }
  return granule;
}

void check_range(const MemoryRange& range, std::uint64_t granule, bool powers_of_two) {
  const auto refuse = [&](std::string_view why) {
    throw usage_error(fmt::format("cannot track the range {}: {}", text_of(range), why));
  };
  const auto count = range.bytes / granule;
  if (range.bytes == 0) refuse("it is empty");
  if (range.address % granule != 0 || range.bytes % granule != 0) {
    refuse("its start and size are not multiples of " + format_size(granule));
  }
  if (range.bytes - 1 > std::numeric_limits<std::uint64_t>::max() - range.address) {
    refuse("it ends beyond the end of memory");
  }
  if (count > std::numeric_limits<std::uint32_t>::max()) refuse("it needs a coarser granularity");
  if (powers_of_two && !std::has_single_bit(count)) {
    refuse("the device takes only sizes that are a power of two");
  }
}

void check_ranges(const TrackingAbility& ability, const TrackOptions& options,
                  std::uint64_t granule) {
  if (options.ranges.empty()) throw usage_error("no range of memory is named");
  if (options.ranges.size() > ability.ranges) {
    throw usage_error(fmt::format("the device tracks at most {} ranges of a function, not {}",
                                  ability.ranges, options.ranges.size()));
  }
  for (const auto& range : options.ranges)
    check_range(range, granule, ability.powers_of_two);
}

}  // namespace

std::uint64_t start_tracking(Session& session, std::uint16_t cntlid, const TrackOptions& options) {
  if (!options.dry_run) session.claim();
  if (options.user_data) {
    Judge judge(Verb::track, session, options.allowed);
    judge.add(user_data_fact(session));
    judge.refuse("track");
  }
  auto& tracker = tracker_for(session, cntlid, options.allowed);
  const auto& ability = session.identity().tracking;
  const auto granule = granule_for(ability, options);
  check_ranges(ability, options, granule);
  if (options.dry_run) return granule;
  stop_if_interrupted("nothing was tracked");
  tracker.start(cntlid, granule, options.ranges);
  return granule;
}

TrackedMemory read_tracked(Session& session, std::uint16_t cntlid,
                           const std::vector<std::string>& allowed) {
  session.claim();
  auto& tracker = tracker_for(session, cntlid, allowed);
  stop_if_interrupted("nothing was read");
  return tracker.read(cntlid);
}

void stop_tracking(Session& session, std::uint16_t cntlid, const UntrackOptions& options) {
  if (!options.dry_run) session.claim();
  Judge judge(Verb::track, session, options.allowed);
  judge.look_at_control(cntlid);
  auto* const tracker = tracker_of(session, judge);
  judge.refuse("track");
  if (options.dry_run) return;
  stop_if_interrupted("tracking goes on");
  tracker->stop(cntlid);
}

Findings check_user_data_log(Session& session, const std::string& kernel) {
  if (!session.identity().tracking.user_data) return {};
  return {told(user_data_fact(session, kernel))};
}

}  // namespace nvmigrate
