// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/base/error.h"
#include "nvmigrate/state/raw_state.h"
#include "nvmigrate/state/state.h"
#include "nvmigrate/state/stream.h"
#include "tests/fuzz/memory_io.h"

namespace {

using namespace nvmigrate;

/// The state decoded from pieces of `step` bytes, or nothing when it is refused.
std::optional<DecodedState> decode(std::span<const std::byte> bytes, std::size_t step) {
  try {
    StateDecoder decoder{true};
    while (!bytes.empty()) {
      decoder.feed(bytes.first(std::min(step, bytes.size())));
      bytes = bytes.subspan(std::min(step, bytes.size()));
    }
    return decoder.finish();
  } catch (const Error&) {
    return std::nullopt;
  }
}

}  // namespace

// The first byte says in what pieces the others are decoded; it must not matter.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const auto bytes = std::as_bytes(std::span{data, size}).subspan(1);
  const auto whole = decode(bytes, bytes.size() + 1);
  const auto pieces = decode(bytes, std::size_t{data[0]} + 1);
  if (whole.has_value() != pieces.has_value()) std::abort();
  if (whole && (whole->findings != pieces->findings ||
                whole->submission_queues != pieces->submission_queues ||
                whole->completion_queues != pieces->completion_queues ||
                whole->vendor_sha256 != pieces->vendor_sha256)) {
    std::abort();
  }
  nvmigrate::test::MemoryIo io{data + 1, size - 1};
  try {
    const auto stored = StoredState::open(io, "input", {.kind = StateKind::raw});
    const auto source = stored.source();
    while (!source->view(4096).empty())
      source->take(source->view(4096).size());
  } catch (const Error&) {
    return 0;
  }
  return 0;
}
