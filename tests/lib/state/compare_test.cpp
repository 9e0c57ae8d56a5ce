// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/state/state.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "state_support.h"
#include "tests/support/temporary_folder.h"

namespace nvmigrate::test {
namespace {

class Compare : public testing::Test {
 protected:
  StoredState file(const Bytes& state, const StateIdentity& identity = sample_identity()) {
    write_state_file(io, folder / "a.state", state, identity);
    return StoredState::open(io, folder / "a.state", {.vendor_digest = true});
  }
  StoredState raw(const Bytes& state) {
    put(folder / "a.raw", {reinterpret_cast<const char*>(state.data()), state.size()});
    return StoredState::open(io, folder / "a.raw", {.kind = StateKind::raw, .vendor_digest = true});
  }
  static std::vector<std::string> fields(const StoredState& left, const StoredState& right) {
    std::vector<std::string> names;
    for (const auto& difference : compare_states(left, right))
      names.push_back(difference.field);
    return names;
  }

  TemporaryFolder folder;
  SystemIo io;
};

using Names = std::vector<std::string>;

TEST_F(Compare, FindsTheSameTheSame) {
  auto later = sample_identity();
  later.time = "2025-01-01T00:00:00Z";
  later.host = "beta";
  later.tool = "nvmigrate 9";
  later.blackout_ns = 7;
  EXPECT_EQ(fields(file(sample_state()), file(sample_state(), later)), Names{});
}

TEST_F(Compare, LooksAtTheStateAloneWhenOneIsRaw) {
  EXPECT_EQ(fields(raw(sample_state()), file(sample_state())), Names{});
  EXPECT_EQ(fields(raw(sample_state()), raw(sample_state())), Names{});
}

TEST_F(Compare, NamesTheFieldsOfTheIdentity) {
  auto other = sample_identity();
  other.serial = "SN0002";
  other.formats.vendor.reset();
  other.formats.version.reset();
  other.vfn = 2;
  other.simulated = false;
  other.queues.reset();
  other.vendor_id = 0x8086;
  const auto differences = compare_states(file(sample_state()), file(sample_state(), other));
  EXPECT_THAT(
      differences,
      testing::ElementsAre(
          StateDifference{"identity.formats.version", "0", ""},
          StateDifference{"identity.formats.vendor", "01234567-89ab-cdef-0123-456789abcdef", ""},
          StateDifference{"identity.simulated", "true", "false"},
          StateDifference{"identity.serial", "SN0001", "SN0002"},
          StateDifference{"identity.vendor_id", "0x1af4", "0x8086"},
          StateDifference{"identity.vfn", "1", "2"}, StateDifference{"identity.queues", "3", ""}));
}

TEST_F(Compare, NamesNamespacesWhereBothAreKnown) {
  auto one = sample_identity(), other = sample_identity();
  one.namespaces = {{1, 1024, 512, 0}, {2, 8, 4096, 64}};
  EXPECT_THAT(compare_states(file(sample_state(), one), file(sample_state())), testing::IsEmpty());
  other.namespaces.emplace();
  EXPECT_THAT(
      compare_states(file(sample_state(), one), file(sample_state(), other)),
      testing::ElementsAre(StateDifference{
          "identity.namespaces",
          "1 (1024 blocks of 512 bytes), 2 (8 blocks of 4096 bytes and 64 of metadata)", "none"}));
}

TEST_F(Compare, NamesTheFieldsOfAQueue) {
  auto moved = sample_state();
  moved[72] = std::byte{11};
  moved[96] = std::byte{3};
  const auto differences = compare_states(file(sample_state()), file(moved));
  ASSERT_EQ(differences.size(), 3U);
  EXPECT_EQ(differences[0], (StateDifference{"submission_queues.1.head", "10", "11"}));
  EXPECT_EQ(differences[1], (StateDifference{"completion_queues.1.phase", "true", "false"}));
  EXPECT_EQ(differences[2].field, "sha256");
}

TEST_F(Compare, NamesQueuesThatAreThereOnce) {
  auto other = sample_state();
  other[66] = std::byte{2};
  EXPECT_EQ(fields(raw(sample_state()), raw(other)),
            (Names{"submission_queues.1", "submission_queues.2", "sha256"}));
}

TEST_F(Compare, NamesTheVendorPart) {
  auto other = state_of_size(300);
  other.back() ^= std::byte{1};
  EXPECT_EQ(fields(raw(state_of_size(300)), raw(other)), (Names{"vendor.sha256", "sha256"}));
  EXPECT_EQ(fields(raw(state_of_size(300)), raw(state_of_size(304))),
            (Names{"header.vendor_bytes", "vendor.sha256", "size", "sha256"}));
}

TEST_F(Compare, NamesOpaqueStatesByTheirDigest) {
  auto opaque = sample_identity();
  opaque.layout = StateLayout::opaque;
  opaque.backend = "vfio";
  EXPECT_EQ(fields(file({std::byte{1}}, opaque), file({std::byte{2}}, opaque)), Names{"sha256"});
}

}  // namespace
}  // namespace nvmigrate::test
