// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "nvmigrate/base/io.h"

namespace nvmigrate {

/// Bytes that are read once, from the first to the last.
class ByteSource {
 public:
  virtual ~ByteSource() = default;
  /// Fills `into`, short only at the end. \return the bytes read. \throws OsError, Interrupted
  virtual std::size_t read(std::span<std::byte> into) = 0;
};

/// A file from its beginning, whatever its own offset is. The descriptor outlives it.
std::unique_ptr<ByteSource> make_file_source(Io& io, int fd, std::string object);
/// A descriptor from its current position.
std::unique_ptr<ByteSource> make_stream_source(Io& io, int fd, std::string object);

/// Keeps bytes for a second reading: a few in memory, more in an unlinked private file.
class Spool {
 public:
  static constexpr std::size_t in_memory = std::size_t{4} << 20;

  Spool(Io& io, std::string folder) : io_(&io), folder_(std::move(folder)) {}

  /// \throws OsError naming the folder
  void append(std::span<const std::byte> bytes);
  /// All that was appended, from the beginning; the spool outlives it.
  [[nodiscard]] std::unique_ptr<ByteSource> source() const;

 private:
  [[nodiscard]] OpenFile make_file();

  Io* io_;
  std::string folder_;
  std::vector<std::byte> memory_;
  std::optional<OpenFile> file_;
};

/// The bytes of `from`, which it also appends to the spool.
std::unique_ptr<ByteSource> make_spooling_source(std::unique_ptr<ByteSource> from, Spool& spool);

}  // namespace nvmigrate
