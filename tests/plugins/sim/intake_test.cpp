// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugins/sim/intake.h"

#include "nvmigrate/nvme/status.h"
#include "tests/plugins/sim/lab.h"

namespace nvmigrate::sim {
namespace {

using test::Bytes;

const Uuid vendor{{1, 2, 3}};

struct Parts {
  bool nvme = true;
  std::uint64_t vendor_length = 212, padding = 0;
  unsigned pairs = 2;
};

Bytes image(const Parts& parts) {
  const Guest guest(9, parts.pairs, 3);
  Image::Content content;
  if (parts.nvme) content.version = 0;
  if (parts.nvme) content.queues = guest.queues();
  content.padding = parts.padding;
  if (parts.vendor_length != 0) {
    content.vendor = VendorHead::of(guest, parts.vendor_length);
    content.vendor->uuid = vendor;
  }
  const Image made(content);
  Bytes bytes(made.size());
  made.read(0, bytes);
  return bytes;
}

Intake::Rules rules() {
  return {.formats = {.version = std::uint16_t{0}, .vendor = vendor},
          .limits = {.pairs = 4, .vectors = 4}};
}

std::uint16_t status_of(const Bytes& bytes, const Intake::Rules& by = rules()) {
  Intake intake(by);
  if (const auto status = intake.take(0, bytes); status != 0) return status;
  return intake.end();
}

Bytes changed(Bytes bytes, std::size_t at, std::uint8_t value) {
  bytes.at(at) = std::byte{value};
  return bytes;
}

TEST(SimIntake, TakesWhatAnImageGives) {
  const Guest guest(9, 2, 3);
  Intake intake(rules());
  ASSERT_EQ(intake.take(0, image({})), 0);
  ASSERT_EQ(intake.end(), 0);
  EXPECT_EQ(intake.result().queues, guest.queues());
  EXPECT_EQ(intake.result().vendor->digest(), VendorHead::of(guest, 212).digest());
}

TEST(SimIntake, TakesEveryMixOfParts) {
  for (const bool nvme : {false, true}) {
    for (const std::uint64_t length : {0U, 64U, 68U, 212U, 70000U}) {
      for (const std::uint64_t padding : {0U, 4U, 1000U}) {
        const Parts parts{.nvme = nvme, .vendor_length = length, .padding = nvme ? padding : 0};
        EXPECT_EQ(status_of(image(parts)), 0) << nvme << length << ' ' << padding;
      }
    }
  }
}

TEST(SimIntake, TakesPiecesOfAnyLengthAndReadsThemSo) {
  const auto whole = image({.padding = 12});
  for (std::size_t piece = 4; piece <= whole.size(); piece += 4) {
    Intake intake(rules());
    for (std::size_t at = 0; at < whole.size(); at += piece) {
      const auto count = std::min(piece, whole.size() - at);
      ASSERT_EQ(intake.take(at, std::span{whole}.subspan(at, count)), 0);
    }
    EXPECT_EQ(intake.end(), 0);
  }
}

TEST(SimIntake, GoesOnFromWhatWasKeptAtAnyPlace) {
  const auto whole = image({.padding = 12});
  for (std::size_t at = 0; at <= whole.size(); at += 4) {
    Intake first(rules());
    ASSERT_EQ(first.take(0, std::span{whole}.first(at)), 0);
    Intake second(rules(), first.prefix(), first.position(), first.intact());
    ASSERT_EQ(second.position(), at);
    ASSERT_EQ(second.take(at, std::span{whole}.subspan(at)), 0);
    EXPECT_EQ(second.end(), 0) << at;
  }
}

TEST(SimIntake, KeepsInMindThatAByteWasWrong) {
  const auto whole = changed(image({}), 300, 0);
  Intake first(rules());
  ASSERT_EQ(first.take(0, whole), 0);
  const Intake second(rules(), first.prefix(), first.position(), first.intact());
  EXPECT_EQ(first.end(), sc::invalid_field);
  EXPECT_EQ(second.end(), sc::invalid_field);
}

// Bytes of queue records may be other valid values, so that only their damage by chance shows.
TEST(SimIntake, FindsAnyWrongByteBehindTheQueues) {
  const auto whole = image({.padding = 8});
  const std::size_t behind = 48 + 8 + 4 * 24;
  for (std::size_t at = behind; at < whole.size(); ++at) {
    const bool in_head = at >= behind + 8 && at < behind + 8 + 64;
    const auto wrong = static_cast<std::uint8_t>(std::to_integer<unsigned>(whole[at]) ^ 0x10U);
    EXPECT_EQ(status_of(changed(whole, at, wrong)), sc::invalid_field) << at << in_head;
  }
}

TEST(SimIntake, RefusesWhatIsTooShortTooLongOrElsewhere) {
  const auto whole = image({});
  for (std::size_t size = 0; size < whole.size(); size += 4) {
    EXPECT_EQ(status_of(Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size))),
              sc::invalid_field);
  }
  auto longer = whole;
  longer.resize(whole.size() + 4);
  EXPECT_EQ(status_of(longer), sc::invalid_field);
  Intake intake(rules());
  EXPECT_EQ(intake.take(4, whole), sc::invalid_field);
}

TEST(SimIntake, RefusesAHeaderThatNoImageHas) {
  const auto whole = image({});
  for (const std::size_t at : {0U, 1U, 3U, 15U, 23U, 24U, 31U, 39U, 40U, 47U}) {
    EXPECT_EQ(status_of(changed(whole, at, 0x80)), sc::invalid_field) << at;
  }
  EXPECT_EQ(status_of(changed(whole, 2, 2)), sc::invalid_field);
  EXPECT_EQ(status_of(changed(whole, 2, 1)), 0) << "suspended or not";
}

TEST(SimIntake, RefusesPartsThatWereNotNamed) {
  auto no_version = rules(), no_vendor = rules(), other_version = rules(), other_vendor = rules();
  no_version.formats.version.reset();
  no_vendor.formats.vendor.reset();
  other_version.formats.version = std::uint16_t{1};
  other_vendor.formats.vendor = Uuid{{9}};
  for (const auto& by : {no_version, no_vendor, other_version, other_vendor}) {
    EXPECT_EQ(status_of(image({}), by), sc::invalid_field);
  }
  EXPECT_EQ(status_of(image({.nvme = false}), no_version), 0);
  EXPECT_EQ(status_of(image({.vendor_length = 0}), no_vendor), 0);
}

TEST(SimIntake, RefusesQueuesWhereThereAreSome) {
  auto busy = rules();
  busy.queues_exist = true;
  EXPECT_EQ(status_of(image({}), busy), sc::invalid_field);
  EXPECT_EQ(status_of(image({.nvme = false}), busy), 0);
}

TEST(SimIntake, SaysWhenTheResourcesDoNotSuffice) {
  auto few_queues = rules(), few_vectors = rules();
  few_queues.limits.pairs = 1;
  few_vectors.limits.vectors = 1;
  EXPECT_EQ(status_of(image({}), few_queues), sc::not_enough_resources);
  EXPECT_EQ(status_of(image({}), few_vectors), sc::not_enough_resources);
}

TEST(SimIntake, RefusesQueuesThatNoControllerHas) {
  const auto whole = image({.vendor_length = 0});
  const std::size_t first = 48 + 8, second = first + 24, completion = second + 24;
  struct Case {
    const char* what;
    std::size_t at;
    std::uint8_t value;
  };
  const Case cases[] = {{"version of the NVMe part", 48, 1},
                        {"reserved bytes of its head", 54, 1},
                        {"more queues than bytes", 50, 4},
                        {"a size of one", first + 8, 0},
                        {"a size above MQES", first + 9, 8},
                        {"a head beyond the end", first + 17, 4},
                        {"a tail beyond the end", first + 19, 4},
                        {"id 0", first + 10, 0},
                        {"the same id twice", second + 10, 1},
                        {"a completion queue that is not there", first + 12, 7},
                        {"a completion head beyond the end", completion + 13, 4}};
  for (const auto& each : cases) {
    EXPECT_EQ(status_of(changed(whole, each.at, each.value)), sc::invalid_field) << each.what;
  }
}

TEST(SimIntake, TakesTheReferencesImageOf104Bytes) {
  Bytes bytes(104);
  const auto put = [&](std::size_t at, std::initializer_list<unsigned> values) {
    for (const unsigned value : values)
      bytes.at(at++) = static_cast<std::byte>(value);
  };
  put(2, {1});
  put(16, {0x0e});
  put(50, {1, 0, 1});
  put(56, {0, 0, 0x45, 0x23, 1, 0, 0, 0, 0x3f, 0, 1, 0, 1, 0, 5, 0, 10, 0, 12});
  put(80, {0, 0, 0x46, 0x23, 1, 0, 0, 0, 0x3f, 0, 1, 0, 5, 0, 7, 0, 7, 0, 1});
  Intake intake(rules());
  ASSERT_EQ(intake.take(0, bytes), 0);
  ASSERT_EQ(intake.end(), 0);
  const auto queues = *intake.result().queues;
  EXPECT_EQ(queues.submission.at(0).head, 10);
  EXPECT_EQ(queues.submission.at(0).tail, 12);
  EXPECT_EQ(queues.submission.at(0).prp1, 0x1'2345'0000U);
  EXPECT_EQ(queues.completion.at(0).head, 5);
  EXPECT_TRUE(queues.completion.at(0).phase());
}

}  // namespace
}  // namespace nvmigrate::sim
