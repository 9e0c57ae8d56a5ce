// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/state/state.h"

#include <cstring>

#include "nvmigrate/state/state_file.h"
#include "nvmigrate/state/stream.h"
#include "tests/fuzz/memory_io.h"

using nvmigrate::state_file::RecordHeader;

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t most);

namespace {

/// Makes the checksums of all records right again and numbers them anew, as far as their lengths
/// can be followed.
void mend(std::span<std::byte> bytes) {
  std::uint64_t number = 0;
  for (std::size_t at = sizeof(nvmigrate::state_file::Preamble);
       at + sizeof(RecordHeader) <= bytes.size(); ++number) {
    RecordHeader header{};
    std::memcpy(&header, bytes.data() + at, sizeof(header));
    const auto rest = bytes.subspan(at + sizeof(header));
    if (header.length > rest.size()) return;
    const auto body = rest.first(static_cast<std::size_t>(header.length));
    header = nvmigrate::make_record_header(header.tag, (header.flags & 1U) != 0, number, body);
    std::memcpy(bytes.data() + at, &header, sizeof(header));
    at += sizeof(header) + body.size();
  }
}

}  // namespace

// Without this, checksums would keep the fuzzer out of everything behind them. Some damage stays.
extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t most, unsigned int seed) {
  const auto mutated = LLVMFuzzerMutate(data, size, most);
  if (seed % 8 != 0) mend(std::as_writable_bytes(std::span{data, mutated}));
  return mutated;
}

// The bytes are read as a state file. Of one that verifies, a second reading gives as many bytes as
// the first one promised.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  nvmigrate::test::MemoryIo io{data, size};
  try {
    const auto stored = nvmigrate::StoredState::open(io, "input", {.vendor_digest = true});
    if (stored.decoded() && nvmigrate::any_stands(stored.decoded()->findings)) return 0;
    const auto source = stored.source();
    for (std::uint64_t done = 0; done < source->size();) {
      const auto view = source->view(1000);
      if (view.empty()) std::abort();
      done += view.size();
      source->take(view.size());
    }
  } catch (const nvmigrate::StateFileError& error) {
    if (error.offset() > size) std::abort();
  } catch (const nvmigrate::Error&) {
    return 0;
  }
  return 0;
}
