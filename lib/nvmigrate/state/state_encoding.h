// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "nvmigrate/base/io.h"
#include "nvmigrate/state/chunk_buffer.h"

namespace nvmigrate {

/// A descriptor that is written from the first byte to the last.
class StateOutput {
 public:
  StateOutput(Io& io, int fd, std::string object) : io_(&io), fd_(fd), object_(std::move(object)) {
    io.widen_pipe(fd);
  }

  /// Writes all of it. Between tries it ends when a stop signal has come. \throws OsError,
  /// Interrupted
  void put(std::span<const std::byte> bytes);
  /// Whether a write cannot wait for another process.
  [[nodiscard]] bool is_file();
  [[nodiscard]] std::uint64_t written() const noexcept { return written_; }

 private:
  Io* io_;
  int fd_;
  std::string object_;
  std::uint64_t written_ = 0;
};

/// What a state looks like in a file.
class StateEncoding {
 public:
  virtual ~StateEncoding() = default;
  virtual void suspended_for(std::chrono::nanoseconds so_far) = 0;
  virtual void begin(std::uint64_t size) = 0;
  virtual void chunk(ChunkBuffer& buffer, std::size_t length) = 0;
  virtual void end(const StateEnd& end) = 0;
};

std::unique_ptr<StateEncoding> make_file_encoding(StateOutput& output, StateIdentity identity);
std::unique_ptr<StateEncoding> make_raw_encoding(StateOutput& output);

}  // namespace nvmigrate
