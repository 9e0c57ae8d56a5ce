// SPDX-License-Identifier: LGPL-2.1-or-later
#include <gtest/gtest.h>

#include "nvmigrate/nvme/identity.h"

namespace nvmigrate {
namespace {

constexpr auto text = "00112233-4455-6677-8899-aabbccddeeff";

TEST(Uuid, IsReadAndWrittenInTheOrderOfRfc9562) {
  const auto uuid = parse_uuid(text);
  ASSERT_TRUE(uuid);
  EXPECT_EQ(uuid->bytes.front(), 0x00);
  EXPECT_EQ(uuid->bytes.at(1), 0x11);
  EXPECT_EQ(uuid->bytes.back(), 0xFF);
  EXPECT_EQ(to_string(*uuid), text);
  EXPECT_EQ(parse_uuid("00112233-4455-6677-8899-AABBCCDDEEFF"), uuid);
}

TEST(Uuid, RefusesOtherForms) {
  for (const auto* wrong :
       {"", "00112233445566778899aabbccddeeff", "00112233-4455-6677-8899-aabbccddeef",
        "00112233-4455-6677-8899-aabbccddeefff", "0011223g-4455-6677-8899-aabbccddeeff",
        "00112233+4455-6677-8899-aabbccddeeff", "001-2233-4455-6677-8899-aabbccddeeff"}) {
    EXPECT_EQ(parse_uuid(wrong), std::nullopt) << wrong;
  }
}

}  // namespace
}  // namespace nvmigrate
