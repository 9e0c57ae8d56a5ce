// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/state/queue_checks.h"

#include <algorithm>
#include <utility>

namespace nvmigrate {
namespace {

constexpr std::uint32_t completion_known = 0xFFFF0007;
constexpr std::uint16_t submission_known = 0x0007;

bool contains(const std::vector<CompletionQueue>& queues, std::uint16_t id) {
  // Only searched when the ids ascend.
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

void QueueChecks::add(std::string name, std::string message, bool blocker, std::uint64_t offset) {
  StateFinding finding{std::move(name), std::move(message), blocker, offset};
  if (findings_->size() < limit_) {
    findings_->push_back(std::move(finding));
    return;
  }
  const bool known = std::any_of(findings_->begin(), findings_->end(),
                                 [](const StateFinding& other) { return other.blocker; });
  if (blocker && !known) findings_->back() = std::move(finding);
}

void QueueChecks::add_reserved(std::uint64_t offset) {
  if (std::exchange(reserved_, true)) return;
  add("reserved", "reserved bits are not 0", false, offset);
}

template <typename Queue>
void QueueChecks::check(const Queue& queue, const std::string& what, std::uint16_t& last,
                        std::uint64_t offset) {
  if (queue.id == 0) add("queue_id", what + " has the id of the admin queue", true, offset + 10);
  if (queue.id != 0 && queue.id <= last) {
    add("queue_order", what + " does not come in ascending order", true, offset + 10);
  }
  last = std::max(last, queue.id);
  if (queue.entries < 2) add("queue_size", what + " has less than 2 entries", true, offset + 8);
  if (queue.head >= queue.entries || queue.tail >= queue.entries) {
    add("queue_pointer",
        what + " has head " + std::to_string(queue.head) + " and tail " +
            std::to_string(queue.tail) + " of " + std::to_string(queue.entries) + " entries",
        true, offset);
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
  check(queue, "submission queue " + std::to_string(queue.id), last_submission_, offset);
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
  check(queue, "completion queue " + std::to_string(queue.id), last_completion_, offset);
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
          "submission queue " + std::to_string(queue.id) + " completes to queue " +
              std::to_string(queue.completion_queue) + ", which is not in the state",
          true, offset + 12);
    }
    offset += sizeof(wire::SubmissionQueueState);
  }
}

}  // namespace nvmigrate
