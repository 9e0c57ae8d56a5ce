// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <fcntl.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <functional>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <vector>

#include "nvmigrate/state/state.h"
#include "nvmigrate/state/state_file.h"
#include "nvmigrate/state/state_writer.h"
#include "tests/support/encoded_state.h"

namespace nvmigrate::test {

using Bytes = std::vector<std::byte>;

/// A header and 8 bytes.
inline std::vector<std::byte> sample_subsystem_state() {
  std::vector<std::byte> state(72);
  state[2] = std::byte{1};
  state[16] = std::byte{2};
  state[64] = std::byte{1};
  return state;
}

inline StateIdentity sample_identity() {
  StateIdentity identity;
  identity.tool = "nvmigrate 0.1.0";
  identity.host = "alpha";
  identity.time = "2024-08-05T12:00:00Z";
  identity.backend = "nvme";
  identity.formats.vendor = parse_uuid("01234567-89ab-cdef-0123-456789abcdef");
  identity.simulated = true;
  identity.subsystem_nqn = "nqn.2024-08.example:alpha";
  identity.serial = "SN0001";
  identity.model = "Example NVMe";
  identity.firmware = "1.0";
  identity.vendor_id = 0x1AF4;
  identity.controlling_function = 65;
  identity.controller = 5;
  identity.vfn = 1;
  identity.address = "0000:01:00.1";
  identity.queues = 3;
  identity.interrupts = 2;
  identity.blackout_ns = 1500;
  return identity;
}

/// The 104 bytes of a state with one queue pair, as every implementation should write them.
inline Bytes sample_state() {
  constexpr std::array<std::uint8_t, 104> bytes{
      0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
      0x00, 0x0E, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
      0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
      0x00, 0x00, 0x00, 0x00, 0x00, 0x01, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x45, 0x23,
      0x01, 0x00, 0x00, 0x00, 0x3F, 0x00, 0x01, 0x00, 0x01, 0x00, 0x05, 0x00, 0x0A, 0x00, 0x0C,
      0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x46, 0x23, 0x01, 0x00, 0x00, 0x00, 0x3F, 0x00,
      0x01, 0x00, 0x05, 0x00, 0x07, 0x00, 0x07, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00};
  Bytes state(bytes.size());
  std::memcpy(state.data(), bytes.data(), bytes.size());
  return state;
}

/// A state of exactly `size` bytes: the sample's queues when there is room, and a vendor part.
inline Bytes state_of_size(std::size_t size) {
  Bytes state(size);
  const auto queues = sample_state();
  StateHeaderFacts facts{.version = 0, .suspended = true, .nvme_bytes = 0, .vendor_bytes = 0};
  if (size >= queues.size()) {
    facts.nvme_bytes = 56;
    std::copy(queues.begin(), queues.end(), state.begin());
  }
  facts.vendor_bytes = size - 48 - facts.nvme_bytes;
  const auto header = encode_state_header(facts);
  std::memcpy(state.data(), &header, sizeof(header));
  for (auto i = static_cast<std::size_t>(48 + facts.nvme_bytes); i < size; ++i) {
    state[i] = static_cast<std::byte>(i * 131 >> 3U);
  }
  return state;
}

/// Puts a state into a sink as a backend does, `step` bytes at a time.
inline void feed(StateSink& sink, const Bytes& state, std::size_t step) {
  sink.begin(state.size());
  for (std::size_t done = 0; done < state.size();) {
    const auto room = sink.room(step);
    const auto count = std::min(room.size(), state.size() - done);
    std::copy_n(state.begin() + static_cast<std::ptrdiff_t>(done), count, room.begin());
    sink.commit(count);
    done += count;
  }
}

inline StateEnd write_state_file(Io& io, const std::string& path, const Bytes& state,
                                 const StateIdentity& identity = sample_identity(),
                                 std::size_t step = std::size_t{256} << 10) {
  const auto file = OpenFile::open(io, path, O_WRONLY | O_CREAT | O_TRUNC);
  const auto writer = make_state_file_writer(io, file.fd(), path, identity);
  feed(*writer, state, step);
  return writer->finish(std::chrono::nanoseconds{2500});
}

/// Gives no thread.
inline std::thread no_thread(const std::function<void()>&) {
  throw std::system_error(std::make_error_code(std::errc::resource_unavailable_try_again));
}

/// All bytes of a source, asked for `step` at a time.
inline Bytes drain(StateSource& source, std::size_t step) {
  Bytes bytes;
  while (bytes.size() < source.size()) {
    const auto view = source.view(step);
    bytes.insert(bytes.end(), view.begin(), view.end());
    source.take(view.size());
  }
  return bytes;
}

/// Composes state files record by record, with all checksums right.
class FileBuilder {
 public:
  FileBuilder() { add(state_file::Preamble{state_file::magic, state_file::version, {}}); }

  FileBuilder& record(std::string_view tag, bool critical, std::string_view body) {
    std::array<char, 4> letters{};
    std::copy_n(tag.begin(), letters.size(), letters.begin());
    add(make_record_header(letters, critical, number_++, std::as_bytes(std::span{body})));
    text_ += body;
    return *this;
  }
  /// As record, the header changed by `change` and its checksum made again.
  FileBuilder& record_with(std::string_view tag, std::string_view body,
                           const std::function<void(state_file::RecordHeader&)>& change) {
    std::array<char, 4> letters{};
    std::copy_n(tag.begin(), letters.size(), letters.begin());
    auto header = make_record_header(letters, true, number_++, std::as_bytes(std::span{body}));
    change(header);
    header.header_sum = xxh3(std::as_bytes(std::span{&header, 1}).first(32));
    add(header);
    text_ += body;
    return *this;
  }
  FileBuilder& identity(std::uint64_t size, StateLayout layout = StateLayout::opaque) {
    auto identity = sample_identity();
    identity.layout = layout;
    identity.size = size;
    return record("IDNT", true, encode(identity));
  }
  FileBuilder& chunk(std::string_view body) {
    state_ += body;
    ++chunks_;
    return record("CHNK", true, body);
  }
  /// The end that fits what came before.
  FileBuilder& end() { return record("DONE", true, encode(right_end())); }
  [[nodiscard]] StateEnd right_end() const {
    Sha256 digest;
    digest.update(std::as_bytes(std::span{state_}));
    return {digest.finish(), state_.size(), chunks_, 0, "2024-08-05T12:00:01Z"};
  }
  FileBuilder& skip_number() {
    ++number_;
    return *this;
  }

  [[nodiscard]] const std::string& text() const noexcept { return text_; }

 private:
  template <typename T>
  void add(const T& record) {
    text_.append(reinterpret_cast<const char*>(&record), sizeof(record));
  }

  std::string text_, state_;
  std::uint64_t number_ = 0, chunks_ = 0;
};

}  // namespace nvmigrate::test
