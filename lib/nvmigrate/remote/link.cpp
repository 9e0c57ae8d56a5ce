// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/remote/link.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "nvmigrate/base/interrupt.h"
#include "nvmigrate/base/numbers.h"
#include "nvmigrate/remote/message.h"
#include "nvmigrate/state/digest.h"
#include "nvmigrate/state/state_file.h"

namespace nvmigrate::remote {
namespace {

constexpr std::array<std::uint8_t, 8> magic{0x89, 'N', 'V', 'L', '\r', '\n', 0x1A, '\n'};
/// Of a message, in bytes; far more than the findings of many functions need.
constexpr std::uint64_t longest_body = std::uint64_t{4} << 20;

struct Greeting {
  std::array<std::uint8_t, 8> magic{};
  Le16 version;
  std::array<std::uint8_t, 6> zero{};
};
static_assert(sizeof(Greeting) == 16);

std::string text_of(Tag tag) { return {tag.begin(), tag.end()}; }

std::string host_name() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0) return "unknown";
  return name.data();
}

}  // namespace

Disconnected::Disconnected(const std::string& peer)
    : Error(ExitStatus::io, "the connection to " + peer + " ended") {
  set_code("connection_lost");
}

Link::Link(Io& io, int in, int out, std::string peer)
    : io_(&io), in_(in), out_(out), peer_(std::move(peer)) {}

void Link::damaged(const std::string& why) const {
  throw Error(ExitStatus::io, "what " + peer_ + " sent is damaged: " + why).with_code("connection");
}

void Link::write(const void* bytes, std::size_t count) {
  auto rest = std::span{static_cast<const std::byte*>(bytes), count};
  while (!rest.empty()) {
    const auto written = io_->write(out_, rest);
    if (written < 0 && errno == EPIPE) throw Disconnected(peer_);
    if (written < 0 && errno != EINTR) throw OsError(errno, "write to", peer_);
    if (written > 0) rest = rest.subspan(static_cast<std::size_t>(written));
    if (!rest.empty()) stop_if_interrupted("the transfer was stopped");
  }
}

void Link::read(void* into, std::size_t count) {
  auto rest = std::span{static_cast<std::byte*>(into), count};
  while (!rest.empty()) {
    const auto got = io_->read(in_, rest);
    if (got == 0) throw Disconnected(peer_);
    if (got < 0 && errno != EINTR) throw OsError(errno, "read from", peer_);
    if (got < 0) stop_if_interrupted("the transfer was stopped");
    if (got > 0) rest = rest.subspan(static_cast<std::size_t>(got));
  }
}

void Link::read_greeting() {
  Greeting theirs;
  read(&theirs, 1);
  if (theirs.magic[0] == magic[0]) {
    read(reinterpret_cast<char*>(&theirs) + 1, sizeof(theirs) - 1);
  }
  if (theirs.magic != magic) {
    throw Error(ExitStatus::io, peer_ + " does not answer as nvmigrate",
                "see that it is installed there, and that no start-up file of the shell prints "
                "anything")
        .with_code("connection");
  }
  if (std::uint16_t{theirs.version} != version) {
    throw Error(ExitStatus::unsupported,
                peer_ + " speaks version " + std::to_string(std::uint16_t{theirs.version}) +
                    " of the protocol of transfers, and this host version " +
                    std::to_string(version),
                "install the same version of nvmigrate on both hosts")
        .with_code("protocol_version");
  }
}

Json Link::greet() {
  const Greeting ours{magic, version, {}};
  write(&ours, sizeof(ours));
  send(tags::hello, {{"tool", "nvmigrate " + std::string{library_version}}, {"host", host_name()}});
  read_greeting();
  return expect(tags::hello);
}

void Link::send(Tag tag, const Json& body) {
  const auto text = body.dump(-1, ' ', false, Json::error_handler_t::replace);
  const auto content = std::as_bytes(std::span{text});
  const auto header = make_record_header(tag, true, sent_++, content);
  std::vector<std::byte> bytes(sizeof(header) + content.size());
  std::memcpy(bytes.data(), &header, sizeof(header));
  std::memcpy(bytes.data() + sizeof(header), content.data(), content.size());
  write(bytes.data(), bytes.size());
}

Message Link::receive() {
  state_file::RecordHeader header;
  read(&header, sizeof(header));
  const auto bytes = std::as_bytes(std::span{&header, 1});
  if (std::uint64_t{header.header_sum} !=
      xxh3(bytes.first(offsetof(state_file::RecordHeader, header_sum)))) {
    damaged("the checksum of a header does not match");
  }
  if (std::uint64_t{header.number} != received_++) damaged("a message is missing or came twice");
  if (std::uint64_t{header.length} > longest_body) damaged("a message is too long");
  std::string text(static_cast<std::size_t>(std::uint64_t{header.length}), '\0');
  read(text.data(), text.size());
  if (std::uint64_t{header.body_sum} != xxh3(std::as_bytes(std::span{text}))) {
    damaged("the checksum of a message does not match");
  }
  Message message{header.tag, Json::parse(text, nullptr, false)};
  if (!message.body.is_object()) damaged("a message is not a JSON object");
  return message;
}

Json Link::expect(Tag tag) {
  auto message = receive();
  if (message.tag == tag) return std::move(message.body);
  if (message.tag == tags::fail) throw_error(message.body);
  damaged("a message " + text_of(message.tag) + " came in the place of " + text_of(tag));
}

}  // namespace nvmigrate::remote
