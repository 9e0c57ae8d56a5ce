// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/state/raw_state.h"

#include <algorithm>
#include <cstring>

#include "nvmigrate/base/error.h"
#include "nvmigrate/state/state_file.h"

namespace nvmigrate {
namespace {

/// Bytes of so many dwords; more than any state can have when it is beyond that.
std::uint64_t bytes_of(std::uint64_t dwords, std::uint64_t high) noexcept {
  constexpr auto beyond = state_file::max_payload + 1;
  if (high != 0 || dwords > state_file::max_payload / 4) return beyond;
  return dwords * 4;
}

wire::SubmissionQueueState encode(const SubmissionQueue& queue) {
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

wire::CompletionQueueState encode(const CompletionQueue& queue) {
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

}  // namespace

StateHeaderFacts decode_state_header(std::span<const std::byte> data) {
  wire::StateHeader header{};
  if (data.size() < sizeof(header)) {
    throw bad_state("a controller state has a header of 48 bytes; here are " +
                    std::to_string(data.size()));
  }
  std::memcpy(&header, data.data(), sizeof(header));
  StateHeaderFacts facts;
  facts.version = header.ver;
  facts.suspended = (header.csattr & wire::csattr_suspended) != 0;
  facts.nvme_bytes = bytes_of(header.nvmecss, header.nvmecss_high);
  facts.vendor_bytes = bytes_of(header.vss, header.vss_high);
  if (facts.nvme_bytes > state_file::max_payload || facts.vendor_bytes > state_file::max_payload ||
      facts.total() > state_file::max_payload) {
    throw bad_state("the header of the controller state claims more than 16 TiB",
                    "this is no controller state, or a damaged one");
  }
  return facts;
}

wire::StateHeader encode_state_header(const StateHeaderFacts& facts) noexcept {
  wire::StateHeader header{};
  header.ver = facts.version;
  header.csattr = facts.suspended ? wire::csattr_suspended : std::uint8_t{0};
  header.nvmecss = facts.nvme_bytes / 4;
  header.vss = facts.vendor_bytes / 4;
  return header;
}

bool DecodedState::has_blocker() const noexcept {
  return std::any_of(findings.begin(), findings.end(),
                     [](const StateFinding& finding) { return finding.blocker; });
}

std::vector<std::byte> encode_nvme_state(const std::vector<SubmissionQueue>& submission,
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

}  // namespace nvmigrate
