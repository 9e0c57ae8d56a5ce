// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/state/chunk_reader.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace nvmigrate {
namespace {

constexpr std::size_t header_size = sizeof(state_file::RecordHeader);

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

/// Whether the bytes are the magic after something took them for text.
bool damaged_as_text(const std::array<std::uint8_t, 8>& found) {
  constexpr std::array<std::uint8_t, 3> name{'N', 'V', 'M'};
  return std::equal(name.begin(), name.end(), found.begin() + 1);
}

}  // namespace

FileChunkReader::FileChunkReader(std::unique_ptr<ByteSource> source, std::string object)
    : source_(std::move(source)), object_(std::move(object)) {
  read_preamble();
  read_identity();
}

void FileChunkReader::fail(std::uint64_t offset, const std::string& why, std::string hint) const {
  throw StateFileError(offset, object_ + ": " + why, std::move(hint));
}

void FileChunkReader::truncated() const {
  fail(offset_, "ends at byte " + std::to_string(offset_) + " without its end: it is incomplete");
}

std::string FileChunkReader::record() const {
  std::string tag;
  for (const char letter : header_.tag) {
    tag += is_alnum(letter) ? letter : '?';
  }
  return "record " + std::to_string(number_) + " (" + tag + ") at byte " +
         std::to_string(body_offset_ - header_size);
}

void FileChunkReader::read_preamble() {
  state_file::Preamble preamble{};
  const auto count = source_->read(bytes_of(preamble));
  if (count < sizeof(preamble.magic) || preamble.magic != state_file::magic) {
    if (damaged_as_text(preamble.magic)) {
      fail(0, "was a state file and was damaged by a transfer in text mode",
           "transfer it again, in binary mode");
    }
    fail(0, "is no state file", "for a plain controller state, say --raw");
  }
  offset_ = count;
  if (count < sizeof(preamble)) truncated();
  if (std::uint16_t{preamble.version} != state_file::version) {
    fail(8,
         "is a state file of version " + std::to_string(preamble.version) + "; known is version 1",
         "a later nvmigrate may read it");
  }
  for (std::size_t i = 0; i < preamble.zero.size(); ++i) {
    if (preamble.zero.at(i) != 0) fail(10 + i, "byte " + std::to_string(10 + i) + " is not 0");
  }
}

void FileChunkReader::read_identity() {
  std::array<std::byte, header_size> header{};
  const auto count = source_->read(header);
  offset_ += count;
  if (count < header.size()) truncated();
  accept_header(header);
  if (!is(state_file::tag_identity)) {
    fail(body_offset_ - header_size, record() + " comes where the identity has to be");
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
    fail(start, "the header of record " + std::to_string(number_) + " at byte " +
                    std::to_string(start) + " is damaged: its checksum does not match");
  }
  if (std::uint64_t{header_.number} != number_) {
    fail(start, record() + " says that it is record " + std::to_string(header_.number) +
                    ": records are missing, there twice, or not in order");
  }
  sum_ = chain(sum_, bytes.first(header_size));
  check_kind();
}

void FileChunkReader::check_kind() {
  const auto start = body_offset_ - header_size;
  const std::uint32_t flags = header_.flags;
  const std::uint64_t length = header_.length;
  if ((flags & ~state_file::flag_critical) != 0) fail(start, record() + " has unknown flags");
  if (!std::all_of(header_.tag.begin(), header_.tag.end(), is_alnum)) {
    fail(start, record() + " has a tag that is none");
  }
  const bool json = is(state_file::tag_identity) || is(state_file::tag_end);
  const bool known = json || is(state_file::tag_chunk);
  const bool critical = (flags & state_file::flag_critical) != 0;
  if (critical && !known) {
    fail(start, record() + " is unknown and must not be ignored", "a later nvmigrate may read it");
  }
  if (known && !critical) fail(start, record() + " is not marked critical");
  if (is(state_file::tag_identity) && number_ != 0) {
    fail(start, record() + " is a second identity");
  }
  if (length > (json ? state_file::max_json : state_file::max_chunk) || (known && length == 0)) {
    fail(start, record() + " has a body of " + std::to_string(length) + " bytes");
  }
  if (!known && ++skipped_ > state_file::max_extras) fail(start, "has too many optional records");
}

std::span<std::byte> FileChunkReader::read_body(ChunkBuffer& buffer, std::size_t more) {
  const auto length = static_cast<std::size_t>(header_.length);
  const auto into = buffer.payload_and_next(length).first(length + more);
  const auto count = source_->read(into);
  offset_ += count;
  if (count < length) truncated();
  if (std::uint64_t{header_.body_sum} != xxh3(into.first(length))) {
    fail(body_offset_, record() + " is damaged: the checksum of its body does not match");
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
        fail(body_offset_ - header_size,
             record() + " goes beyond the size of the state, " + std::to_string(identity_.size));
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
  const auto surplus = read_body(buffer, 1);
  end_ = decode_state_end(text_of(buffer.payload().first(length)), start);
  if (bytes_ != identity_.size || end_.size != bytes_ || end_.chunks != chunks_) {
    fail(start, "the end says " + std::to_string(end_.size) + " bytes in " +
                    std::to_string(end_.chunks) + " chunks, the identity " +
                    std::to_string(identity_.size) + " bytes; there are " + std::to_string(bytes_) +
                    " in " + std::to_string(chunks_));
  }
  if (!surplus.empty()) {
    const auto end = start + length;
    fail(end, "goes on behind its end, at byte " + std::to_string(end));
  }
  ended_ = true;
}

std::span<std::byte> RawChunkReader::next(ChunkBuffer& buffer) {
  if (total_ != 0 && bytes_ == total_) {
    drain(buffer);
    return {};
  }
  const auto room = buffer.payload();
  std::size_t count = 0;
  if (total_ == 0) {
    count = source_->read(room.first(sizeof(wire::StateHeader)));
    read_header(room.first(count));
  }
  const auto piece = std::min<std::uint64_t>(room.size(), total_ - bytes_);
  count += source_->read(room.subspan(count, static_cast<std::size_t>(piece) - count));
  offset_ += count;
  bytes_ += count;
  const auto chunk = room.first(count);
  const std::uint64_t sum = xxh3(chunk);
  sum_ = chain(sum_, std::as_bytes(std::span{&sum, 1}));
  return chunk;
}

void RawChunkReader::read_header(std::span<const std::byte> bytes) {
  try {
    total_ = decode_state_header(bytes).total();
  } catch (const Error& error) {
    throw StateFileError(0, object_ + ": " + error.what(), error.hint());
  }
}

void RawChunkReader::drain(ChunkBuffer& buffer) {
  while (const auto count = source_->read(buffer.payload())) {
    offset_ += count;
    if (offset_ - total_ > max_surplus) {
      throw StateFileError(total_,
                           object_ + ": the controller state ends at byte " +
                               std::to_string(total_) + ", and much more follows",
                           "this is no controller state");
    }
  }
}

}  // namespace nvmigrate
