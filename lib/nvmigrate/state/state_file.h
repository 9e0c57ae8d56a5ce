// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "nvmigrate/base/error.h"
#include "nvmigrate/nvme/endian.h"
#include "nvmigrate/state/digest.h"
#include "nvmigrate/state/stream.h"

/// The state file, version 1. The format is a promise: every later version of the library reads it.
///
// clang-format off
///   file       = preamble identity *extra *( chunk *extra ) end     ; nothing may follow
///   preamble   = magic version zero6
///   magic      = %x89 %x4E %x56 %x4D %x0D %x0A %x1A %x0A            ; \x89 N V M CR LF SUB LF
///   version    = u16                                                ; 1
///
///   identity   = header("IDNT") json                                ; critical, record 0
///   chunk      = header("CHNK") 1*1048576OCTET                      ; critical
///   end        = header("DONE") json                                ; critical, the last record
///   extra      = header(tag) *1048576OCTET                          ; optional, of a later version
///
///   header     = tag flags length number body-sum header-sum        ; 40 bytes
///   tag        = 4( %x41-5A / %x61-7A / %x30-39 )                   ; four letters or digits
///   flags      = u32                                                ; bit 0: critical; others 0
///   length     = u64                                                ; bytes of the body
///   number     = u64                                                ; of the record: 0, 1, 2, ...
///   body-sum   = u64                                                ; XXH3-64 of the body
///   header-sum = u64                                                ; XXH3-64 of the 32 bytes before
///   json       = 1*65536OCTET                                       ; one JSON object, UTF-8
///   zero6      = 6%x00
// clang-format on
///
/// All integers are unsigned and little-endian; XXH3-64 has seed 0. The chunks one after the other
/// are the state exactly as the backend gave it. A reader skips extra records whose tag it does not
/// know, after checking both sums, and refuses a critical one it does not know. Members of the JSON
/// objects that it does not know it ignores; see StateIdentity and StateEnd for those it knows.
namespace nvmigrate {

namespace state_file {
inline constexpr std::array<std::uint8_t, 8> magic{0x89, 'N', 'V', 'M', '\r', '\n', 0x1A, '\n'};
inline constexpr std::uint16_t version = 1;

/// The first bytes of the file.
struct Preamble {
  std::array<std::uint8_t, 8> magic{};
  Le16 version;
  std::array<std::uint8_t, 6> zero{};
};
static_assert(sizeof(Preamble) == 16);

/// In front of every record.
struct RecordHeader {
  std::array<char, 4> tag{};
  Le32 flags;
  Le64 length, number, body_sum, header_sum;
};
static_assert(sizeof(RecordHeader) == 40);

inline constexpr std::uint32_t flag_critical = 1;
inline constexpr std::array<char, 4> tag_identity{'I', 'D', 'N', 'T'};
inline constexpr std::array<char, 4> tag_chunk{'C', 'H', 'N', 'K'};
inline constexpr std::array<char, 4> tag_end{'D', 'O', 'N', 'E'};

/// The documented maxima, checked before anything is allocated.
inline constexpr std::uint64_t max_json = std::uint64_t{64} << 10;     ///< bytes of a JSON body
inline constexpr std::uint64_t max_chunk = std::uint64_t{1} << 20;     ///< bytes of any other body
inline constexpr std::uint64_t max_payload = std::uint64_t{16} << 40;  ///< bytes of a state: 16 TiB
inline constexpr std::uint64_t max_extras = 1024;  ///< optional records of a file
}  // namespace state_file

/// What the bytes of a state are.
enum class StateLayout {
  nvme,    ///< a Controller State structure, Base 2.1 figure 358
  opaque,  ///< known to the backend alone
};

/// Where a state comes from: the JSON of the first record. Members are named as here; numbers are
/// numbers, formats by value: `"formats": {"version": 0, "vendor": "<uuid>"}`, null when not there.
struct StateIdentity {
  std::string tool;  ///< `nvmigrate 0.1.0`
  std::string host;  ///< name of the host that wrote it
  std::string time;  ///< RFC 3339, UTC, when the reading began
  std::string backend;
  StateLayout layout = StateLayout::nvme;
  FormatChoice formats;
  bool simulated = false;  ///< the source was a simulated subsystem

  std::string subsystem_nqn, serial, model, firmware;  ///< of the controlling function
  std::uint16_t vendor_id = 0;                         ///< PCI
  std::uint16_t controlling_function = 0;              ///< its controller id
  std::uint16_t controller = 0;  ///< controller id of the controlled function the state is of
  std::uint16_t vfn = 0;         ///< its 1-based VF number; 0: no VF
  std::string address;           ///< its PCI address; empty when not known
  std::optional<std::uint16_t> queues, interrupts;  ///< flexible resources it had (VQ, VI)

  std::uint64_t size = 0;         ///< bytes of the state; the writer fills it in
  std::uint64_t blackout_ns = 0;  ///< since the first suspend, when the reading began
  bool operator==(const StateIdentity&) const = default;
};

/// What is known when all is written: the JSON of the last record.
struct StateEnd {
  Sha256Digest sha256{};  ///< of the state
  std::uint64_t size = 0, chunks = 0;
  std::uint64_t blackout_ns = 0;  ///< since the first suspend, when the last byte had been read
  std::string time;               ///< RFC 3339, UTC
  bool operator==(const StateEnd&) const = default;
};

/// A file that is damaged or no state file; exit status bad_state.
class StateFileError : public Error {
 public:
  /// \param offset of the first byte of the file that cannot be accepted
  StateFileError(std::uint64_t offset, const std::string& message, std::string hint = {});
  [[nodiscard]] std::uint64_t offset() const noexcept { return offset_; }

 private:
  std::uint64_t offset_;
};

/// `2024-08-05T12:00:00Z`.
std::string rfc3339(std::chrono::system_clock::time_point time);

std::string encode(const StateIdentity& identity);
std::string encode(const StateEnd& end);
/// \param offset of `json` in the file, for the error
/// \throws StateFileError naming the member that is missing, of a wrong type, out of range, too
/// long or, being text, not printable
StateIdentity decode_state_identity(std::string_view json, std::uint64_t offset);
StateEnd decode_state_end(std::string_view json, std::uint64_t offset);

/// The header of a record, both sums made.
state_file::RecordHeader make_record_header(std::array<char, 4> tag, bool critical,
                                            std::uint64_t number,
                                            std::span<const std::byte> body) noexcept;

}  // namespace nvmigrate
