// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "nvmigrate/base/io.h"
#include "nvmigrate/state/raw_state.h"
#include "nvmigrate/state/state_file.h"
#include "nvmigrate/state/stream.h"

namespace nvmigrate {

/// A sink that writes what comes to a descriptor (a file or a pipe), hashing and writing beside the
/// caller, who meanwhile lets the device fill the next buffer. Memory: a few chunks. For a state
/// of one chunk no thread is made, and begin() writes nothing yet: all is written by finish().
/// begin(), room(), commit() and finish() throw OsError of a write that failed meanwhile.
class StateWriter : public StateSink {
 public:
  /// How long the function has been suspended now that the reading begins; to be called before
  /// begin(), of no matter for a raw state.
  virtual void suspended_for(std::chrono::nanoseconds so_far) = 0;
  /// All bytes that begin() announced are committed: writes what is left. The descriptor is neither
  /// synced nor closed.
  /// \param blackout since the first suspend until now
  /// \throws Error(internal) when bytes are missing
  virtual StateEnd finish(std::chrono::nanoseconds blackout) = 0;
  /// The state that was written; to be called after finish(), nothing for an opaque layout.
  [[nodiscard]] virtual const std::optional<DecodedState>& decoded() const = 0;
  /// Bytes of the file; to be called after finish().
  [[nodiscard]] virtual std::uint64_t written() const noexcept = 0;
};

/// Writes a state file. `identity.size` is what begin() gets.
/// \param object names the file in errors
std::unique_ptr<StateWriter> make_state_file_writer(Io& io, int fd, std::string object,
                                                    StateIdentity identity);
/// Writes the state alone, as the specification lays it out.
std::unique_ptr<StateWriter> make_raw_state_writer(Io& io, int fd, std::string object,
                                                   StateLayout layout = StateLayout::nvme);

}  // namespace nvmigrate
