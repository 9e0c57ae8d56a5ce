// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/state/state_encoding.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "nvmigrate/base/interrupt.h"

namespace nvmigrate {
namespace {

template <typename T>
void append(std::vector<std::byte>& bytes, const T& record) {
  const auto more = std::as_bytes(std::span{&record, 1});
  bytes.insert(bytes.end(), more.begin(), more.end());
}

class FileEncoding final : public StateEncoding {
 public:
  FileEncoding(StateOutput& output, StateIdentity identity)
      : output_(&output), identity_(std::move(identity)) {}

  void suspended_for(std::chrono::nanoseconds so_far) override {
    identity_.blackout_ns = static_cast<std::uint64_t>(std::max<std::int64_t>(0, so_far.count()));
  }

  void begin(std::uint64_t size) override {
    identity_.size = size;
    std::vector<std::byte> bytes;
    append(bytes, state_file::Preamble{state_file::magic, state_file::version, {}});
    append_record(bytes, state_file::tag_identity, encode(identity_));
    output_->put(bytes);
  }

  void chunk(ChunkBuffer& buffer, std::size_t length) override {
    const auto header =
        make_record_header(state_file::tag_chunk, true, number_++, buffer.payload().first(length));
    const auto bytes = buffer.header_and_payload(length);
    std::memcpy(bytes.data(), &header, sizeof(header));
    output_->put(bytes);
  }

  void end(const StateEnd& end) override {
    std::vector<std::byte> bytes;
    append_record(bytes, state_file::tag_end, encode(end));
    output_->put(bytes);
  }

 private:
  void append_record(std::vector<std::byte>& bytes, std::array<char, 4> tag,
                     const std::string& body) {
    const auto content = std::as_bytes(std::span{body});
    append(bytes, make_record_header(tag, true, number_++, content));
    bytes.insert(bytes.end(), content.begin(), content.end());
  }

  StateOutput* output_;
  StateIdentity identity_;
  std::uint64_t number_ = 0;
};

class RawEncoding final : public StateEncoding {
 public:
  explicit RawEncoding(StateOutput& output) : output_(&output) {}

  void suspended_for(std::chrono::nanoseconds) override {}
  void begin(std::uint64_t) override {}
  void chunk(ChunkBuffer& buffer, std::size_t length) override {
    output_->put(buffer.payload().first(length));
  }
  void end(const StateEnd&) override {}

 private:
  StateOutput* output_;
};

}  // namespace

void StateOutput::put(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t count = io_->write(fd_, bytes);
    if (count < 0 && errno != EINTR) throw OsError(errno, "write", object_);
    if (count == 0) throw OsError(EIO, "write", object_);
    if (count > 0) {
      bytes = bytes.subspan(static_cast<std::size_t>(count));
      written_ += static_cast<std::uint64_t>(count);
    }
    // A write that a signal ends has often taken some of the bytes, and then is no error.
    if (!bytes.empty()) stop_if_interrupted(("writing " + object_ + " was stopped").c_str());
  }
}

bool StateOutput::is_file() {
  struct stat about {};
  return io_->fstat(fd_, about) == 0 && S_ISREG(about.st_mode);
}

std::unique_ptr<StateEncoding> make_file_encoding(StateOutput& output, StateIdentity identity) {
  return std::make_unique<FileEncoding>(output, std::move(identity));
}

std::unique_ptr<StateEncoding> make_raw_encoding(StateOutput& output) {
  return std::make_unique<RawEncoding>(output);
}

}  // namespace nvmigrate
