// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/state/chunk_reader.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "nvmigrate/base/numbers.h"
#include "nvmigrate/state/digest.h"

namespace nvmigrate {
namespace {

constexpr std::size_t header_size = sizeof(state_file::RecordHeader);
constexpr auto newer_may_read_it = "a newer version of this program may read it";

template <typename T>
std::span<std::byte> bytes_of(T& value) {
  return std::as_writable_bytes(std::span{&value, 1});
}

std::string_view text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::uint64_t chain(std::uint64_t sum, std::span<const std::byte> header) {
  std::array<std::byte, sizeof(std::uint64_t) + header_size> both{};
  std::memcpy(both.data(), &sum, sizeof(sum));
  std::copy(header.begin(), header.end(), both.begin() + sizeof(sum));
  return xxh3(std::span{both}.first(sizeof(sum) + header.size()));
}

bool is_alnum(char letter) {
  return (letter >= '0' && letter <= '9') || (letter >= 'A' && letter <= 'Z') ||
         (letter >= 'a' && letter <= 'z');
}

/// Whether the bytes are the magic as a transfer in text mode leaves it.
bool damaged_as_text(const std::array<std::uint8_t, 8>& found) {
  constexpr std::array<std::uint8_t, 3> name{'N', 'V', 'M'};
  return std::equal(name.begin(), name.end(), found.begin() + 1);
}

}  // namespace

FileChunkReader::FileChunkReader(std::unique_ptr<ByteSource> source, std::string object,
                                 Behind behind)
    : source_(std::move(source)), object_(std::move(object)), behind_(behind) {
  read_preamble();
  read_identity();
}

void FileChunkReader::fail(std::uint64_t offset, const char* code, const std::string& why,
                           std::string advice) const {
  throw StateFileError(offset, code, fmt::format("{}: {}", object_, why), std::move(advice));
}

void FileChunkReader::damaged(std::uint64_t offset, const std::string& why) const {
  fail(offset, "damaged", why);
}

void FileChunkReader::truncated() const {
  fail(offset_, "incomplete",
       fmt::format("the file is incomplete: it ends at byte {}, before its last record", offset_));
}

std::string FileChunkReader::record() const {
  std::string tag;
  for (const char letter : header_.tag) {
    tag += is_alnum(letter) ? letter : '?';
  }
  return fmt::format("record {} ({}) at byte {}", number_, tag, body_offset_ - header_size);
}

void FileChunkReader::read_preamble() {
  state_file::Preamble preamble{};
  const auto count = source_->read(bytes_of(preamble));
  if (count < sizeof(preamble.magic) || preamble.magic != state_file::magic) {
    if (damaged_as_text(preamble.magic)) {
      fail(0, "text_mode", "the state file was damaged by a transfer in text mode",
           "transfer it again in binary mode");
    }
    fail(0, "not_a_state_file", "this is not a state file",
         "if it is a raw controller state, read it as one");
  }
  offset_ = count;
  if (count < sizeof(preamble)) truncated();
  if (std::uint16_t{preamble.version} != state_file::version) {
    fail(8, "unknown_version",
         fmt::format("this is a state file of version {}, and only version {} is known",
                     std::uint16_t{preamble.version}, state_file::version),
         newer_may_read_it);
  }
  for (std::size_t i = 0; i < preamble.zero.size(); ++i) {
    if (preamble.zero.at(i) != 0) damaged(10 + i, fmt::format("byte {} is not 0", 10 + i));
  }
}

void FileChunkReader::read_identity() {
  std::array<std::byte, header_size> header{};
  const auto count = source_->read(header);
  offset_ += count;
  if (count < header.size()) truncated();
  accept_header(header);
  if (!is(state_file::tag_identity)) {
    damaged(body_offset_ - header_size, record() + " stands in the place of the identity");
  }
  ChunkBuffer buffer;
  const auto length = static_cast<std::size_t>(header_.length);
  const auto offset = body_offset_;
  const auto next = read_body(buffer, header_size);
  identity_ = decode_state_identity(text_of(buffer.payload().first(length)), offset);
  take_next(next);
}

void FileChunkReader::accept_header(std::span<const std::byte> bytes) {
  std::memcpy(bytes_of(header_).data(), bytes.data(), header_size);
  const auto start = offset_ - header_size;
  body_offset_ = offset_;
  if (std::uint64_t{header_.header_sum} !=
      xxh3(bytes.first(header_size - sizeof(header_.header_sum)))) {
    damaged(start, fmt::format("the header of record {} at byte {} is damaged: its checksum does "
                               "not match",
                               number_, start));
  }
  if (std::uint64_t{header_.number} != number_) {
    damaged(start, fmt::format("{} has the number {}: records are missing, duplicated or out of "
                               "order",
                               record(), std::uint64_t{header_.number}));
  }
  sum_ = chain(sum_, bytes.first(header_size));
  check_kind();
}

void FileChunkReader::check_kind() {
  const auto start = body_offset_ - header_size;
  const std::uint32_t flags = header_.flags;
  const std::uint64_t length = header_.length;
  if ((flags & ~state_file::flag_critical) != 0) damaged(start, record() + " has unknown flags");
  if (!std::all_of(header_.tag.begin(), header_.tag.end(), is_alnum)) {
    damaged(start, record() + " has an invalid tag");
  }
  const bool json = is(state_file::tag_identity) || is(state_file::tag_end);
  const bool known = json || is(state_file::tag_chunk);
  const bool critical = (flags & state_file::flag_critical) != 0;
  if (critical && !known) {
    fail(start, "unknown_version", record() + " is unknown and must not be skipped",
         newer_may_read_it);
  }
  if (known && !critical) damaged(start, record() + " is not marked critical");
  if (is(state_file::tag_identity) && number_ != 0) {
    damaged(start, record() + " is a second identity");
  }
  if (length > (json ? state_file::max_json : state_file::max_chunk) || (known && length == 0)) {
    damaged(start,
            fmt::format("{} has a body of {} bytes, which is out of range", record(), length));
  }
  if (!known && ++skipped_ > state_file::max_extras) {
    damaged(start, "the file has too many optional records");
  }
}

std::span<std::byte> FileChunkReader::read_body(ChunkBuffer& buffer, std::size_t more) {
  const auto length = static_cast<std::size_t>(header_.length);
  const auto into = buffer.payload_and_next(length).first(length + more);
  const auto count = source_->read(into);
  offset_ += count;
  if (count < length) truncated();
  if (std::uint64_t{header_.body_sum} != xxh3(into.first(length))) {
    damaged(body_offset_, record() + " is damaged: the checksum of its body does not match");
  }
  ++number_;
  return into.subspan(length, count - length);
}

void FileChunkReader::take_next(std::span<const std::byte> header) {
  if (header.size() < header_size) truncated();
  accept_header(header);
}

std::span<std::byte> FileChunkReader::next(ChunkBuffer& buffer) {
  while (!ended_) {
    if (is(state_file::tag_end)) {
      take_end(buffer);
      break;
    }
    const auto length = static_cast<std::size_t>(header_.length);
    const bool chunk = is(state_file::tag_chunk);
    if (chunk) {
      if (length > identity_.size - bytes_) {
        damaged(
            body_offset_ - header_size,
            fmt::format("{} exceeds the size of the state, {} bytes", record(), identity_.size));
      }
      ++chunks_;
      bytes_ += length;
    }
    take_next(read_body(buffer, header_size));
    if (chunk) return buffer.payload().first(length);
  }
  return {};
}

void FileChunkReader::take_end(ChunkBuffer& buffer) {
  const auto start = body_offset_;
  const auto length = static_cast<std::size_t>(header_.length);
  const auto surplus = read_body(buffer, behind_ == Behind::nothing ? 1 : 0);
  end_ = decode_state_end(text_of(buffer.payload().first(length)), start);
  if (bytes_ != identity_.size || end_.size != bytes_ || end_.chunks != chunks_) {
    damaged(start,
            fmt::format("the file has {} bytes of the state in {} chunks, but its end record "
                        "counts {} in {}, and its identity {}",
                        bytes_, chunks_, end_.size, end_.chunks, identity_.size));
  }
  if (!surplus.empty()) {
    const auto end = start + length;
    damaged(end, fmt::format("the file continues after its end, at byte {}", end));
  }
  ended_ = true;
}

std::span<std::byte> RawChunkReader::next(ChunkBuffer& buffer) {
  if (total_ != 0 && bytes_ == total_) {
    drain(buffer);
    return {};
  }
  const auto room = buffer.payload();
  const auto count = layout_ == StateLayout::nvme ? fill(room) : source_->read(room);
  if (count == 0) return {};
  offset_ += count;
  bytes_ += count;
  const auto chunk = room.first(count);
  const std::uint64_t sum = xxh3(chunk);
  sum_ = chain(sum_, std::as_bytes(std::span{&sum, 1}));
  return chunk;
}

std::size_t RawChunkReader::fill(std::span<std::byte> room) {
  std::size_t count = 0;
  if (total_ == 0) {
    count = source_->read(room.first(sizeof(wire::StateHeader)));
    read_header(room.first(count));
  }
  const auto piece = std::min<std::uint64_t>(room.size(), total_ - bytes_);
  return count + source_->read(room.subspan(count, static_cast<std::size_t>(piece) - count));
}

void RawChunkReader::read_header(std::span<const std::byte> bytes) {
  try {
    total_ = decode_state_header(bytes).total();
  } catch (const Error& error) {
    throw StateFileError(0, "invalid_state", fmt::format("{}: {}", object_, error.what()),
                         error.advice());
  }
}

void RawChunkReader::drain(ChunkBuffer& buffer) {
  while (const auto count = source_->read(buffer.payload())) {
    offset_ += count;
    if (offset_ - total_ > max_surplus) {
      throw StateFileError(
          total_, "invalid_state",
          fmt::format("{}: the controller state ends at byte {}, and more than {} follow", object_,
                      total_, format_size(max_surplus)),
          "this is probably not a controller state");
    }
  }
}

}  // namespace nvmigrate
