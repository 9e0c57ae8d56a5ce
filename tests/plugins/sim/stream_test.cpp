// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugins/sim/stream.h"

#include "tests/plugins/sim/lab.h"

namespace nvmigrate::sim {
namespace {

using test::Bytes;

Bytes stream(std::uint64_t key, std::uint64_t offset, std::size_t count) {
  Bytes bytes(count);
  fill_stream(key, offset, bytes);
  return bytes;
}

TEST(SimStream, AnyPieceIsThePieceOfTheWhole) {
  const auto whole = stream(7, 0, 64);
  for (std::size_t from = 0; from <= whole.size(); ++from) {
    for (std::size_t count = 0; from + count <= whole.size(); ++count) {
      const Bytes piece(whole.begin() + static_cast<std::ptrdiff_t>(from),
                        whole.begin() + static_cast<std::ptrdiff_t>(from + count));
      EXPECT_EQ(stream(7, from, count), piece);
      EXPECT_TRUE(is_stream(7, from, piece));
    }
  }
}

TEST(SimStream, FindsEveryWrongByteWhereverThePieceBegins) {
  for (std::size_t offset = 0; offset < 9; ++offset) {
    auto bytes = stream(7, offset, 29);
    for (auto& byte : bytes) {
      byte ^= std::byte{1};
      EXPECT_FALSE(is_stream(7, offset, bytes));
      byte ^= std::byte{1};
    }
  }
}

TEST(SimStream, IsAnotherForAnotherKeyAndAnotherPlace) {
  EXPECT_NE(stream(7, 0, 64), stream(8, 0, 64));
  EXPECT_NE(stream(7, 0, 64), stream(7, 64, 64));
  EXPECT_NE(stream(7, 0, 64), stream(7, std::uint64_t{1} << 40U, 64));
}

}  // namespace
}  // namespace nvmigrate::sim
