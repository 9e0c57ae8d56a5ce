// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/state/state_writer.h"

#include <algorithm>
#include <functional>
#include <optional>
#include <utility>

#include "nvmigrate/state/state_encoding.h"
#include "nvmigrate/state/worker.h"

namespace nvmigrate {
namespace {

class BufferedWriter final : public StateWriter {
 public:
  using MakeEncoding = std::function<std::unique_ptr<StateEncoding>(StateOutput&)>;

  BufferedWriter(Io& io, int fd, std::string object, StateLayout layout, const MakeEncoding& make)
      : output_(io, fd, std::move(object)), encoding_(make(output_)) {
    if (layout == StateLayout::nvme) decoder_.emplace();
  }

  void suspended_for(std::chrono::nanoseconds so_far) override { encoding_->suspended_for(so_far); }
  void begin(std::uint64_t size) override;
  std::span<std::byte> room(std::size_t wanted) override;
  void commit(std::size_t count) override;
  StateEnd finish(std::chrono::nanoseconds blackout) override;
  [[nodiscard]] const std::optional<DecodedState>& decoded() const override { return decoded_; }
  [[nodiscard]] std::uint64_t written() const noexcept override { return output_.written(); }

 private:
  struct Slot {
    std::optional<ChunkBuffer> buffer;
    std::size_t used = 0;
  };

  Slot& slot() { return slots_.at(chunks_ % chunk_slots); }
  Slot& acquire();
  void flush();
  void write(Slot& full);
  void hash_and_write_last();

  StateOutput output_;
  std::unique_ptr<StateEncoding> encoding_;
  std::optional<StateDecoder> decoder_;
  std::optional<DecodedState> decoded_;
  Sha256 digest_;
  std::array<Slot, chunk_slots> slots_;
  std::uint64_t size_ = 0, chunks_ = 0, committed_ = 0;
  std::size_t room_ = 0;
  // Last, so that they end before what they work on.
  std::optional<Worker> hasher_, writer_;
};

void BufferedWriter::begin(std::uint64_t size) {
  if (size > state_file::max_payload) {
    throw unsupported("the state has more bytes than a state file takes: " + std::to_string(size));
  }
  size_ = size;
  if (size <= state_file::max_chunk) return;
  hasher_.emplace();
  // A write to a pipe may wait for its reader; only the caller's thread gets the signals to stop
  // it.
  if (output_.is_file()) writer_.emplace();
  encoding_->begin(size);
}

BufferedWriter::Slot& BufferedWriter::acquire() {
  if (chunks_ >= chunk_slots) {
    hasher_->wait_for(chunks_ - chunk_slots + 1);
    if (writer_) writer_->wait_for(chunks_ - chunk_slots + 1);
  }
  auto& fresh = slot();
  if (!fresh.buffer) fresh.buffer.emplace();
  return fresh;
}

std::span<std::byte> BufferedWriter::room(std::size_t wanted) {
  const auto rest = size_ - committed_;
  const auto count =
      static_cast<std::size_t>(std::min({std::uint64_t{wanted}, rest, state_file::max_chunk}));
  if (slot().used + count > state_file::max_chunk) flush();
  auto& current = slot().used == 0 ? acquire() : slot();
  room_ = count;
  return current.buffer->payload().subspan(current.used, count);
}

void BufferedWriter::commit(std::size_t count) {
  if (count > room_) throw Error(ExitStatus::internal, "more was committed than there was room");
  room_ -= count;
  auto& current = slot();
  if (decoder_) decoder_->feed(current.buffer->payload().subspan(current.used, count));
  current.used += count;
  committed_ += count;
  if (hasher_ && (committed_ == size_ || current.used == state_file::max_chunk)) flush();
}

void BufferedWriter::flush() {
  auto& full = slot();
  ++chunks_;
  room_ = 0;
  const auto length = std::exchange(full.used, 0);
  hasher_->post([this, &full, length] { digest_.update(full.buffer->payload().first(length)); });
  const auto write = [this, &full, length] { encoding_->chunk(*full.buffer, length); };
  if (writer_) {
    writer_->post(write);
  } else {
    write();
  }
}

void BufferedWriter::hash_and_write_last() {
  encoding_->begin(size_);
  auto& only = slot();
  if (only.used == 0) return;
  digest_.update(only.buffer->payload().first(only.used));
  encoding_->chunk(*only.buffer, only.used);
  ++chunks_;
}

StateEnd BufferedWriter::finish(std::chrono::nanoseconds blackout) {
  if (committed_ != size_) throw Error(ExitStatus::internal, "the state was not written whole");
  StateEnd end;
  end.time = rfc3339(std::chrono::system_clock::now());
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
  encoding_->end(end);
  if (decoder_) decoded_ = decoder_->finish();
  return end;
}

}  // namespace

std::unique_ptr<StateWriter> make_state_file_writer(Io& io, int fd, std::string object,
                                                    StateIdentity identity) {
  const auto layout = identity.layout;
  return std::make_unique<BufferedWriter>(
      io, fd, std::move(object), layout,
      [&](StateOutput& output) { return make_file_encoding(output, std::move(identity)); });
}

std::unique_ptr<StateWriter> make_raw_state_writer(Io& io, int fd, std::string object,
                                                   StateLayout layout) {
  return std::make_unique<BufferedWriter>(
      io, fd, std::move(object), layout,
      [](StateOutput& output) { return make_raw_encoding(output); });
}

}  // namespace nvmigrate
