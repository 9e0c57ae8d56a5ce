// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/text/visible.h"

#include <gmock/gmock.h>

#include "cli/text/findings.h"
#include "tests/cli/contract.h"

namespace nvmigrate::test {
namespace {

using cli::one_line;
using cli::visible;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

TEST(VisibleTest, PlainTextStaysInAllScripts) {
  for (const std::string text : {"", "nvme0 vf 1", "Gerät", "驱动器", "диск", "a\nb\n"}) {
    EXPECT_EQ(visible(text), text);
  }
}

TEST(VisibleTest, WhatATerminalObeysIsEscaped) {
  EXPECT_EQ(visible("a\x1b[31mb"), "a\\u001b[31mb");
  EXPECT_EQ(visible("over\rwritten\a\x7f"), "over\\u000dwritten\\u0007\\u007f");
  EXPECT_EQ(visible("C1 \u009b31m"), "C1 \\u009b31m");
  EXPECT_EQ(visible(std::string("nul\0", 4)), "nul\\u0000");
}

TEST(VisibleTest, WhatHidesOrTurnsTextIsEscaped) {
  EXPECT_EQ(visible("\u202efile"), "\\u202efile");
  EXPECT_EQ(visible("a\u200bb\u2060c\u00add"), "a\\u200bb\\u2060c\\u00add");
  EXPECT_EQ(visible("a\u2028b"), "a\\u2028b");
  EXPECT_EQ(visible("tag \U000e0041"), "tag \\udb40\\udc41");
}

TEST(VisibleTest, BytesThatAreNotUtf8AreEscaped) {
  EXPECT_EQ(visible("caf\xe9!"), "caf\\xe9!");
  EXPECT_EQ(visible("cut \xe2\x82"), "cut \\xe2\\x82");
  EXPECT_EQ(visible("\xed\xa0\x80"), "\\xed\\xa0\\x80") << "a surrogate";
}

TEST(VisibleTest, ALineStaysOne) {
  EXPECT_EQ(one_line("a\n  -> rm -rf /"), "a\\u000a  -> rm -rf /");
}

TEST(VisibleTest, WidthIsThatOfATerminal) {
  EXPECT_EQ(cli::width_of("nvme"), 4U);
  EXPECT_EQ(cli::width_of("é"), 1U);
  EXPECT_EQ(cli::width_of("e\u0301"), 1U) << "a combining accent";
  EXPECT_EQ(cli::width_of("驱动"), 4U);
}

TEST(VisibleTest, ACommandWithSuchANameCanBePasted) {
  EXPECT_EQ(cli::line_of({"mkdir", "a\nb\x1b'\\\u202e"}), R"(mkdir $'a\012b\033\'\\\342\200\256')");
}

class OutputIsVisible : public Contract {
 protected:
  /// A folder that is not there, its name made to mislead.
  std::string hostile = tool.folder() / "a\x1b[2J\n\u202eb/x";
};

TEST_F(OutputIsVisible, InErrorsAndRemedies) {
  prepare("a", 1);
  const auto ran = tool.run({"export", "sim:a", "1", "-f", hostile});
  EXPECT_EQ(ran.status, static_cast<int>(ExitStatus::not_found)) << ran.error;
  EXPECT_THAT(ran.error, AllOf(HasSubstr("\\u001b[2J\\u000a\\u202eb"), HasSubstr(R"($')"),
                               Not(HasSubstr("\x1b")), Not(HasSubstr("\u202e"))));
}

TEST_F(OutputIsVisible, InJsonThatStaysTheSame) {
  prepare("a", 1);
  const auto ran = tool.run({"export", "sim:a", "1", "-f", hostile, "-o", "json"});
  EXPECT_THAT(ran.error, AllOf(Not(HasSubstr("\x1b")), Not(HasSubstr("\u202e"))));
  const auto folder = hostile.substr(0, hostile.size() - 2);
  EXPECT_EQ(Json::parse(ran.error)["error"]["commands"][0][2], folder);
}

}  // namespace
}  // namespace nvmigrate::test
