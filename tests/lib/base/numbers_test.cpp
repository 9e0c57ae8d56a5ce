// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/base/numbers.h"

#include <gtest/gtest.h>

#include <vector>

namespace nvmigrate {
namespace {

TEST(ParseNumber, TakesWholeDecimalAndHexadecimalStrings) {
  EXPECT_EQ(parse_number("0"), 0U);
  EXPECT_EQ(parse_number("42"), 42U);
  EXPECT_EQ(parse_number("0x2A"), 42U);
  EXPECT_EQ(parse_number("0X2a"), 42U);
  EXPECT_EQ(parse_number("18446744073709551615"), 0xFFFFFFFFFFFFFFFFU);
  EXPECT_EQ(parse_number("0xFFFFFFFFFFFFFFFF"), 0xFFFFFFFFFFFFFFFFU);
}

TEST(ParseNumber, RefusesEverythingElse) {
  for (const auto* text : {"", " 1", "1 ", "+1", "-1", "010", "00", "0x", "x1", "1x", "0x1g", "1.0",
                           "18446744073709551616", "0x10000000000000000"}) {
    EXPECT_EQ(parse_number(text), std::nullopt) << text;
  }
}

TEST(ParseSize, TakesBinarySuffixes) {
  EXPECT_EQ(parse_size("512"), 512U);
  EXPECT_EQ(parse_size("4K"), 4096U);
  EXPECT_EQ(parse_size("1M"), 1U << 20U);
  EXPECT_EQ(parse_size("2G"), std::uint64_t{2} << 30U);
  EXPECT_EQ(parse_size("1T"), std::uint64_t{1} << 40U);
}

TEST(ParseSize, RefusesOverflowAndUnknownSuffixes) {
  for (const auto* text : {"", "K", "1k", "1KB", "1P", "16777216T", "0xFFFFFFFFFFFFFFFFK"}) {
    EXPECT_EQ(parse_size(text), std::nullopt) << text;
  }
}

TEST(ParseList, TakesNumbersBetweenCommas) {
  EXPECT_EQ(parse_list("0", 9), std::vector<std::uint32_t>{0});
  EXPECT_EQ(parse_list("3,0x2,9", 9), (std::vector<std::uint32_t>{3, 2, 9}));
  for (const auto* text : {"", ",", "1,", ",1", "1,,2", "1, 2", "10", "1-2", "all"})
    EXPECT_EQ(parse_list(text, 9), std::nullopt) << text;
}

TEST(RangesOf, JoinsNeighbours) {
  EXPECT_EQ(ranges_of({}), "");
  EXPECT_EQ(ranges_of(std::vector<std::uint32_t>{7}), "7");
  EXPECT_EQ(ranges_of(std::vector<std::uint32_t>{1, 2, 3, 4, 7, 9, 10}), "1-4, 7, 9-10");
  EXPECT_EQ(ranges_of(std::vector<std::uint32_t>{0xFFFFFFFE, 0xFFFFFFFF}), "4294967294-4294967295");
}

TEST(ToHex, PadsToTheDigitsAsked) {
  EXPECT_EQ(to_hex(0x2A), "0x2a");
  EXPECT_EQ(to_hex(0x2A, 4), "0x002a");
}

TEST(FormatSize, ChoosesTheUnit) {
  EXPECT_EQ(format_size(104), "104 B");
  EXPECT_EQ(format_size(1024), "1 KiB");
  EXPECT_EQ(format_size(1536), "1.5 KiB");
  EXPECT_EQ(format_size(std::uint64_t{64} << 20U), "64 MiB");
  EXPECT_EQ(format_size(std::uint64_t{4} << 40U), "4 TiB");
}

}  // namespace
}  // namespace nvmigrate
