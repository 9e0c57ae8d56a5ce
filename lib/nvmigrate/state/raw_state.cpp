// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/state/raw_state.h"

#include <fmt/core.h>

#include <cstring>

#include "nvmigrate/base/error.h"
#include "nvmigrate/state/state_file.h"

namespace nvmigrate {
namespace {

/// A count of dwords in bytes; a huge one gives more bytes than any state can have.
std::uint64_t bytes_of(std::uint64_t dwords, std::uint64_t high) noexcept {
  constexpr auto beyond = state_file::max_payload + 1;
  if (high != 0 || dwords > state_file::max_payload / 4) return beyond;
  return dwords * 4;
}

}  // namespace

std::uint64_t StateHeaderFacts::total() const noexcept {
  return sizeof(wire::StateHeader) + nvme_bytes + vendor_bytes;
}

StateHeaderFacts decode_state_header(std::span<const std::byte> data) {
  wire::StateHeader header{};
  if (data.size() < sizeof(header)) {
    throw bad_state(fmt::format("a controller state has a header of {} bytes, but this has only {}",
                                sizeof(header), data.size()));
  }
  std::memcpy(&header, data.data(), sizeof(header));
  StateHeaderFacts facts;
  facts.version = header.ver;
  facts.suspended = (header.csattr & wire::csattr_suspended) != 0;
  facts.nvme_bytes = bytes_of(header.nvmecss, header.nvmecss_high);
  facts.vendor_bytes = bytes_of(header.vss, header.vss_high);
  if (facts.nvme_bytes > state_file::max_payload || facts.vendor_bytes > state_file::max_payload ||
      facts.total() > state_file::max_payload) {
    throw bad_state("the header of the controller state claims more than 16 TiB",
                    "this is not a controller state, or it is damaged");
  }
  return facts;
}

}  // namespace nvmigrate
