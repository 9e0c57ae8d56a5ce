// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tests/bench/floor.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <vector>

#include "nvmigrate/nvme/commands.h"
#include "nvmigrate/nvme/wire.h"

namespace nvmigrate::bench {
namespace {

using Clock = std::chrono::steady_clock;

double microseconds_since(Clock::time_point begun) {
  return std::chrono::duration<double, std::micro>(Clock::now() - begun).count();
}

command::FormatIndexes indexes(const Floor& floor) {
  return {.version = 1, .vendor = static_cast<std::uint8_t>(floor.vendor ? 1 : 0)};
}

void send(AdminPort& port, const AdminCommand& command) {
  submit_or_throw(port, command, "the floor");
}

void suspend(const Floor& floor, AdminPort& port) {
  send(port, command::suspend(floor.function, command::SuspendType::suspend));
}

std::uint64_t size_of_state(const Floor& floor, AdminPort& port) {
  std::vector<std::byte> head(sizeof(wire::StateHeader));
  send(port, command::get_state(floor.function, indexes(floor), 0, head));
  wire::StateHeader header{};
  std::memcpy(&header, head.data(), sizeof header);
  return sizeof header + 4 * (std::uint64_t{header.nvmecss} + std::uint64_t{header.vss});
}

void get(const Floor& floor, AdminPort& port, std::uint64_t offset, std::span<std::byte> chunk) {
  send(port, command::get_state(floor.function, indexes(floor), offset, chunk));
}

void set(const Floor& floor, AdminPort& port, std::uint64_t offset, std::uint64_t size,
         std::span<const std::byte> chunk) {
  const bool first = offset == 0;
  const bool last = offset + chunk.size() == size;
  const auto place = first && last ? command::Sequence::only
                     : first       ? command::Sequence::first
                     : last        ? command::Sequence::last
                                   : command::Sequence::middle;
  send(port, command::set_state(floor.function, indexes(floor), place, offset, chunk));
}

/// Calls `work` with the offset and the part of `buffer` for each chunk of `size` bytes.
template <typename Work>
void in_chunks(const Floor& floor, std::uint64_t size, std::vector<std::byte>& buffer, Work work) {
  for (std::uint64_t offset = 0; offset < size; offset += floor.chunk) {
    const auto count = std::min<std::uint64_t>(floor.chunk, size - offset);
    work(offset, std::span(buffer).first(static_cast<std::size_t>(count)));
  }
}

}  // namespace

double Floor::of_export(AdminPort& port) const {
  std::vector<std::byte> buffer(chunk);
  const auto begun = Clock::now();
  suspend(*this, port);
  const auto size = size_of_state(*this, port);
  in_chunks(*this, size, buffer, [&](auto offset, auto part) { get(*this, port, offset, part); });
  send(port, command::resume(function));
  return microseconds_since(begun);
}

double Floor::of_import(AdminPort& from, AdminPort& port) const {
  suspend(*this, from);
  const auto size = size_of_state(*this, from);
  std::vector<std::byte> state(static_cast<std::size_t>(size));
  for (std::uint64_t offset = 0; offset < size; offset += chunk) {
    const auto count = std::min<std::uint64_t>(chunk, size - offset);
    get(*this, from, offset, std::span(state).subspan(offset, count));
  }
  const auto begun = Clock::now();
  suspend(*this, port);
  for (std::uint64_t offset = 0; offset < size; offset += chunk) {
    const auto count = std::min<std::uint64_t>(chunk, size - offset);
    set(*this, port, offset, size, std::span(state).subspan(offset, count));
  }
  send(port, command::resume(function));
  return microseconds_since(begun);
}

double Floor::of_transfer(AdminPort& from, AdminPort& to) const {
  std::vector<std::byte> buffer(chunk);
  suspend(*this, to);
  const auto begun = Clock::now();
  suspend(*this, from);
  const auto size = size_of_state(*this, from);
  in_chunks(*this, size, buffer, [&](auto offset, auto part) {
    get(*this, from, offset, part);
    set(*this, to, offset, size, part);
  });
  send(to, command::resume(function));
  return microseconds_since(begun);
}

}  // namespace nvmigrate::bench
