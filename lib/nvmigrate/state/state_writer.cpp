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
  if (identity_first_) encoding_.begin(size);
  if (size <= state_file::max_chunk) return;
  hasher_.emplace(start_);
  // A write to a pipe may wait for its reader, and only the caller's thread gets the signals that
  // stop it.
  if (encoding_.is_file()) writer_.emplace(start_);
  if (!identity_first_) encoding_.begin(size);
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
  if (hasher_ && committed_ != size_ && current.used == state_file::max_chunk) flush();
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

void StateWriter::hash_last() {
  if (hasher_) hasher_->wait();
  auto& last = slot();
  if (last.used != 0) digest_.update(last.buffer->payload().first(last.used));
}

void StateWriter::write_last() {
  if (!hasher_ && !identity_first_) encoding_.begin(size_);
  if (writer_) writer_->wait();
  if (slot().used == 0) return;
  encoding_.chunk(*slot().buffer, slot().used);
}

StateEnd StateWriter::finish(std::chrono::nanoseconds blackout, bool source_resumed,
                             const BeforeEnd& before_end) {
  if (committed_ != size_) throw Error(ExitStatus::internal, "the state was written in part");
  hash_last();
  if (decoder_) decoded_ = decoder_->finish();
  StateEnd end;
  end.time = utc_now();
  end.sha256 = digest_.finish();
  end.size = size_;
  end.chunks = chunks_ + (slot().used != 0 ? 1 : 0);
  end.blackout_ns = static_cast<std::uint64_t>(std::max<std::int64_t>(0, blackout.count()));
  end.source_resumed = source_resumed;
  // The last bytes of a raw state are those of the state itself.
  if (encoding_.raw()) {
    if (before_end) before_end(end, decoded_);
    write_last();
  } else {
    write_last();
    if (before_end) before_end(end, decoded_);
    encoding_.end(end);
  }
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
