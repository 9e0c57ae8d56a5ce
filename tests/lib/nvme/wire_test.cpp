// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/nvme/wire.h"

#include <gtest/gtest.h>
#include <libnvme.h>

#include <array>
#include <cstring>

namespace nvmigrate::wire {
namespace {

/// Whether two structures have a field at the same place and of the same size.
template <typename Ours, typename OurField, typename Theirs, typename TheirField>
bool same_place(OurField Ours::*our_field, TheirField Theirs::*their_field) {
  const Ours ours{};
  const Theirs theirs{};
  const auto place = [](const auto& whole, const auto& field) {
    return reinterpret_cast<const char*>(&field) - reinterpret_cast<const char*>(&whole);
  };
  return sizeof(OurField) == sizeof(TheirField) &&
         place(ours, ours.*our_field) == place(theirs, theirs.*their_field);
}

TEST(Wire, IdentifyControllerIsThatOfLibnvme) {
  using Ours = IdentifyController;
  using Theirs = nvme_id_ctrl;
  static_assert(sizeof(Ours) == sizeof(Theirs));
  EXPECT_TRUE(same_place(&Ours::vid, &Theirs::vid));
  EXPECT_TRUE(same_place(&Ours::ssvid, &Theirs::ssvid));
  EXPECT_TRUE(same_place(&Ours::sn, &Theirs::sn));
  EXPECT_TRUE(same_place(&Ours::mn, &Theirs::mn));
  EXPECT_TRUE(same_place(&Ours::fr, &Theirs::fr));
  EXPECT_TRUE(same_place(&Ours::rab, &Theirs::rab));
  EXPECT_TRUE(same_place(&Ours::ieee, &Theirs::ieee));
  EXPECT_TRUE(same_place(&Ours::cmic, &Theirs::cmic));
  EXPECT_TRUE(same_place(&Ours::mdts, &Theirs::mdts));
  EXPECT_TRUE(same_place(&Ours::cntlid, &Theirs::cntlid));
  EXPECT_TRUE(same_place(&Ours::ver, &Theirs::ver));
  EXPECT_TRUE(same_place(&Ours::cntrltype, &Theirs::cntrltype));
  EXPECT_TRUE(same_place(&Ours::oacs, &Theirs::oacs));
  EXPECT_TRUE(same_place(&Ours::acl, &Theirs::acl));
  EXPECT_TRUE(same_place(&Ours::hmpre, &Theirs::hmpre));
  EXPECT_TRUE(same_place(&Ours::nn, &Theirs::nn));
  EXPECT_TRUE(same_place(&Ours::subnqn, &Theirs::subnqn));
}

TEST(Wire, PrimaryCapabilitiesAreThoseOfLibnvme) {
  using Ours = PrimaryCapabilities;
  using Theirs = nvme_primary_ctrl_cap;
  static_assert(sizeof(Ours) == sizeof(Theirs));
  EXPECT_TRUE(same_place(&Ours::cntlid, &Theirs::cntlid));
  EXPECT_TRUE(same_place(&Ours::portid, &Theirs::portid));
  EXPECT_TRUE(same_place(&Ours::crt, &Theirs::crt));
  EXPECT_TRUE(same_place(&Ours::vqfrt, &Theirs::vqfrt));
  EXPECT_TRUE(same_place(&Ours::vqrfa, &Theirs::vqrfa));
  EXPECT_TRUE(same_place(&Ours::vqrfap, &Theirs::vqrfap));
  EXPECT_TRUE(same_place(&Ours::vqprt, &Theirs::vqprt));
  EXPECT_TRUE(same_place(&Ours::vqfrsm, &Theirs::vqfrsm));
  EXPECT_TRUE(same_place(&Ours::vqgran, &Theirs::vqgran));
  EXPECT_TRUE(same_place(&Ours::vifrt, &Theirs::vifrt));
  EXPECT_TRUE(same_place(&Ours::virfa, &Theirs::virfa));
  EXPECT_TRUE(same_place(&Ours::virfap, &Theirs::virfap));
  EXPECT_TRUE(same_place(&Ours::viprt, &Theirs::viprt));
  EXPECT_TRUE(same_place(&Ours::vifrsm, &Theirs::vifrsm));
  EXPECT_TRUE(same_place(&Ours::vigran, &Theirs::vigran));
}

TEST(Wire, SecondaryControllersAreThoseOfLibnvme) {
  using Ours = SecondaryEntry;
  using Theirs = nvme_secondary_ctrl;
  static_assert(sizeof(Ours) == sizeof(Theirs));
  static_assert(sizeof(SecondaryList) == sizeof(nvme_secondary_ctrl_list));
  static_assert(SecondaryList::max_entries == NVME_ID_SECONDARY_CTRL_MAX);
  EXPECT_TRUE(same_place(&Ours::scid, &Theirs::scid));
  EXPECT_TRUE(same_place(&Ours::pcid, &Theirs::pcid));
  EXPECT_TRUE(same_place(&Ours::scs, &Theirs::scs));
  EXPECT_TRUE(same_place(&Ours::vfn, &Theirs::vfn));
  EXPECT_TRUE(same_place(&Ours::nvq, &Theirs::nvq));
  EXPECT_TRUE(same_place(&Ours::nvi, &Theirs::nvi));
  EXPECT_TRUE(same_place(&SecondaryList::count, &nvme_secondary_ctrl_list::num));
  EXPECT_TRUE(same_place(&SecondaryList::entries, &nvme_secondary_ctrl_list::sc_entry));
}

TEST(Wire, ControllerListIsThatOfLibnvme) {
  static_assert(sizeof(ControllerList) == sizeof(nvme_ctrl_list));
  static_assert(ControllerList::max_entries == NVME_ID_CTRL_LIST_MAX);
  EXPECT_TRUE(same_place(&ControllerList::count, &nvme_ctrl_list::num));
  EXPECT_TRUE(same_place(&ControllerList::ids, &nvme_ctrl_list::identifier));
}

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

TEST(Wire, SecondaryEntryVector) {
  constexpr std::array<std::uint8_t, 14> expected{5, 0, 0, 0, 1, 0, 0, 0, 1, 0, 3, 0, 2, 0};
  SecondaryEntry entry{};
  entry.scid = 5;
  entry.scs = 1;
  entry.vfn = 1;
  entry.nvq = 3;
  entry.nvi = 2;
  EXPECT_EQ(std::memcmp(&entry, expected.data(), expected.size()), 0);
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
