// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugins/sim/guest.h"

#include <algorithm>

#include "plugins/sim/stream.h"

namespace nvmigrate::sim {
namespace {

constexpr std::uint16_t narrow(std::uint64_t value) noexcept {
  return static_cast<std::uint16_t>(value & 0xFFFFU);
}

// All fields differ, so that swapped ones show.
SubmissionQueue first_submission(std::uint64_t seed, unsigned index) {
  const std::uint64_t size = (64U << (index % 3)) - 1U;
  return {.prp1 = 0x1'0000'0000U + ((mixed(seed) & 0xFFFU) << 24U) + (index * 2ULL << 14U),
          .size = narrow(size),
          .id = narrow(index + 1U),
          .cq_id = narrow(index + 1U),
          .attributes = narrow(1U | (index % 4U) << 1U),
          .head = narrow((3U + 5U * index) % (size + 1)),
          .tail = narrow((5U + 6U * index) % (size + 1))};
}

CompletionQueue first_completion(const SubmissionQueue& queue, unsigned index, unsigned vectors) {
  const std::uint32_t vector = vectors > 1 ? 1U + index % (vectors - 1U) : 0U;
  return {.prp1 = queue.prp1 + 0x4000U,
          .size = queue.size,
          .id = queue.id,
          .head = narrow((1U + 7U * index) % (queue.size + 1U)),
          .tail = narrow((2U + 8U * index) % (queue.size + 1U)),
          .attributes = vector << 16U | 7U};
}

Queues first_queues(std::uint64_t seed, unsigned pairs, unsigned vectors) {
  Queues queues;
  for (unsigned index = 0; index < pairs; ++index) {
    queues.submission.push_back(first_submission(seed, index));
    queues.completion.push_back(first_completion(queues.submission.back(), index, vectors));
  }
  return queues;
}

// The entries that the submission queue at `index` has taken in all; each has its own pace.
constexpr std::uint64_t taken(std::size_t index, std::uint64_t progress) noexcept {
  return progress + progress / (index + 2);
}

void move_on(CompletionQueue& queue, std::uint64_t count) {
  const std::uint64_t entries = queue.size + 1ULL;
  const std::uint64_t tail = queue.tail + count;
  queue.head = narrow((queue.head + count) % entries);
  queue.tail = narrow(tail % entries);
  if (tail / entries % 2 != 0) queue.attributes ^= 4U;
}

}  // namespace

Guest::Guest(std::uint64_t seed, unsigned pairs, unsigned vectors)
    : Guest(seed, 0, 0, first_queues(seed, pairs, vectors)) {}

Guest::Guest(std::uint64_t seed, std::uint64_t progress, Queues queues)
    : Guest(seed, progress, progress, std::move(queues)) {}

Guest::Guest(std::uint64_t seed, std::uint64_t began_at, std::uint64_t progress, Queues began_with)
    : seed_(seed), began_at_(began_at), progress_(progress), began_with_(std::move(began_with)) {}

void Guest::advance() { progress_ += 16 + mixed(seed_ ^ mixed(progress_)) % 1000; }

Queues Guest::queues() const {
  Queues now = began_with_;
  for (std::size_t i = 0; i < now.submission.size(); ++i) {
    auto& queue = now.submission[i];
    const std::uint64_t count = taken(i, progress_) - taken(i, began_at_);
    queue.head = narrow((queue.head + count) % (queue.size + 1ULL));
    queue.tail = narrow((queue.tail + count) % (queue.size + 1ULL));
    const auto completion =
        std::find_if(now.completion.begin(), now.completion.end(),
                     [&](const CompletionQueue& each) { return each.id == queue.cq_id; });
    if (completion != now.completion.end()) move_on(*completion, count);
  }
  return now;
}

}  // namespace nvmigrate::sim
