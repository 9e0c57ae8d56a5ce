// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugins/sim/intake.h"

#include <algorithm>
#include <cstring>

#include "nvmigrate/nvme/status.h"
#include "nvmigrate/nvme/wire.h"
#include "plugins/sim/stream.h"

namespace nvmigrate::sim {
namespace {

constexpr std::uint64_t largest_dwords = std::uint64_t{1} << 58U;

template <typename T>
T as(std::span<const std::byte> bytes) {
  T value{};
  std::memcpy(&value, bytes.data(), sizeof(T));
  return value;
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

// 0, or why a controller does not take these queues: Invalid Field for queues that are malformed,
// Not Enough Resources for queues beyond its limits.
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

bool plausible(const wire::StateHeader& header, std::uint16_t version) {
  const bool zeros = std::all_of(header.reserved3.begin(), header.reserved3.end(),
                                 [](auto byte) { return byte == 0; });
  const std::uint64_t high = header.nvmecss_high | header.vss_high;
  return zeros && high == 0 && header.ver == version &&
         (header.csattr & ~wire::csattr_suspended) == 0 && header.nvmecss <= largest_dwords &&
         header.vss <= largest_dwords;
}

}  // namespace

Intake::Intake(const Rules& rules, std::span<const std::byte> prefix, std::uint64_t position,
               bool intact)
    : Intake(rules) {
  while (position_ < position && piece_ != Piece::nothing) {
    const std::uint64_t count = std::min(left_, position - position_);
    if (is_kept()) {
      if (prefix.size() < count || keep(prefix.first(static_cast<std::size_t>(count))) != 0) break;
      prefix = prefix.subspan(static_cast<std::size_t>(count));
    } else {
      skip(count);
    }
  }
  intact_ = intact && position_ == position;
}

std::uint16_t Intake::take(std::uint64_t offset, std::span<const std::byte> bytes) {
  if (offset != position_) return sc::invalid_field;
  while (!bytes.empty()) {
    if (piece_ == Piece::nothing) return sc::invalid_field;
    const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(left_, bytes.size()));
    if (is_kept()) {
      if (const auto status = keep(bytes.first(count)); status != 0) return status;
    } else {
      check_content(bytes.first(count));
      skip(count);
    }
    bytes = bytes.subspan(count);
  }
  return 0;
}

std::uint16_t Intake::end() const noexcept {
  return piece_ == Piece::nothing && intact_ ? std::uint16_t{0} : sc::invalid_field;
}

bool Intake::is_kept() const noexcept {
  return piece_ != Piece::padding && piece_ != Piece::vendor_body;
}

std::uint16_t Intake::keep(std::span<const std::byte> bytes) {
  prefix_.insert(prefix_.end(), bytes.begin(), bytes.end());
  left_ -= bytes.size();
  position_ += bytes.size();
  return left_ == 0 ? piece_ended() : std::uint16_t{0};
}

void Intake::check_content(std::span<const std::byte> bytes) {
  if (intact_ && !is_stream(key_, position_ - piece_position_, bytes)) intact_ = false;
}

void Intake::skip(std::uint64_t count) {
  left_ -= count;
  position_ += count;
  if (left_ == 0) piece_ended();
}

void Intake::await(Piece piece, std::uint64_t size) {
  piece_ = piece;
  left_ = size;
  piece_at_ = prefix_.size();
  piece_position_ = position_;
}

void Intake::await_vendor() {
  if (vendor_size_ == 0) {
    await(Piece::nothing, 0);
  } else {
    await(Piece::vendor_head, VendorHead::size);
  }
}

std::uint16_t Intake::piece_ended() {
  const auto kept = std::span<const std::byte>{prefix_}.subspan(piece_at_);
  switch (piece_) {
    case Piece::header:
      return header_ended(kept);
    case Piece::nvme_head:
      return nvme_head_ended(kept);
    case Piece::queues:
      return queues_ended(kept);
    case Piece::padding:
      await_vendor();
      return 0;
    case Piece::vendor_head:
      return vendor_head_ended(kept);
    case Piece::vendor_body:
    case Piece::nothing:
      break;
  }
  await(Piece::nothing, 0);
  return 0;
}

std::uint16_t Intake::header_ended(std::span<const std::byte> bytes) {
  const auto header = as<wire::StateHeader>(bytes);
  if (!plausible(header, rules_.formats.header)) return sc::invalid_field;
  nvme_size_ = 4 * header.nvmecss;
  vendor_size_ = 4 * header.vss;
  const bool unwanted =
      (nvme_size_ != 0 && !rules_.formats.version) || (vendor_size_ != 0 && !rules_.formats.vendor);
  if (unwanted || (rules_.emulator && nvme_size_ == 0)) return sc::invalid_field;
  if (nvme_size_ != 0 && (nvme_size_ < nvme_length(0) || rules_.queues_exist)) {
    return sc::invalid_field;
  }
  if (vendor_size_ != 0 && vendor_size_ < VendorHead::size) return sc::invalid_field;
  if (nvme_size_ == 0) {
    await_vendor();
  } else {
    await(Piece::nvme_head, sizeof(wire::NvmeStateHeader));
  }
  return 0;
}

std::uint16_t Intake::nvme_head_ended(std::span<const std::byte> bytes) {
  const auto header = as<wire::NvmeStateHeader>(bytes);
  submission_ = header.niosq;
  completion_ = header.niocq;
  const std::uint16_t version = header.ver, reserved = header.reserved6;
  if (version != rules_.formats.version || reserved != 0) return sc::invalid_field;
  if (nvme_length(submission_ + completion_) > nvme_size_) return sc::invalid_field;
  if (submission_ > rules_.limits.pairs || completion_ > rules_.limits.pairs) {
    return sc::not_enough_resources;
  }
  piece_ = Piece::queues;
  left_ = 24ULL * (submission_ + completion_);
  return left_ == 0 ? queues_ended(bytes) : std::uint16_t{0};
}

std::uint16_t Intake::queues_ended(std::span<const std::byte> bytes) {
  auto queues = decoded_queues(bytes.subspan(sizeof(wire::NvmeStateHeader)), submission_);
  if (const auto status = status_of(queues, rules_.limits); status != 0) return status;
  result_.queues = std::move(queues);
  const std::uint64_t padding = nvme_size_ - bytes.size();
  if (padding == 0) {
    await_vendor();
  } else {
    key_ = padding_key(bytes);
    await(Piece::padding, padding);
  }
  return 0;
}

std::uint16_t Intake::vendor_head_ended(std::span<const std::byte> bytes) {
  const auto head = VendorHead::decoded(bytes);
  if (!head || head->length != vendor_size_ || head->uuid != rules_.formats.vendor) intact_ = false;
  result_.vendor = head;
  key_ = head ? head->key() : 0;
  const std::uint64_t body = vendor_size_ - VendorHead::size;
  await(body == 0 ? Piece::nothing : Piece::vendor_body, body);
  return 0;
}

}  // namespace nvmigrate::sim
