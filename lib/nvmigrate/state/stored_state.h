// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "nvmigrate/base/io.h"
#include "nvmigrate/state/raw_state.h"
#include "nvmigrate/state/state_file.h"
#include "nvmigrate/state/stream.h"

namespace nvmigrate {

/// What a file is taken for.
enum class StateKind {
  detect,  ///< a state file when it begins with the magic, refused otherwise
  raw,     ///< the plain structure of the specification
};

struct ReadStateOptions {
  StateKind kind = StateKind::detect;
  bool vendor_digest = false;  ///< see StateDecoder
  /// Keep what is read from a pipe, so that source() works: in memory while small, then in an
  /// unlinked private file in this folder. Nothing: do not keep it.
  std::optional<std::string> spool_folder = {};
  /// Told the bytes of the state read so far, and the whole (0: not known); may be empty.
  std::function<void(std::uint64_t, std::uint64_t)> progress = {};
};

/// A state that lies somewhere, wholly read and verified.
class StoredState {
 public:
  /// Reads and verifies all of it: every sum, every length, the digest, the end.
  /// \throws StateFileError (bad_state) with the first offset at fault; OsError.
  /// A raw state whose structure can be followed is accepted with findings; a raw dump cut one
  /// dword short is completed when the dword is reserved, and then has the finding
  /// `one_dword_short` as a warning.
  static StoredState open(Io& io, const std::string& path, const ReadStateOptions& options = {});
  /// As open, from an open descriptor that need not seek (a pipe); `object` names it in errors.
  static StoredState read(Io& io, int fd, const std::string& object,
                          const ReadStateOptions& options = {});
  ~StoredState();
  StoredState(const StoredState&) = delete;
  StoredState& operator=(const StoredState&) = delete;
  StoredState(StoredState&&) noexcept;
  StoredState& operator=(StoredState&&) noexcept;

  /// Its name, for messages.
  [[nodiscard]] const std::string& object() const noexcept;
  [[nodiscard]] bool raw() const noexcept;
  /// Nothing for a raw state.
  [[nodiscard]] const std::optional<StateIdentity>& identity() const noexcept;
  /// Of a raw state: size and digest, computed; chunks, blackout and time empty.
  [[nodiscard]] const StateEnd& end() const noexcept;
  /// Nothing for an opaque layout.
  [[nodiscard]] const std::optional<DecodedState>& decoded() const noexcept;
  /// Bytes of the file.
  [[nodiscard]] std::uint64_t file_size() const noexcept;
  /// Optional records that were skipped.
  [[nodiscard]] std::uint64_t skipped_records() const noexcept;

  /// The bytes of the state, read and checked a second time, ahead of the caller; the last bytes
  /// are only handed out once all the file has proved to be what was verified. One source at a
  /// time. Its view() throws StateFileError when the file changed in between. \throws
  /// Error(internal) when it came from a pipe and was not kept
  [[nodiscard]] std::unique_ptr<StateSource> source() const;

 private:
  struct Impl;
  explicit StoredState(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace nvmigrate
