// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "nvmigrate/state/byte_source.h"
#include "nvmigrate/state/chunk_buffer.h"
#include "nvmigrate/state/raw_state.h"

namespace nvmigrate {

/// Reads a state chunk by chunk, from a state file or raw. All methods throw StateFileError and
/// OsError.
class ChunkReader {
 public:
  virtual ~ChunkReader() = default;
  /// The next chunk, verified, in the payload of `buffer`. Empty after the last one, when the end
  /// has been checked too (except for the digest).
  virtual std::span<std::byte> next(ChunkBuffer& buffer) = 0;
  /// Bytes of the file that were read.
  [[nodiscard]] virtual std::uint64_t offset() const noexcept = 0;
  /// A checksum of all that was read; two readings of the same file have the same.
  [[nodiscard]] virtual std::uint64_t sum() const noexcept = 0;
  /// The size of the state in bytes, where it is known before its end; else 0.
  [[nodiscard]] virtual std::uint64_t size() const noexcept = 0;
};

/// What comes behind the last record of a state file.
enum class Behind {
  nothing,  ///< anything else is damage
  more,     ///< of a connection, for others to read
};

/// Of a state file; the identity is read at once.
class FileChunkReader final : public ChunkReader {
 public:
  /// \param object names the file in errors
  FileChunkReader(std::unique_ptr<ByteSource> source, std::string object,
                  Behind behind = Behind::nothing);

  std::span<std::byte> next(ChunkBuffer& buffer) override;
  [[nodiscard]] std::uint64_t offset() const noexcept override { return offset_; }
  [[nodiscard]] std::uint64_t sum() const noexcept override { return sum_; }
  [[nodiscard]] std::uint64_t size() const noexcept override { return identity_.size; }

  [[nodiscard]] const StateIdentity& identity() const noexcept { return identity_; }
  /// Known when next() has answered nothing.
  [[nodiscard]] const StateEnd& end() const noexcept { return end_; }
  /// Where the record of the end begins.
  [[nodiscard]] std::uint64_t end_offset() const noexcept { return body_offset_; }
  /// Known from the beginning; may be empty.
  [[nodiscard]] const std::vector<std::byte>& subsystem_state() const noexcept {
    return subsystem_;
  }
  [[nodiscard]] std::uint64_t skipped() const noexcept { return skipped_; }

 private:
  void read_preamble();
  void read_identity();
  void read_subsystem_state(ChunkBuffer& buffer);
  void accept_header(std::span<const std::byte> bytes);
  void check_kind();
  /// \return those of the `more` bytes behind the body that the file has
  std::span<std::byte> read_body(ChunkBuffer& buffer, std::size_t more);
  void take_next(std::span<const std::byte> header);
  void take_end(ChunkBuffer& buffer);
  [[nodiscard]] bool is(std::array<char, 4> tag) const noexcept { return header_.tag == tag; }
  [[nodiscard]] std::string record() const;
  [[noreturn]] void truncated() const;
  [[noreturn]] void damaged(std::uint64_t offset, const std::string& why) const;
  [[noreturn]] void fail(std::uint64_t offset, const char* code, const std::string& why,
                         std::string advice = {}) const;

  std::unique_ptr<ByteSource> source_;
  std::string object_;
  StateIdentity identity_;
  StateEnd end_;
  std::vector<std::byte> subsystem_;
  state_file::RecordHeader header_{};  ///< of the record whose body comes next
  std::uint64_t offset_ = 0, body_offset_ = 0, sum_ = 0;
  std::uint64_t number_ = 0, chunks_ = 0, bytes_ = 0, skipped_ = 0;
  bool ended_ = false;
  Behind behind_;
};

/// Of a raw state. Bytes behind the size of its header are read and skipped.
class RawChunkReader final : public ChunkReader {
 public:
  /// The most bytes behind the end of the state that are accepted.
  static constexpr std::uint64_t max_surplus = std::uint64_t{16} << 20;

  /// An opaque state ends with the source.
  RawChunkReader(std::unique_ptr<ByteSource> source, std::string object, StateLayout layout)
      : source_(std::move(source)), object_(std::move(object)), layout_(layout) {}

  std::span<std::byte> next(ChunkBuffer& buffer) override;
  [[nodiscard]] std::uint64_t offset() const noexcept override { return offset_; }
  [[nodiscard]] std::uint64_t sum() const noexcept override { return sum_; }
  [[nodiscard]] std::uint64_t size() const noexcept override { return total_; }

 private:
  [[nodiscard]] std::size_t fill(std::span<std::byte> room);
  void read_header(std::span<const std::byte> bytes);
  void drain(ChunkBuffer& buffer);

  std::unique_ptr<ByteSource> source_;
  std::string object_;
  StateLayout layout_;
  std::uint64_t offset_ = 0, bytes_ = 0, total_ = 0, sum_ = 0;
};

}  // namespace nvmigrate
