// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/state/stored_state.h"
#include "tests/fuzz/memory_io.h"

// The bytes are read as a state file. Of one that verifies, a second reading gives as many bytes as
// the first one promised.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  nvmigrate::test::MemoryIo io{data, size};
  try {
    const auto stored = nvmigrate::StoredState::open(io, "input", {.vendor_digest = true});
    if (stored.decoded() && stored.decoded()->has_blocker()) return 0;
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
