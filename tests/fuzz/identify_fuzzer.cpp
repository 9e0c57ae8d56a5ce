// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/nvme/identify.h"

#include <cstdlib>

#include "nvmigrate/base/error.h"

namespace {

using namespace nvmigrate;

template <typename Decode>
void attempt(Decode decode) {
  try {
    decode();
  } catch (const Error&) {
    return;
  }
}

}  // namespace

// The bytes are the answer to each kind of Identify, whole or short.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span{data, size});
  attempt([&] { (void)decode_identity(bytes); });
  attempt([&] { (void)decode_primary_resources(bytes).queues.free(); });
  attempt([&] {
    if (decode_secondaries(bytes).size() > 127) std::abort();
  });
  attempt([&] {
    if (decode_controllers(bytes).size() > 2047) std::abort();
  });
  attempt([&] {
    if (decode_namespaces(bytes).size() > 1024) std::abort();
  });
  attempt([&] {
    if (decode_namespace(bytes, 1).shape.block_size % 2 != 0) std::abort();
  });
  attempt([&] {
    const auto table = decode_formats(bytes);
    if (table.versions.size() > 255 || table.vendors.size() > 255) std::abort();
  });
  return 0;
}
