// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "nvmigrate/state/chunk_reader.h"
#include "nvmigrate/state/stream.h"
#include "nvmigrate/state/worker.h"

namespace nvmigrate {

/// What the first reading of a file found, and a second one must find again.
struct VerifiedFacts {
  std::uint64_t size = 0;    ///< bytes of the state
  std::uint64_t sum = 0;     ///< ChunkReader::sum()
  std::uint64_t offset = 0;  ///< ChunkReader::offset()
  bool add_dword = false;    ///< the last, reserved dword is not in the file
};

/// How a state is checked that is read for the first time: while it is handed out.
struct StreamChecks {
  std::function<void(std::span<const std::byte>)> chunk;  ///< each chunk, before it is handed out
  std::function<void(ChunkReader&)> end;  ///< at the end, before the last chunk is handed out
};

/// Hands out the bytes of a state that is read a second time, chunk by chunk, ahead of the caller.
/// It hands out the chunk with the last byte only after it has read the end too, and has found all
/// as it was verified.
class ChunkSource final : public StateSource {
 public:
  using MakeReader = std::function<std::unique_ptr<ChunkReader>()>;

  /// \throws Error(io) when the system has no more threads
  ChunkSource(MakeReader make, VerifiedFacts facts, std::string object, StartThread thread);
  /// Of a state that comes in now and cannot be read again. \param size of the state in bytes
  ChunkSource(std::unique_ptr<ChunkReader> reader, std::uint64_t size, StreamChecks checks,
              std::string object, StartThread thread);

  [[nodiscard]] std::uint64_t size() const override { return facts_.size; }
  std::span<const std::byte> view(std::size_t wanted) override;
  void take(std::size_t count) override;
  bool rewind() override;

 private:
  struct Slot {
    std::optional<ChunkBuffer> buffer;
    std::span<const std::byte> chunk;
  };

  void start();
  void request();
  void read_into(Slot& slot);
  void check_end(Slot& slot);
  void fetch();
  std::span<const std::byte> join(std::size_t count);
  [[noreturn]] void changed() const;

  MakeReader make_;
  StartThread start_thread_;
  VerifiedFacts facts_;
  std::string object_;
  std::optional<StreamChecks> checks_;
  std::unique_ptr<ChunkReader> reader_;
  std::array<Slot, chunk_slots> slots_;
  std::uint64_t requested_ = 0, fetched_ = 0;
  std::uint64_t read_ = 0;   ///< bytes of the state that the reader has delivered
  std::uint64_t taken_ = 0;  ///< bytes of the state that the caller has taken
  std::optional<PageBuffer> joined_;
  std::span<const std::byte> front_, chunk_;  ///< what comes next: joined bytes, then the chunk
  std::optional<ChunkBuffer> end_buffer_;
  std::optional<Worker> worker_;
};

}  // namespace nvmigrate
