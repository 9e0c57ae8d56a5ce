// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "nvmigrate/state/raw_state.h"

namespace nvmigrate::test {

inline wire::SubmissionQueueState encode(const SubmissionQueue& queue) {
  wire::SubmissionQueueState record{};
  record.prp1 = queue.prp1;
  record.qsize = static_cast<std::uint16_t>(queue.entries - 1);
  record.qid = queue.id;
  record.cqid = queue.completion_queue;
  record.attributes =
      static_cast<std::uint16_t>((queue.contiguous ? 1U : 0U) | (queue.priority & 3U) << 1U);
  record.head = queue.head;
  record.tail = queue.tail;
  return record;
}

inline wire::CompletionQueueState encode(const CompletionQueue& queue) {
  wire::CompletionQueueState record{};
  record.prp1 = queue.prp1;
  record.qsize = static_cast<std::uint16_t>(queue.entries - 1);
  record.qid = queue.id;
  record.head = queue.head;
  record.tail = queue.tail;
  record.attributes = (queue.contiguous ? 1U : 0U) | (queue.interrupts ? 2U : 0U) |
                      (queue.phase ? 4U : 0U) | static_cast<std::uint32_t>(queue.vector) << 16U;
  return record;
}

template <typename T>
void append(std::vector<std::byte>& bytes, const T& record) {
  const auto more = std::as_bytes(std::span{&record, 1});
  bytes.insert(bytes.end(), more.begin(), more.end());
}

/// The 48 bytes of a header. Sizes in bytes, multiples of 4.
inline wire::StateHeader encode_state_header(const StateHeaderFacts& facts) noexcept {
  wire::StateHeader header{};
  header.ver = facts.version;
  header.csattr = facts.suspended ? wire::csattr_suspended : std::uint8_t{0};
  header.nvmecss = facts.nvme_bytes / 4;
  header.vss = facts.vendor_bytes / 4;
  return header;
}

/// The NVMe part of a state (Base 2.1 figure 359 on). At most 65535 queues of each kind.
inline std::vector<std::byte> encode_nvme_state(const std::vector<SubmissionQueue>& submission,
                                                const std::vector<CompletionQueue>& completion) {
  wire::NvmeStateHeader head{};
  head.niosq = static_cast<std::uint16_t>(submission.size());
  head.niocq = static_cast<std::uint16_t>(completion.size());
  std::vector<std::byte> bytes;
  append(bytes, head);
  for (const auto& queue : submission)
    append(bytes, encode(queue));
  for (const auto& queue : completion)
    append(bytes, encode(queue));
  return bytes;
}

}  // namespace nvmigrate::test
