// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <array>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "nvmigrate/state/digest.h"
#include "nvmigrate/state/raw_state.h"
#include "nvmigrate/state/state_encoding.h"
#include "nvmigrate/state/stream.h"
#include "nvmigrate/state/worker.h"

namespace nvmigrate {

/// Called when a state was read completely and all but its last bytes were written: the last moment
/// before a reader has all of it. Throws to keep back the last bytes.
using BeforeEnd = std::function<void(const StateEnd& end, const std::optional<DecodedState>&)>;

/// A sink that writes what comes to a descriptor (a file or a pipe). It hashes and writes beside
/// the caller, who meanwhile lets the device fill the next buffer. Memory: a few chunks. The last
/// chunk is written by finish(); a state of one chunk needs no thread. begin(), room(), commit()
/// and finish() throw OsError of a write that failed meanwhile, and begin() throws Error(io) when
/// the system has no more threads.
class StateWriter final : public StateSink {
 public:
  /// \param identity nothing: the state is written raw
  StateWriter(Io& io, int fd, std::string object, StateLayout layout,
              std::optional<StateIdentity> identity, StartThread start);

  /// How long the function has been suspended when the reading begins. Call it before begin();
  /// without effect on a raw state.
  void suspended_for(std::chrono::nanoseconds so_far) { encoding_.suspended_for(so_far); }
  /// Writes what can be written before the state is known, so that a reader can get ready. Without
  /// effect on a raw state. Optional; call it before begin().
  void announce() { encoding_.preamble(); }
  /// The state of the exported NVM subsystem, to be carried in a state file. Call it before
  /// begin().
  void carry_subsystem_state(std::vector<std::byte> state) {
    encoding_.carry_subsystem_state(std::move(state));
  }
  /// Has begin() write the first record at once, for a reader that judges by it.
  void show_identity_first() noexcept { identity_first_ = true; }
  void begin(std::uint64_t size) override;
  std::span<std::byte> room(std::size_t wanted) override;
  void commit(std::size_t count) override;
  /// All bytes that begin() announced are committed: writes the rest. Neither syncs nor closes the
  /// descriptor.
  /// \param blackout since the first suspend until now
  /// \param source_resumed see StateEnd
  /// \throws Error(internal) when bytes are missing; what `before_end` throws
  StateEnd finish(std::chrono::nanoseconds blackout, bool source_resumed = false,
                  const BeforeEnd& before_end = {});
  /// The state that was written, after finish(); nothing for an opaque layout.
  [[nodiscard]] const std::optional<DecodedState>& decoded() const { return decoded_; }
  /// Bytes of the file, after finish().
  [[nodiscard]] std::uint64_t written() const noexcept { return encoding_.written(); }

 private:
  struct Slot {
    std::optional<ChunkBuffer> buffer;
    std::size_t used = 0;
  };

  Slot& slot() { return slots_.at(chunks_ % chunk_slots); }
  Slot& acquire();
  void flush();
  void hash_last();
  void write_last();

  StateEncoding encoding_;
  StartThread start_;
  std::optional<StateDecoder> decoder_;
  std::optional<DecodedState> decoded_;
  Sha256 digest_;
  std::array<Slot, chunk_slots> slots_;
  std::uint64_t size_ = 0, chunks_ = 0, committed_ = 0;
  std::size_t room_ = 0;
  bool identity_first_ = false;
  // Last, so that they end before what they use.
  std::optional<Worker> hasher_, writer_;
};

/// Writes a state file. `identity.size` is what begin() gets.
/// \param object names the file in errors
std::unique_ptr<StateWriter> make_state_file_writer(Io& io, int fd, std::string object,
                                                    StateIdentity identity,
                                                    StartThread start = start_thread);
/// Writes the state alone, as the specification lays it out.
std::unique_ptr<StateWriter> make_raw_state_writer(Io& io, int fd, std::string object,
                                                   StateLayout layout = StateLayout::nvme,
                                                   StartThread start = start_thread);

}  // namespace nvmigrate
