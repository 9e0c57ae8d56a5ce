// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugins/sim/queue_check.h"

#include <algorithm>
#include <cstring>

#include "nvmigrate/nvme/status.h"
#include "nvmigrate/nvme/wire.h"

namespace nvmigrate::sim {
namespace {

constexpr std::size_t record_size = 24;

SubmissionQueue submission_queue(const wire::SubmissionQueueState& raw) {
  return {.prp1 = raw.prp1,
          .size = raw.qsize,
          .id = raw.qid,
          .cq_id = raw.cqid,
          .attributes = raw.attributes,
          .head = raw.head,
          .tail = raw.tail};
}

CompletionQueue completion_queue(const wire::CompletionQueueState& raw) {
  return {.prp1 = raw.prp1,
          .size = raw.qsize,
          .id = raw.qid,
          .head = raw.head,
          .tail = raw.tail,
          .attributes = raw.attributes};
}

template <typename QueueType>
bool well_formed(const QueueType& queue) {
  return queue.id >= 1 && queue.size >= 1 && queue.size <= max_queue_size &&
         queue.head <= queue.size && queue.tail <= queue.size;
}

template <typename QueueType>
bool well_formed(const std::vector<QueueType>& queues) {
  const auto not_ascending = [](const auto& a, const auto& b) { return a.id >= b.id; };
  return std::all_of(queues.begin(), queues.end(),
                     [](const auto& queue) { return well_formed(queue); }) &&
         std::adjacent_find(queues.begin(), queues.end(), not_ascending) == queues.end();
}

bool completes_somewhere(const SubmissionQueue& queue, const Queues& queues) {
  return std::any_of(queues.completion.begin(), queues.completion.end(),
                     [&](const auto& completion) { return completion.id == queue.cq_id; });
}

}  // namespace

Queues decoded_queues(std::span<const std::byte> bytes, std::size_t submission) {
  Queues queues;
  for (std::size_t i = 0; i < bytes.size() / record_size; ++i) {
    const auto* from = bytes.data() + i * record_size;
    if (i < submission) {
      wire::SubmissionQueueState raw{};
      std::memcpy(&raw, from, sizeof(raw));
      queues.submission.push_back(submission_queue(raw));
    } else {
      wire::CompletionQueueState raw{};
      std::memcpy(&raw, from, sizeof(raw));
      queues.completion.push_back(completion_queue(raw));
    }
  }
  return queues;
}

std::uint16_t status_of(const Queues& queues, const Limits& limits) {
  const bool formed =
      well_formed(queues.submission) && well_formed(queues.completion) &&
      std::all_of(queues.submission.begin(), queues.submission.end(),
                  [&](const auto& queue) { return completes_somewhere(queue, queues); });
  if (!formed) return sc::invalid_field;
  const bool vectors =
      std::all_of(queues.completion.begin(), queues.completion.end(),
                  [&](const auto& queue) { return queue.attributes >> 16U < limits.vectors; });
  const bool enough = vectors && queues.submission.size() <= limits.pairs &&
                      queues.completion.size() <= limits.pairs;
  return enough ? std::uint16_t{0} : sc::not_enough_resources;
}

}  // namespace nvmigrate::sim
