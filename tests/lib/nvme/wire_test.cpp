// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/nvme/wire.h"

#include <gtest/gtest.h>

#include <array>
#include <cstring>

namespace nvmigrate::wire {
namespace {

TEST(Wire, IntegersAreLittleEndian) {
  const Le32 value = 0x01020304U;
  std::array<std::uint8_t, 4> bytes{};
  std::memcpy(bytes.data(), &value, sizeof value);
  EXPECT_EQ(bytes, (std::array<std::uint8_t, 4>{4, 3, 2, 1}));
  EXPECT_EQ(value, 0x01020304U);
  static_assert(Le64(0x0102030405060708U) == 0x0102030405060708U);
  static_assert(Le16(0xFFEE) == 0xFFEE);
  static_assert(Le<std::uint8_t>(0x7F) == 0x7F);
}

/// 104 bytes: a header, one submission queue and one completion queue.
struct StateVector {
  StateHeader header;
  NvmeStateHeader nvme;
  SubmissionQueueState sq;
  CompletionQueueState cq;
};

constexpr std::array<std::uint8_t, 104> state_vector{
    0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x0e, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x01, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x45, 0x23,
    0x01, 0x00, 0x00, 0x00, 0x3f, 0x00, 0x01, 0x00, 0x01, 0x00, 0x05, 0x00, 0x0a, 0x00, 0x0c,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x46, 0x23, 0x01, 0x00, 0x00, 0x00, 0x3f, 0x00,
    0x01, 0x00, 0x05, 0x00, 0x07, 0x00, 0x07, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00};

StateVector packed() {
  StateVector state{};
  state.header.csattr = csattr_suspended;
  state.header.nvmecss = 14;
  state.nvme.niosq = 1;
  state.nvme.niocq = 1;
  state.sq.prp1 = 0x1'2345'0000U;
  state.sq.qsize = 63;
  state.sq.qid = 1;
  state.sq.cqid = 1;
  state.sq.attributes = 0x0005;
  state.sq.head = 10;
  state.sq.tail = 12;
  state.cq.prp1 = 0x1'2346'0000U;
  state.cq.qsize = 63;
  state.cq.qid = 1;
  state.cq.head = 5;
  state.cq.tail = 7;
  state.cq.attributes = 0x00010007U;
  return state;
}

TEST(Wire, ControllerStateVectorIsPacked) {
  static_assert(sizeof(StateVector) == state_vector.size());
  const auto state = packed();
  EXPECT_EQ(std::memcmp(&state, state_vector.data(), sizeof state), 0);
}

TEST(Wire, ControllerStateVectorIsUnpacked) {
  StateVector state{};
  std::memcpy(&state, state_vector.data(), sizeof state);
  EXPECT_EQ(state.header.ver, 0);
  EXPECT_EQ(state.header.csattr, csattr_suspended);
  EXPECT_EQ(state.header.nvmecss, 2U + 6U * (state.nvme.niosq + state.nvme.niocq));
  EXPECT_EQ(state.header.vss, 0U);
  EXPECT_EQ(state.sq.prp1, 0x1'2345'0000U);
  EXPECT_EQ(state.sq.cqid, 1);
  EXPECT_EQ(state.sq.attributes, 5);
  EXPECT_EQ(state.sq.head, 10);
  EXPECT_EQ(state.sq.tail, 12);
  EXPECT_EQ(state.cq.prp1, 0x1'2346'0000U);
  EXPECT_EQ(state.cq.head, 5);
  EXPECT_EQ(state.cq.tail, 7);
  EXPECT_EQ(state.cq.attributes, 0x00010007U);
}

}  // namespace
}  // namespace nvmigrate::wire
