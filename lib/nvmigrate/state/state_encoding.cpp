// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/state/state_encoding.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "nvmigrate/base/interrupt.h"

namespace nvmigrate {
namespace {

template <typename T>
void append(std::vector<std::byte>& bytes, const T& record) {
  const auto more = std::as_bytes(std::span{&record, 1});
  bytes.insert(bytes.end(), more.begin(), more.end());
}

std::span<const std::byte> as_bytes_of(const std::string& text) {
  return std::as_bytes(std::span{text});
}

}  // namespace

StateEncoding::StateEncoding(Io& io, int fd, std::string object,
                             std::optional<StateIdentity> identity)
    : io_(&io), fd_(fd), object_(std::move(object)), identity_(std::move(identity)) {
  io.widen_pipe(fd);
}

void StateEncoding::suspended_for(std::chrono::nanoseconds so_far) {
  if (!identity_) return;
  identity_->blackout_ns = static_cast<std::uint64_t>(std::max<std::int64_t>(0, so_far.count()));
}

void StateEncoding::preamble() {
  if (!identity_) return;
  std::vector<std::byte> bytes;
  append(bytes, state_file::Preamble{state_file::magic, state_file::version, {}});
  put(bytes);
  announced_ = true;
}

void StateEncoding::begin(std::uint64_t size) {
  if (!identity_) return;
  identity_->size = size;
  std::vector<std::byte> bytes;
  if (!announced_) append(bytes, state_file::Preamble{state_file::magic, state_file::version, {}});
  identity_->subsystem_state = !subsystem_.empty();
  append_record(bytes, state_file::tag_identity, as_bytes_of(encode(*identity_)));
  if (!subsystem_.empty()) append_record(bytes, state_file::tag_subsystem, subsystem_, false);
  put(bytes);
}

void StateEncoding::chunk(ChunkBuffer& buffer, std::size_t length) {
  const auto payload = buffer.payload().first(length);
  if (!identity_) return put(payload);
  const auto header = make_record_header(state_file::tag_chunk, true, number_++, payload);
  const auto bytes = buffer.header_and_payload(length);
  std::memcpy(bytes.data(), &header, sizeof(header));
  put(bytes);
}

void StateEncoding::end(const StateEnd& end) {
  if (!identity_) return;
  std::vector<std::byte> bytes;
  append_record(bytes, state_file::tag_end, as_bytes_of(encode(end)));
  put(bytes);
}

bool StateEncoding::is_file() {
  struct stat about {};
  return io_->fstat(fd_, about) == 0 && S_ISREG(about.st_mode);
}

void StateEncoding::append_record(std::vector<std::byte>& bytes, std::array<char, 4> tag,
                                  std::span<const std::byte> body, bool critical) {
  append(bytes, make_record_header(tag, critical, number_++, body));
  bytes.insert(bytes.end(), body.begin(), body.end());
}

void StateEncoding::put(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t count = io_->write(fd_, bytes);
    if (count < 0 && errno != EINTR) throw OsError(errno, "write", object_);
    if (count == 0) throw OsError(EIO, "write", object_);
    if (count > 0) {
      bytes = bytes.subspan(static_cast<std::size_t>(count));
      written_ += static_cast<std::uint64_t>(count);
    }
    // A write that a signal ends has often taken some of the bytes, and then succeeds.
    if (!bytes.empty()) stop_if_interrupted(("writing " + object_ + " was stopped").c_str());
  }
}

}  // namespace nvmigrate
