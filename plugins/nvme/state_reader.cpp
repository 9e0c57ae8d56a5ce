// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugins/nvme/state_reader.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>

#include "plugins/nvme/explain.h"

namespace nvmigrate::nvme {
namespace {

constexpr std::uint32_t dw0_suspended = 1U;
constexpr std::uint64_t smallest_nvme_state = 2;

Error impossible(std::uint16_t function, std::string_view what) {
  return {ExitStatus::device,
          fmt::format("cannot {}: its header {}", operation(Step::read, function), what)};
}

bool says_suspended(const wire::StateHeader& header) {
  return (header.csattr & wire::csattr_suspended) != 0;
}

using Head = std::array<std::byte, sizeof(wire::StateHeader) + sizeof(wire::NvmeStateHeader)>;

std::optional<unsigned> queues_in(const Head& head) {
  wire::NvmeStateHeader nvme{};
  std::memcpy(&nvme, head.data() + sizeof(wire::StateHeader), sizeof nvme);
  if (std::uint16_t{nvme.ver} != 0) return std::nullopt;
  return unsigned{std::uint16_t{nvme.niosq}} + std::uint16_t{nvme.niocq};
}

wire::StateHeader header_of(std::span<const std::byte> bytes) {
  wire::StateHeader header{};
  std::memcpy(&header, bytes.data(), std::min(bytes.size(), sizeof header));
  return header;
}

}  // namespace

std::uint64_t state_size(const wire::StateHeader& header, std::uint16_t function) {
  constexpr std::uint64_t most_dwords =
      (std::numeric_limits<std::uint64_t>::max() - sizeof header) / 4;
  const std::uint64_t nvme = header.nvmecss;
  const std::uint64_t vendor = header.vss;
  if (header.ver != 0) {
    throw impossible(function, fmt::format("has version {}; only version 0 is supported",
                                           std::uint16_t{header.ver}));
  }
  if (header.nvmecss_high != 0 || header.vss_high != 0 || nvme > most_dwords ||
      vendor > most_dwords - nvme) {
    throw impossible(function, "gives a size beyond 64 bits");
  }
  if (nvme != 0 && nvme < smallest_nvme_state) {
    throw impossible(function, "gives 4 bytes of NVMe state, which has at least 8");
  }
  return sizeof header + 4 * (nvme + vendor);
}

void StateReader::not_suspended() const {
  throw Error(ExitStatus::device,
              fmt::format("controller {} was not suspended while its state was read", function_),
              "suspend the controller, keep others from resetting it, and read its state again",
              {{.action = Remedy::Action::suspend, .function = function_}});
}

bool StateReader::read_head(std::span<std::byte> into) {
  const auto dw0 =
      send(*port_, command::get_state(function_, formats_, 0, into), Step::read, function_).dw0;
  header_ = header_of(into);
  tells_in_dw0_ = (dw0 & dw0_suspended) != 0;
  return tells_in_dw0_ || says_suspended(header_);
}

FunctionState StateReader::look() {
  alignas(wire::identify_size) Head head{};
  // Where a state without an NVMe part ends, a device may return anything, or an error.
  const std::span bytes{head};
  const bool wants_nvme = formats_.version != 0;
  FunctionState state;
  state.suspended = read_head(wants_nvme ? bytes : bytes.first(sizeof header_));
  state.bytes = state_size(header_, function_);
  if (wants_nvme && header_.nvmecss >= smallest_nvme_state) state.queues = queues_in(head);
  return state;
}

void StateReader::read_all(StateSink& into) {
  alignas(wire::identify_size) std::array<std::byte, sizeof(wire::StateHeader)> head{};
  if (!read_head(head)) not_suspended();
  const auto size = state_size(header_, function_);
  into.begin(size);
  for (std::uint64_t offset = 0; offset < size;)
    offset += read_chunk(offset, size - offset, into);
  if (doubtful_ && !read_head(head)) not_suspended();
}

std::size_t StateReader::read_chunk(std::uint64_t offset, std::uint64_t left, StateSink& into) {
  const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(chunk_, left));
  const auto room = into.room(wanted);
  auto chunk = room.first(std::min(room.size(), wanted) / 4 * 4);
  const auto needed = offset == 0 ? sizeof header_ : 4;
  if (chunk.size() < needed) {
    throw Error(ExitStatus::internal,
                fmt::format("cannot {}: the sink has no room", operation(Step::read, function_)));
  }
  if (offset == 0) std::memset(chunk.data(), 0, sizeof header_);
  const auto dw0 = receive(offset, chunk);
  check_chunk(offset, chunk, dw0);
  into.commit(chunk.size());
  return chunk.size();
}

std::uint32_t StateReader::receive(std::uint64_t offset, std::span<std::byte>& chunk) {
  for (;;) {
    try {
      return send(*port_, command::get_state(function_, formats_, offset, chunk), Step::read,
                  function_)
          .dw0;
    } catch (const OsError& error) {
      const auto less = shorter(error, chunk.size());
      if (less == 0) throw;
      chunk = chunk.first(chunk_ = less);
    }
  }
}

void StateReader::check_chunk(std::uint64_t offset, std::span<const std::byte> chunk,
                              std::uint32_t dw0) {
  bool suspended = (dw0 & dw0_suspended) != 0;
  if (offset == 0) {
    const auto again = header_of(chunk);
    check_same_header(again);
    suspended = suspended || says_suspended(again);
    if (!suspended) not_suspended();
  }
  if (suspended) return;
  if (tells_in_dw0_) not_suspended();
  doubtful_ = true;
}

void StateReader::check_same_header(const wire::StateHeader& again) const {
  if (again.ver == header_.ver && again.nvmecss == header_.nvmecss &&
      again.nvmecss_high == header_.nvmecss_high && again.vss == header_.vss &&
      again.vss_high == header_.vss_high) {
    return;
  }
  throw Error(ExitStatus::device,
              fmt::format("cannot {}: its size changed", operation(Step::read, function_)),
              "suspend the controller, and keep others from resetting it or changing its queues",
              {{.action = Remedy::Action::suspend, .function = function_}});
}

}  // namespace nvmigrate::nvme
