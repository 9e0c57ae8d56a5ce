// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugins/nvme/state_loader.h"

#include <fmt/core.h>

#include <algorithm>

#include "nvmigrate/base/numbers.h"
#include "nvmigrate/nvme/wire.h"
#include "plugins/nvme/explain.h"

namespace nvmigrate::nvme {
namespace {

using command::Sequence;

void check_size(std::uint64_t size, std::uint16_t function) {
  if (size >= sizeof(wire::StateHeader) && size % 4 == 0) return;
  throw bad_state(fmt::format(
      "cannot {}: a state of {} bytes is impossible; it has at least {} bytes, in whole "
      "dwords",
      operation(Step::load, function), size, sizeof(wire::StateHeader)));
}

Sequence place_of(bool first, bool last) {
  if (first) return last ? Sequence::only : Sequence::first;
  return last ? Sequence::last : Sequence::middle;
}

}  // namespace

void StateLoader::load(StateSource& from) {
  const auto size = from.size();
  check_size(size, function_);
  auto chunk = limits_.chunk;
  try {
    send_all(from, chunk);
    return;
  } catch (const NvmeError& error) {
    const auto status = error.nvme_status();
    const bool began = last_sent_ == Sequence::middle || last_sent_ == Sequence::last;
    if (wants_it_whole(status)) {
      if (size > limits_.whole) throw too_long(status, size);
      chunk = limits_.whole;
      only_whole_ = true;
    } else if (status.dnr() && !began) {
      throw;
    }
    if (!from.rewind()) throw;
  }
  send_all(from, chunk);
}

void StateLoader::send_all(StateSource& from, std::size_t chunk) {
  const auto size = from.size();
  for (std::uint64_t offset = 0; offset < size;) {
    const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(chunk, size - offset));
    try {
      send_chunk(from, count, offset, place_of(offset == 0, offset + count == size));
      offset += count;
    } catch (const OsError& error) {
      chunk = only_whole_ ? 0 : shorter(error, count);
      if (chunk == 0) throw;
    }
  }
}

void StateLoader::send_chunk(StateSource& from, std::size_t count, std::uint64_t offset,
                             Sequence sequence) {
  const auto bytes = from.view(count);
  if (bytes.size() != count) {
    throw bad_state(fmt::format("cannot {}: the state ends before its announced size",
                                operation(Step::load, function_)));
  }
  last_sent_ = sequence;
  send(*port_, command::set_state(function_, formats_, sequence, offset, bytes), Step::load,
       function_);
  from.take(count);
}

/// The known emulator rejects sequences: it answers the first chunk with Internal Error.
bool StateLoader::wants_it_whole(NvmeStatus status) const noexcept {
  return last_sent_ == Sequence::first && status.code() == sc::internal_error;
}

NvmeError StateLoader::too_long(NvmeStatus status, std::uint64_t size) const {
  return {status, operation(Step::load, function_),
          fmt::format("the device seems to take a state only in one command, which can carry {}; "
                      "this state has {}",
                      format_size(limits_.whole), format_size(size))};
}

}  // namespace nvmigrate::nvme
