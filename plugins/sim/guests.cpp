// SPDX-License-Identifier: LGPL-2.1-or-later
#include <fmt/core.h>

#include <algorithm>

#include "plugins/sim/sim.h"
#include "plugins/sim/store.h"

namespace nvmigrate::sim {
namespace {

std::string state_of(const Function& function) {
  if (function.suspended()) return "suspended";
  return function.guest ? "running" : "none";
}

// Notes the fields of a queue that differ.
class Comparison {
 public:
  Comparison(std::string what, std::vector<std::string>& differences)
      : what_(std::move(what)), differences_(&differences) {}

  void operator()(const char* field, std::uint64_t expected, std::uint64_t actual) {
    if (expected == actual) return;
    differences_->push_back(
        fmt::format("{}: the {} is {} instead of {}", what_, field, actual, expected));
  }

 private:
  std::string what_;
  std::vector<std::string>* differences_;
};

void compare(const SubmissionQueue& from, const SubmissionQueue& to,
             std::vector<std::string>& differences) {
  Comparison differs(fmt::format("submission queue {}", from.id), differences);
  differs("id", from.id, to.id);
  differs("head", from.head, to.head);
  differs("tail", from.tail, to.tail);
  differs("size", from.size, to.size);
  differs("completion queue", from.cq_id, to.cq_id);
  differs("address", from.prp1, to.prp1);
  differs("attributes", from.attributes, to.attributes);
}

void compare(const CompletionQueue& from, const CompletionQueue& to,
             std::vector<std::string>& differences) {
  Comparison differs(fmt::format("completion queue {}", from.id), differences);
  differs("id", from.id, to.id);
  differs("head", from.head, to.head);
  differs("tail", from.tail, to.tail);
  differs("phase", from.phase() ? 1 : 0, to.phase() ? 1 : 0);
  differs("size", from.size, to.size);
  differs("address", from.prp1, to.prp1);
  differs("attributes", from.attributes & ~4U, to.attributes & ~4U);
}

template <typename QueueType>
void compare(const std::vector<QueueType>& from, const std::vector<QueueType>& to,
             const std::string& kind, std::vector<std::string>& differences) {
  if (from.size() != to.size()) {
    differences.push_back(
        fmt::format("there are {} {} queues instead of {}", to.size(), kind, from.size()));
    return;
  }
  for (std::size_t i = 0; i < from.size(); ++i)
    compare(from[i], to[i], differences);
}

void compare_vendor(const Snapshot& from, const Snapshot& to,
                    std::vector<std::string>& differences) {
  if (from.vendor_digest == to.vendor_digest) return;
  if (to.vendor_digest.empty()) {
    differences.emplace_back("the vendor state was not carried over");
  } else {
    differences.emplace_back("the vendor state differs");
  }
}

std::string guest_of(const GuestReport& report) {
  return fmt::format("the guest of {} on {}", report.function, report.device);
}

}  // namespace

void start_guest(const Folders& folders, const std::string& device, const std::string& id,
                 std::optional<unsigned> queues) {
  const auto place = place_of(device);
  Store(folders.sim, place.name).change([&](Subsystem& now) {
    start_guest(now, now.functions[now.named(id, place.controlling).id], queues);
    return 0;
  });
}

bool stop_guest(const Folders& folders, const std::string& device, const std::string& id) {
  const auto place = place_of(device);
  return Store(folders.sim, place.name).change([&](Subsystem& now) {
    auto& function = now.functions[now.named(id, place.controlling).id];
    const bool had_one = function.guest.has_value();
    if (had_one) reset(function);
    return had_one;
  });
}

GuestReport guest_report(const Folders& folders, const std::string& device, const std::string& id) {
  const auto place = place_of(device);
  Store store(folders.sim, place.name);
  auto subsystem = store.read();
  const auto cntlid = subsystem->named(id, place.controlling).id;
  if (subsystem->functions[cntlid].running()) {
    store.change([](Subsystem& now) { return ++now.generation; });
    subsystem = store.read();
  }
  const auto& function = *subsystem->find(cntlid);
  GuestReport report{.device = device,
                     .function = id,
                     .cntlid = cntlid,
                     .state = state_of(function),
                     .queues = {},
                     .stopped = function.stopped,
                     .continued = function.continued};
  if (!function.guest) return report;
  report.progress = function.guest->progress();
  report.queues = function.guest->queues();
  return report;
}

std::vector<std::string> discontinuities(const GuestReport& source,
                                         const GuestReport& destination) {
  if (!source.stopped) return {guest_of(source) + " was never suspended"};
  if (!destination.continued) {
    return {guest_of(destination) + " does not continue a loaded state"};
  }
  std::vector<std::string> differences;
  const auto& from = *source.stopped;
  const auto& to = *destination.continued;
  compare(from.queues.submission, to.queues.submission, "submission", differences);
  compare(from.queues.completion, to.queues.completion, "completion", differences);
  compare_vendor(from, to, differences);
  return differences;
}

}  // namespace nvmigrate::sim
