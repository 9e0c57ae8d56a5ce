// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/state/state_writer.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "nvmigrate/base/time.h"

namespace nvmigrate {

StateWriter::StateWriter(Io& io, int fd, std::string object, StateLayout layout,
                         std::optional<StateIdentity> identity, StartThread start)
    : encoding_(io, fd, std::move(object), std::move(identity)), start_(std::move(start)) {
  if (layout == StateLayout::nvme) decoder_.emplace();
}

void StateWriter::begin(std::uint64_t size) {
  if (size > state_file::max_payload) {
    throw unsupported(fmt::format("the state has {} bytes, more than a state file can hold", size));
  }
  size_ = size;
  if (size <= state_file::max_chunk) return;
  hasher_.emplace(start_);
  // A write to a pipe may wait for its reader, and only the caller's thread gets the signals that
  // stop it.
  if (encoding_.is_file()) writer_.emplace(start_);
  encoding_.begin(size);
}

StateWriter::Slot& StateWriter::acquire() {
  if (chunks_ >= chunk_slots) {
    hasher_->wait_for(chunks_ - chunk_slots + 1);
    if (writer_) writer_->wait_for(chunks_ - chunk_slots + 1);
  }
  auto& fresh = slot();
  if (!fresh.buffer) fresh.buffer.emplace();
  return fresh;
}

std::span<std::byte> StateWriter::room(std::size_t wanted) {
  const auto rest = size_ - committed_;
  const auto count =
      static_cast<std::size_t>(std::min({std::uint64_t{wanted}, rest, state_file::max_chunk}));
  if (slot().used + count > state_file::max_chunk) flush();
  auto& current = slot().used == 0 ? acquire() : slot();
  room_ = count;
  return current.buffer->payload().subspan(current.used, count);
}

void StateWriter::commit(std::size_t count) {
  if (count > room_) throw Error(ExitStatus::internal, "more was committed than there was room");
  room_ -= count;
  auto& current = slot();
  if (decoder_) decoder_->feed(current.buffer->payload().subspan(current.used, count));
  current.used += count;
  committed_ += count;
  if (hasher_ && (committed_ == size_ || current.used == state_file::max_chunk)) flush();
}

void StateWriter::flush() {
  auto& full = slot();
  ++chunks_;
  room_ = 0;
  const auto length = std::exchange(full.used, 0);
  hasher_->post([this, &full, length] { digest_.update(full.buffer->payload().first(length)); });
  const auto write = [this, &full, length] { encoding_.chunk(*full.buffer, length); };
  if (writer_) {
    writer_->post(write);
  } else {
    write();
  }
}

void StateWriter::hash_and_write_last() {
  encoding_.begin(size_);
  auto& only = slot();
  if (only.used == 0) return;
  digest_.update(only.buffer->payload().first(only.used));
  encoding_.chunk(*only.buffer, only.used);
  ++chunks_;
}

StateEnd StateWriter::finish(std::chrono::nanoseconds blackout) {
  if (committed_ != size_) throw Error(ExitStatus::internal, "the state was written in part");
  StateEnd end;
  end.time = utc_now();
  if (hasher_) {
    hasher_->wait();
    if (writer_) writer_->wait();
  } else {
    hash_and_write_last();
  }
  end.sha256 = digest_.finish();
  end.size = size_;
  end.chunks = chunks_;
  end.blackout_ns = static_cast<std::uint64_t>(std::max<std::int64_t>(0, blackout.count()));
  encoding_.end(end);
  if (decoder_) decoded_ = decoder_->finish();
  return end;
}

std::unique_ptr<StateWriter> make_state_file_writer(Io& io, int fd, std::string object,
                                                    StateIdentity identity, StartThread start) {
  const auto layout = identity.layout;
  return std::make_unique<StateWriter>(io, fd, std::move(object), layout, std::move(identity),
                                       std::move(start));
}

std::unique_ptr<StateWriter> make_raw_state_writer(Io& io, int fd, std::string object,
                                                   StateLayout layout, StartThread start) {
  return std::make_unique<StateWriter>(io, fd, std::move(object), layout, std::nullopt,
                                       std::move(start));
}

}  // namespace nvmigrate
