// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tests/bench/copy.h"

#include <fcntl.h>

#include <vector>

#include "nvmigrate/base/io.h"
#include "nvmigrate/state/digest.h"

namespace nvmigrate::bench {

void copy_with_digests(const std::string& from, const std::string& to, bool synced) {
  constexpr std::size_t piece = std::size_t{1} << 20U;
  SystemIo io;
  const auto source = OpenFile::open(io, from, O_RDONLY);
  const auto copy = OpenFile::open(io, to, O_WRONLY | O_CREAT | O_TRUNC);
  std::vector<std::byte> buffer(piece);
  Sha256 digest;
  volatile std::uint64_t sums = 0;
  while (const auto count = read_up_to(io, source.fd(), buffer, from)) {
    const auto bytes = std::span(buffer).first(count);
    digest.update(bytes);
    sums = sums + xxh3(bytes);
    write_all(io, copy.fd(), bytes, to);
  }
  sums = sums + digest.finish()[0];
  if (synced) io.fsync(copy.fd());
}

}  // namespace nvmigrate::bench
