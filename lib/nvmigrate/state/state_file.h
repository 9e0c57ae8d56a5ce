// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "nvmigrate/nvme/endian.h"
#include "nvmigrate/state/state.h"

/// The state file, version 1. The format is a promise: every later version of the library reads it.
///
// clang-format off
///   file       = preamble identity [subsystem] *extra *( chunk *extra ) end ; nothing may follow
///   preamble   = magic version zero6
///   magic      = %x89 %x4E %x56 %x4D %x0D %x0A %x1A %x0A            ; \x89 N V M CR LF SUB LF
///   version    = u16                                                ; 1
///
///   identity   = header("IDNT") json                                ; critical, record 0
///   subsystem  = header("XNSS") 68*1048576OCTET                     ; optional, record 1
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
/// are the state exactly as the backend gave it; `subsystem`, which is there when the identity says
/// so, is that of the exported NVM subsystem (NVMe Base 2.4). A reader skips extra records whose
/// tag it does not know, after checking both sums, and refuses a critical one it does not know.
/// Members of the JSON objects that it does not know it ignores; see StateIdentity and StateEnd for
/// those it knows.
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
inline constexpr std::array<char, 4> tag_subsystem{'X', 'N', 'S', 'S'};
inline constexpr std::array<char, 4> tag_chunk{'C', 'H', 'N', 'K'};
inline constexpr std::array<char, 4> tag_end{'D', 'O', 'N', 'E'};

/// The documented maxima, checked before anything is allocated.
inline constexpr std::uint64_t max_json = std::uint64_t{64} << 10;     ///< bytes of a JSON body
inline constexpr std::uint64_t max_chunk = std::uint64_t{1} << 20;     ///< bytes of any other body
inline constexpr std::uint64_t max_payload = std::uint64_t{16} << 40;  ///< bytes of a state: 16 TiB
inline constexpr std::uint64_t max_extras = 1024;  ///< optional records of a file
}  // namespace state_file

std::string encode(const StateIdentity& identity);
std::string encode(const StateEnd& end);
/// \param offset of `json` in the file, for the error
/// \throws StateFileError naming the member that is missing, of a wrong type, out of range, too
/// long or not printable
StateIdentity decode_state_identity(std::string_view json, std::uint64_t offset);
StateEnd decode_state_end(std::string_view json, std::uint64_t offset);

/// The header of a record with both checksums.
state_file::RecordHeader make_record_header(std::array<char, 4> tag, bool critical,
                                            std::uint64_t number,
                                            std::span<const std::byte> body) noexcept;

}  // namespace nvmigrate
