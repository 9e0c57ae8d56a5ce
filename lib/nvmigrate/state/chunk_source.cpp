// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/state/chunk_source.h"

#include <algorithm>
#include <utility>

namespace nvmigrate {

ChunkSource::ChunkSource(MakeReader make, VerifiedFacts facts, std::string object,
                         StartThread thread)
    : make_(std::move(make)),
      start_thread_(std::move(thread)),
      facts_(facts),
      object_(std::move(object)) {
  start();
}

ChunkSource::ChunkSource(std::unique_ptr<ChunkReader> reader, std::uint64_t size,
                         StreamChecks checks, std::string object, StartThread thread)
    : start_thread_(std::move(thread)),
      facts_{.size = size},
      object_(std::move(object)),
      checks_(std::move(checks)),
      reader_(std::move(reader)) {
  start();
}

void ChunkSource::start() {
  if (make_) reader_ = make_();
  requested_ = fetched_ = read_ = taken_ = 0;
  front_ = chunk_ = {};
  if (facts_.size > state_file::max_chunk) worker_.emplace(start_thread_);
  while (worker_ && requested_ + 1 < chunk_slots)
    request();
}

bool ChunkSource::rewind() {
  if (checks_) return false;
  worker_.reset();
  start();
  return true;
}

void ChunkSource::changed() const {
  throw StateFileError(0, "changed", object_ + " changed after it was verified",
                       "check which process writes to it");
}

void ChunkSource::request() {
  auto& slot = slots_.at(requested_ % chunk_slots);
  ++requested_;
  if (worker_) {
    worker_->post([this, &slot] { read_into(slot); });
  } else {
    read_into(slot);
  }
}

void ChunkSource::read_into(Slot& slot) {
  slot.chunk = {};
  if (read_ == facts_.size) return;
  if (!slot.buffer) slot.buffer.emplace();
  slot.chunk = reader_->next(*slot.buffer);
  read_ += slot.chunk.size();
  if (checks_) checks_->chunk(slot.chunk);
  const auto missing = facts_.add_dword ? std::uint64_t{4} : 0;
  if (slot.chunk.empty() || read_ > facts_.size - missing) changed();
  if (read_ == facts_.size - missing) check_end(slot);
}

void ChunkSource::check_end(Slot& slot) {
  if (facts_.add_dword) {
    // The buffer has room for a header behind the payload.
    const auto length = slot.chunk.size();
    const auto whole = slot.buffer->payload_and_next(length).first(length + 4);
    std::fill(whole.begin() + static_cast<std::ptrdiff_t>(length), whole.end(), std::byte{0});
    slot.chunk = whole;
    read_ += 4;
  }
  if (!end_buffer_) end_buffer_.emplace();
  if (checks_) {
    if (!reader_->next(*end_buffer_).empty()) changed();
    return checks_->end(*reader_);
  }
  if (!reader_->next(*end_buffer_).empty() || reader_->sum() != facts_.sum ||
      reader_->offset() != facts_.offset) {
    changed();
  }
}

void ChunkSource::fetch() {
  // The slot of the chunk before this one is free now.
  request();
  auto& slot = slots_.at(fetched_ % chunk_slots);
  ++fetched_;
  if (worker_) worker_->wait_for(fetched_);
  chunk_ = slot.chunk;
  if (chunk_.empty()) changed();
}

std::span<const std::byte> ChunkSource::view(std::size_t wanted) {
  const auto count =
      static_cast<std::size_t>(std::min<std::uint64_t>(wanted, facts_.size - taken_));
  if (front_.size() >= count && !front_.empty()) return front_.first(count);
  if (front_.empty() && chunk_.empty() && count > 0) fetch();
  if (front_.empty() && chunk_.size() >= count) return chunk_.first(count);
  return join(count);
}

std::span<const std::byte> ChunkSource::join(std::size_t count) {
  PageBuffer joined{count};
  auto rest = joined.bytes();
  const auto append = [&rest](std::span<const std::byte>& from) {
    const auto length = std::min(rest.size(), from.size());
    std::copy_n(from.begin(), length, rest.begin());
    rest = rest.subspan(length);
    from = from.subspan(length);
  };
  append(front_);
  while (!rest.empty()) {
    if (chunk_.empty()) fetch();
    append(chunk_);
  }
  joined_.emplace(std::move(joined));
  front_ = joined_->bytes();
  return front_;
}

void ChunkSource::take(std::size_t count) {
  auto& from = front_.empty() ? chunk_ : front_;
  if (count > from.size())
    throw Error(ExitStatus::internal, "more was taken than the last view had");
  from = from.subspan(count);
  taken_ += count;
}

}  // namespace nvmigrate
