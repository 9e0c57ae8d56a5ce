// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugins/sim/image.h"

#include <algorithm>
#include <cstring>

#include "nvmigrate/base/numbers.h"
#include "nvmigrate/nvme/wire.h"
#include "plugins/sim/stream.h"

namespace nvmigrate::sim {
namespace {

constexpr std::size_t record_size = sizeof(wire::SubmissionQueueState);
static_assert(sizeof(wire::CompletionQueueState) == record_size);

struct WireVendorHead {
  Le64 magic, seed, progress, length;
  std::array<std::uint8_t, 16> uuid{};
  std::array<std::uint8_t, 16> zeros{};
};
static_assert(sizeof(WireVendorHead) == VendorHead::size);

template <typename T>
void append(std::vector<std::byte>& bytes, const T& record) {
  const auto raw = std::as_bytes(std::span{&record, 1});
  bytes.insert(bytes.end(), raw.begin(), raw.end());
}

wire::SubmissionQueueState wire_of(const SubmissionQueue& queue) {
  return {.prp1 = queue.prp1,
          .qsize = queue.size,
          .qid = queue.id,
          .cqid = queue.cq_id,
          .attributes = queue.attributes,
          .head = queue.head,
          .tail = queue.tail,
          .reserved20 = {}};
}

wire::CompletionQueueState wire_of(const CompletionQueue& queue) {
  return {.prp1 = queue.prp1,
          .qsize = queue.size,
          .qid = queue.id,
          .head = queue.head,
          .tail = queue.tail,
          .attributes = queue.attributes,
          .reserved20 = {}};
}

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

std::vector<std::byte> nvme_part(std::uint16_t version, const Queues& queues) {
  std::vector<std::byte> bytes;
  wire::NvmeStateHeader header{};
  header.ver = version;
  header.niosq = static_cast<std::uint16_t>(queues.submission.size());
  header.niocq = static_cast<std::uint16_t>(queues.completion.size());
  append(bytes, header);
  for (const auto& queue : queues.submission)
    append(bytes, wire_of(queue));
  for (const auto& queue : queues.completion)
    append(bytes, wire_of(queue));
  return bytes;
}

// Calls `act` with the part of [offset, offset + into.size()) that lies in [begin, end).
template <typename Act>
void share(std::uint64_t offset, std::span<std::byte> into, std::uint64_t begin, std::uint64_t end,
           const Act& act) {
  const std::uint64_t from = std::max(offset, begin);
  const std::uint64_t to = std::min(offset + into.size(), end);
  if (from >= to) return;
  act(from - begin,
      into.subspan(static_cast<std::size_t>(from - offset), static_cast<std::size_t>(to - from)));
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

VendorHead VendorHead::of(const Guest& guest, std::uint64_t length) {
  return {.seed = guest.seed(), .progress = guest.progress(), .length = length, .uuid = {}};
}

std::array<std::byte, VendorHead::size> VendorHead::encoded() const {
  WireVendorHead head{};
  head.magic = magic;
  head.seed = seed;
  head.progress = progress;
  head.length = length;
  head.uuid = uuid.bytes;
  std::array<std::byte, size> bytes{};
  std::memcpy(bytes.data(), &head, size);
  return bytes;
}

std::optional<VendorHead> VendorHead::decoded(std::span<const std::byte> bytes) {
  WireVendorHead head{};
  if (bytes.size() < size) return std::nullopt;
  std::memcpy(&head, bytes.data(), size);
  const bool zeros =
      std::all_of(head.zeros.begin(), head.zeros.end(), [](auto b) { return b == 0; });
  if (std::uint64_t{head.magic} != magic || !zeros) return std::nullopt;
  return VendorHead{
      .seed = head.seed, .progress = head.progress, .length = head.length, .uuid = Uuid{head.uuid}};
}

std::uint64_t VendorHead::key() const noexcept { return mixed(seed ^ mixed(progress)); }

std::string VendorHead::digest() const {
  const std::uint64_t first = mixed(key() ^ mixed(length));
  return to_hex(first, 16).substr(2) + to_hex(mixed(first ^ seed), 16).substr(2);
}

std::uint64_t padding_key(std::span<const std::byte> nvme_part) noexcept {
  std::uint64_t key = 0;
  for (const auto byte : nvme_part)
    key = mixed(key ^ std::to_integer<std::uint64_t>(byte));
  return key;
}

Image::Image(const Content& content) {
  std::vector<std::byte> nvme;
  if (content.version) nvme = nvme_part(*content.version, content.queues);
  const std::uint64_t nvme_size = nvme.size() + content.padding;
  const std::uint64_t vendor_size = content.vendor ? content.vendor->length : 0;
  wire::StateHeader header{};
  header.ver = content.header;
  header.csattr = content.suspended ? wire::csattr_suspended : std::uint8_t{0};
  header.nvmecss = nvme_size / 4;
  header.vss = vendor_size / 4;
  append(head_, header);
  head_.insert(head_.end(), nvme.begin(), nvme.end());
  if (content.padding != 0) padding_key_ = padding_key(nvme);
  vendor_at_ = sizeof(header) + nvme_size;
  size_ = vendor_at_ + vendor_size;
  if (content.vendor) {
    const auto encoded = content.vendor->encoded();
    vendor_head_.assign(encoded.begin(), encoded.end());
    vendor_key_ = content.vendor->key();
  }
}

void Image::read(std::uint64_t offset, std::span<std::byte> into) const {
  const auto copy_from = [](const std::vector<std::byte>& bytes) {
    return [&bytes](std::uint64_t at, std::span<std::byte> out) {
      std::memcpy(out.data(), bytes.data() + at, out.size());
    };
  };
  const std::uint64_t body_at = vendor_at_ + vendor_head_.size();
  share(offset, into, 0, head_.size(), copy_from(head_));
  share(offset, into, head_.size(), vendor_at_,
        [&](std::uint64_t at, std::span<std::byte> out) { fill_stream(padding_key_, at, out); });
  share(offset, into, vendor_at_, body_at, copy_from(vendor_head_));
  share(offset, into, body_at, size_,
        [&](std::uint64_t at, std::span<std::byte> out) { fill_stream(vendor_key_, at, out); });
}

}  // namespace nvmigrate::sim
