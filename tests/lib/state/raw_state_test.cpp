// SPDX-License-Identifier: LGPL-2.1-or-later
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nvmigrate/base/error.h"
#include "nvmigrate/state/digest.h"
#include "nvmigrate/state/raw_state.h"
#include "state_support.h"

namespace nvmigrate::test {
namespace {

using testing::IsEmpty;

DecodedState decode(const Bytes& state, std::size_t step = 1'000'000, bool digest = false) {
  StateDecoder decoder{digest};
  for (std::span<const std::byte> rest{state}; !rest.empty();) {
    decoder.feed(rest.first(std::min(step, rest.size())));
    rest = rest.subspan(std::min(step, rest.size()));
  }
  return decoder.finish();
}

std::vector<std::string> names(const DecodedState& state) {
  std::vector<std::string> list;
  for (const auto& finding : state.findings) {
    list.push_back((finding.stands() ? "!" : "") + finding.code);
  }
  return list;
}

template <typename T>
void poke(Bytes& state, std::size_t offset, T value) {
  const Le<T> raw{value};
  std::memcpy(state.data() + offset, &raw, sizeof(raw));
}

/// What is found in the sample after one change.
template <typename T>
std::vector<std::string> found_after(std::size_t offset, T value) {
  auto state = sample_state();
  poke(state, offset, value);
  return names(decode(state));
}

using Names = std::vector<std::string>;

TEST(RawState, DecodesTheSample) {
  const auto state = decode(sample_state());
  EXPECT_THAT(state.findings, IsEmpty());
  EXPECT_TRUE(state.header.suspended);
  EXPECT_EQ(state.header.total(), 104U);
  const SubmissionQueue submission{.prp1 = 0x123450000,
                                   .entries = 64,
                                   .id = 1,
                                   .completion_queue = 1,
                                   .head = 10,
                                   .tail = 12,
                                   .contiguous = true,
                                   .priority = 2};
  const CompletionQueue completion{.prp1 = 0x123460000,
                                   .entries = 64,
                                   .id = 1,
                                   .head = 5,
                                   .tail = 7,
                                   .contiguous = true,
                                   .interrupts = true,
                                   .phase = true,
                                   .vector = 1};
  EXPECT_EQ(state.submission_queues, std::vector{submission});
  EXPECT_EQ(state.completion_queues, std::vector{completion});
  EXPECT_FALSE(state.vendor_sha256);
}

TEST(RawState, EncodesWhatItDecoded) {
  const auto sample = sample_state();
  const auto state = decode(sample);
  const auto header = encode_state_header(state.header);
  Bytes again(sizeof(header));
  std::memcpy(again.data(), &header, sizeof(header));
  const auto queues = encode_nvme_state(state.submission_queues, state.completion_queues);
  again.insert(again.end(), queues.begin(), queues.end());
  EXPECT_EQ(again, sample);
}

TEST(RawState, DecodesTheSameInAnyPieces) {
  const auto sample = state_of_size(500);
  const auto whole = decode(sample, 500, true);
  ASSERT_TRUE(whole.vendor_sha256);
  for (const std::size_t step : {1U, 3U, 24U, 47U, 49U, 103U, 105U}) {
    const auto pieces = decode(sample, step, true);
    EXPECT_EQ(pieces.vendor_sha256, whole.vendor_sha256);
    EXPECT_EQ(pieces.submission_queues, whole.submission_queues);
    EXPECT_EQ(pieces.completion_queues, whole.completion_queues);
    EXPECT_THAT(pieces.findings, IsEmpty());
  }
}

TEST(RawState, DigestOfTheVendorPart) {
  const auto sample = state_of_size(204);
  Sha256 digest;
  digest.update(std::span{sample}.subspan(104));
  EXPECT_EQ(decode(sample, 10, true).vendor_sha256, digest.finish());
}

TEST(RawState, NamesWhatIsWrongWithTheHeader) {
  EXPECT_EQ(found_after<std::uint16_t>(0, 1), Names{"!header_version"});
  EXPECT_EQ(found_after<std::uint8_t>(2, 0), Names{"not_suspended"});
  EXPECT_EQ(found_after<std::uint8_t>(2, 3), Names{"reserved"});
  EXPECT_EQ(found_after<std::uint8_t>(9, 1), Names{"reserved"});
  EXPECT_EQ(found_after<std::uint16_t>(48, 7), Names{"nvme_version"});
  EXPECT_EQ(found_after<std::uint16_t>(54, 7), Names{"reserved"});
}

TEST(RawState, NamesWhatIsWrongWithTheQueues) {
  EXPECT_EQ(found_after<std::uint16_t>(66, 0), Names{"!queue_id"});
  EXPECT_EQ(found_after<std::uint16_t>(90, 2), Names{"!completion_queue"});
  EXPECT_EQ(found_after<std::uint16_t>(68, 9), Names{"!completion_queue"});
  EXPECT_EQ(found_after<std::uint16_t>(72, 64), Names{"!queue_pointer"});
  EXPECT_EQ(found_after<std::uint16_t>(74, 64), Names{"!queue_pointer"});
  EXPECT_EQ(found_after<std::uint16_t>(92, 64), Names{"!queue_pointer"});
  EXPECT_EQ(found_after<std::uint16_t>(94, 65535), Names{"!queue_pointer"});
  EXPECT_EQ(found_after<std::uint16_t>(64, 0), (Names{"!queue_size", "!queue_pointer"}));
  EXPECT_EQ(found_after<std::uint16_t>(70, 8), Names{"reserved"});
  EXPECT_EQ(found_after<std::uint32_t>(76, 1), Names{"reserved"});
  EXPECT_EQ(found_after<std::uint32_t>(100, 1), Names{"reserved"});
}

TEST(RawState, NamesCountsThatHaveNoRoom) {
  EXPECT_EQ(found_after<std::uint16_t>(50, 3),
            (Names{"!queue_count", "!queue_order", "!completion_queue", "!completion_queue"}));
  EXPECT_EQ(found_after<std::uint16_t>(52, 65535), Names{"!queue_count"});
  EXPECT_EQ(found_after<std::uint16_t>(52, 0), (Names{"slack", "!completion_queue"}));
}

TEST(RawState, NamesQueuesOutOfOrder) {
  const std::vector<CompletionQueue> completion{{.entries = 2, .id = 2}, {.entries = 2, .id = 1}};
  const auto queues = encode_nvme_state({}, completion);
  const auto header = encode_state_header(
      {.version = 0, .suspended = true, .nvme_bytes = queues.size(), .vendor_bytes = 0});
  Bytes state(sizeof(header));
  std::memcpy(state.data(), &header, sizeof(header));
  state.insert(state.end(), queues.begin(), queues.end());
  EXPECT_EQ(names(decode(state)), Names{"!queue_order"});
}

TEST(RawState, NamesABareHeader) { EXPECT_EQ(names(decode(state_of_size(48))), Names{"empty"}); }

TEST(RawState, NamesAnNvmePartOfFourBytes) {
  auto state = state_of_size(52);
  poke<std::uint64_t>(state, 16, 1);
  poke<std::uint64_t>(state, 32, 0);
  EXPECT_EQ(names(decode(state)), Names{"!nvme_size"});
}

TEST(RawState, CompletesADumpCutInAReservedDword) {
  auto cut = sample_state();
  cut.resize(100);
  const auto state = decode(cut);
  EXPECT_EQ(names(state), Names{"one_dword_short"});
  EXPECT_EQ(state.completion_queues, decode(sample_state()).completion_queues);
}

TEST(RawState, NamesADumpCutInTheVendorPart) {
  auto cut = state_of_size(204);
  cut.resize(200);
  EXPECT_EQ(names(decode(cut)), Names{"!one_dword_short"});
}

TEST(RawState, NamesAStateThatIsNotWhole) {
  auto cut = state_of_size(204);
  cut.resize(150);
  EXPECT_EQ(names(decode(cut)), Names{"!too_short"});
  EXPECT_EQ(decode(cut).findings.at(0).offset, 150U);
  EXPECT_EQ(decode(cut).findings.at(0).status, ExitStatus::bad_state);
  cut.resize(60);
  EXPECT_EQ(names(decode(cut)), Names{"!too_short"});
  cut.resize(47);
  EXPECT_THROW(decode(cut), Error);
  EXPECT_THROW(decode({}), Error);
}

TEST(RawState, NamesWhatFollowsTheState) {
  auto more = sample_state();
  more.resize(110);
  EXPECT_EQ(names(decode(more)), Names{"too_long"});
  StateDecoder decoder;
  decoder.feed(sample_state());
  decoder.skip(6);
  EXPECT_EQ(decoder.finish().findings, decode(more).findings);
}

TEST(RawState, RefusesClaimsBeyondAnyState) {
  for (const std::size_t offset : {16U, 24U, 32U, 40U}) {
    for (const std::uint64_t value : {std::uint64_t{1} << 62U, ~std::uint64_t{0}}) {
      auto state = sample_state();
      poke(state, offset, value);
      EXPECT_THROW(decode_state_header(state), Error) << offset;
      EXPECT_THROW(decode(state), Error) << offset;
    }
  }
  auto state = sample_state();
  poke<std::uint64_t>(state, 24, 1);
  EXPECT_THROW(decode_state_header(state), Error);
}

TEST(RawState, ReservesNothingForAClaim) {
  auto state = sample_state();
  poke<std::uint64_t>(state, 16, std::uint64_t{1} << 40U);
  poke<std::uint16_t>(state, 50, 65535);
  poke<std::uint16_t>(state, 52, 65535);
  const auto decoded = decode(state);
  EXPECT_LE(decoded.submission_queues.capacity(), 8U);
  EXPECT_EQ(names(decoded).back(), "!completion_queue");
}

TEST(RawState, KeepsAsManyFindingsAsAReaderTakes) {
  const std::vector<SubmissionQueue> bad(500, {.entries = 1, .id = 0, .head = 9});
  const auto queues = encode_nvme_state(bad, {});
  const auto header = encode_state_header(
      {.version = 0, .suspended = true, .nvme_bytes = queues.size(), .vendor_bytes = 0});
  Bytes state(sizeof(header));
  std::memcpy(state.data(), &header, sizeof(header));
  state.insert(state.end(), queues.begin(), queues.end());
  const auto decoded = decode(state);
  EXPECT_EQ(decoded.findings.size(), StateDecoder::max_findings);
  EXPECT_TRUE(any_stands(decoded.findings));
  EXPECT_EQ(decoded.submission_queues.size(), 500U);
}

}  // namespace
}  // namespace nvmigrate::test
