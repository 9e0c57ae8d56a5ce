// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/state/state_file.h"

#include <cstddef>

#include "nvmigrate/base/time.h"

namespace nvmigrate {

StateFileError::StateFileError(std::uint64_t offset, const std::string& message, std::string hint)
    : Error(bad_state(message, std::move(hint))), offset_(offset) {}

std::string rfc3339(std::chrono::system_clock::time_point time) { return to_utc(time); }

state_file::RecordHeader make_record_header(std::array<char, 4> tag, bool critical,
                                            std::uint64_t number,
                                            std::span<const std::byte> body) noexcept {
  state_file::RecordHeader header{};
  header.tag = tag;
  header.flags = critical ? state_file::flag_critical : 0;
  header.length = body.size();
  header.number = number;
  header.body_sum = xxh3(body);
  header.header_sum = xxh3(
      std::as_bytes(std::span{&header, 1}).first(offsetof(state_file::RecordHeader, header_sum)));
  return header;
}

}  // namespace nvmigrate
