// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <array>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "nvmigrate/base/error.h"
#include "nvmigrate/base/io.h"

namespace nvmigrate::remote {

using Json = nlohmann::ordered_json;
using Tag = std::array<char, 4>;

// clang-format off
///   connection = greeting *( message | state-file )        ; in each direction
///   greeting   = %x89 %x4E %x56 %x4C %x0D %x0A %x1A %x0A version zero6    ; \x89 N V L CR LF SUB LF
///   message    = header(tag) json                          ; as the records of a state file
// clang-format on
///
/// The messages, by their tags. The source sends those on the left, the destination answers.
///
///   HELO {tool, host}                          HELO {tool, host}
///   PREP {transfer, source, device, function,  REDY {controller_id, vfn, backend, findings}
///         backend, identity, resume, allowed,
///         dry_run}
///   HOLD {}                                    HELD {}: the destination is suspended
///   a state file                               LODD {sha256}: loaded and verified
///   COMT {}                                    DONE {resumed, blackout_ns, commands}
///   ABRT {}                                    DONE
///   ASKS {device, function, backend, dry_run}  DOUB {controller_id, backend, transfer, status}
///
/// `backend` of the source is the one that was named for both sides, or empty; that of the
/// destination is the one it uses. An older destination ignores it and does not answer with one.
///
/// FAIL {error} may stand for every answer; after it the destination is as before, or the error
/// says what it left.
namespace tags {
inline constexpr Tag hello{'H', 'E', 'L', 'O'}, prepare{'P', 'R', 'E', 'P'},
    ready{'R', 'E', 'D', 'Y'}, hold{'H', 'O', 'L', 'D'}, held{'H', 'E', 'L', 'D'},
    loaded{'L', 'O', 'D', 'D'}, commit{'C', 'O', 'M', 'T'}, abort{'A', 'B', 'R', 'T'},
    done{'D', 'O', 'N', 'E'}, ask{'A', 'S', 'K', 'S'}, doubt{'D', 'O', 'U', 'B'},
    fail{'F', 'A', 'I', 'L'};
}  // namespace tags

/// The name of the operation in refusals and progress.
inline constexpr auto step = "transfer";
/// Version of the protocol; both sides must have the same.
inline constexpr std::uint16_t version = 1;

/// One message.
struct Message {
  Tag tag{};
  Json body;
};

/// The other side went away: nothing more comes, or can be sent.
class Disconnected : public Error {
 public:
  explicit Disconnected(const std::string& peer);
};

/// A connection between the tools of two hosts: a pipe in each direction, as to and from ssh.
/// Every message is checked by its checksums and its number. All methods throw Disconnected,
/// OsError and Interrupted.
class Link {
 public:
  /// \param peer names the other side in errors: `host b`
  Link(Io& io, int in, int out, std::string peer);

  /// Writes the greeting and HELO, and reads those of the other side.
  /// \throws Error(unsupported) when it speaks another version; Error(io) when it is not this tool
  Json greet();
  void send(Tag tag, const Json& body = Json::object());
  /// \throws Error(io) for a damaged message
  Message receive();
  /// Receives an answer. \throws what FAIL says; Error(io) for any other tag
  Json expect(Tag tag);

  [[nodiscard]] Io& io() const noexcept { return *io_; }
  [[nodiscard]] int in() const noexcept { return in_; }
  [[nodiscard]] int out() const noexcept { return out_; }
  [[nodiscard]] const std::string& peer() const noexcept { return peer_; }

 private:
  void write(const void* bytes, std::size_t count);
  void read(void* into, std::size_t count);
  void read_greeting();
  [[noreturn]] void damaged(const std::string& why) const;

  Io* io_;
  int in_, out_;
  std::string peer_;
  std::uint64_t sent_ = 0, received_ = 0;
};

}  // namespace nvmigrate::remote
