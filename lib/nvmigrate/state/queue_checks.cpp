// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/state/queue_checks.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

namespace nvmigrate {
namespace {

constexpr std::uint32_t completion_known = 0xFFFF0007;
constexpr std::uint16_t submission_known = 0x0007;

bool contains(const std::vector<CompletionQueue>& queues, std::uint16_t id) {
  const auto found = std::lower_bound(
      queues.begin(), queues.end(), id,
      [](const CompletionQueue& queue, std::uint16_t wanted) { return queue.id < wanted; });
  return found != queues.end() && found->id == id;
}

bool ascending(const std::vector<CompletionQueue>& queues) {
  return std::is_sorted(queues.begin(), queues.end(),
                        [](const auto& left, const auto& right) { return left.id < right.id; });
}

}  // namespace

void QueueChecks::add(std::string code, std::string message, Severity severity,
                      std::uint64_t offset) {
  Finding finding{.code = std::move(code),
                  .severity = severity,
                  .status = ExitStatus::bad_state,
                  .message = std::move(message),
                  .offset = offset};
  if (findings_->size() < limit_) {
    findings_->push_back(std::move(finding));
    return;
  }
  if (finding.stands() && !any_stands(*findings_)) findings_->back() = std::move(finding);
}

void QueueChecks::add_reserved(std::uint64_t offset) {
  if (std::exchange(reserved_, true)) return;
  add("reserved", "reserved bits are not 0", Severity::warning, offset);
}

template <typename Queue>
void QueueChecks::check(const Queue& queue, const std::string& what, std::uint16_t& last,
                        std::uint64_t offset) {
  constexpr auto blocker = Severity::blocker;
  if (queue.id == 0) add("queue_id", what + " has the id of the admin queue", blocker, offset + 10);
  if (queue.id != 0 && queue.id <= last) {
    add("queue_order", what + " is not in ascending order", blocker, offset + 10);
  }
  last = std::max(last, queue.id);
  if (queue.entries < 2) add("queue_size", what + " has fewer than 2 entries", blocker, offset + 8);
  if (queue.head >= queue.entries || queue.tail >= queue.entries) {
    add("queue_pointer",
        fmt::format("{} has head {} and tail {}, beyond its size of {}", what, queue.head,
                    queue.tail, queue.entries),
        blocker, offset);
  }
}

SubmissionQueue QueueChecks::take(const wire::SubmissionQueueState& record, std::uint64_t offset) {
  SubmissionQueue queue;
  queue.prp1 = record.prp1;
  queue.entries = std::uint32_t{record.qsize} + 1;
  queue.id = record.qid;
  queue.completion_queue = record.cqid;
  queue.head = record.head;
  queue.tail = record.tail;
  queue.contiguous = (record.attributes & 1U) != 0;
  queue.priority = static_cast<std::uint8_t>((record.attributes >> 1U) & 3U);
  check(queue, fmt::format("submission queue {}", queue.id), last_submission_, offset);
  if ((record.attributes & ~std::uint32_t{submission_known}) != 0 ||
      std::uint32_t{record.reserved20} != 0) {
    add_reserved(offset + 14);
  }
  return queue;
}

CompletionQueue QueueChecks::take(const wire::CompletionQueueState& record, std::uint64_t offset) {
  CompletionQueue queue;
  queue.prp1 = record.prp1;
  queue.entries = std::uint32_t{record.qsize} + 1;
  queue.id = record.qid;
  queue.head = record.head;
  queue.tail = record.tail;
  queue.contiguous = (record.attributes & 1U) != 0;
  queue.interrupts = (record.attributes & 2U) != 0;
  queue.phase = (record.attributes & 4U) != 0;
  queue.vector = static_cast<std::uint16_t>(record.attributes >> 16U);
  check(queue, fmt::format("completion queue {}", queue.id), last_completion_, offset);
  if ((record.attributes & ~completion_known) != 0 || std::uint32_t{record.reserved20} != 0) {
    add_reserved(offset + 16);
  }
  return queue;
}

void QueueChecks::finish(const DecodedState& state) {
  if (!ascending(state.completion_queues)) return;
  std::uint64_t offset = sizeof(wire::StateHeader) + sizeof(wire::NvmeStateHeader);
  for (const auto& queue : state.submission_queues) {
    if (!contains(state.completion_queues, queue.completion_queue)) {
      add("completion_queue",
          fmt::format("submission queue {} uses completion queue {}, which is not in the state",
                      queue.id, queue.completion_queue),
          Severity::blocker, offset + 12);
    }
    offset += sizeof(wire::SubmissionQueueState);
  }
}

}  // namespace nvmigrate
