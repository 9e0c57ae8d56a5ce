// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/text/screen.h"

#include <gtest/gtest.h>

#include <map>

#include "cli/command.h"
#include "cli/text/fields.h"
#include "cli/text/watch.h"

namespace nvmigrate::cli {
namespace {

Screen screen_with(const std::map<std::string, std::string>& variables) {
  SystemIo io;
  Environment environment{.io = io};
  environment.variable = [&](const char* name) -> const char* {
    const auto found = variables.find(name);
    return found == variables.end() ? nullptr : found->second.c_str();
  };
  return screen_of(environment, -1);
}

TEST(ScreenTest, HasNoLimitOffATerminalUnlessColumnsSaysOtherwise) {
  EXPECT_EQ(screen_with({}).width, endless);
  EXPECT_EQ(screen_with({{"COLUMNS", "200"}}).width, 200U);
  for (const std::string nonsense : {"", "0", "-3", "wide"})
    EXPECT_EQ(screen_with({{"COLUMNS", nonsense}}).width, endless) << nonsense;
}

TEST(ScreenTest, TheLocaleSaysWhetherThereAreArrows) {
  EXPECT_FALSE(screen_with({}).unicode);
  EXPECT_TRUE(screen_with({{"LANG", "de_DE.UTF-8"}}).unicode);
  EXPECT_TRUE(screen_with({{"LC_CTYPE", "C.utf8"}, {"LANG", "C"}}).unicode);
  EXPECT_FALSE(screen_with({{"LC_ALL", "C"}, {"LANG", "en_GB.UTF-8"}}).unicode);
}

TEST(ScreenTest, OnlyCommandsGetAnArrow) {
  const Screen unicode{.unicode = true};
  EXPECT_EQ(with_arrows(unicode, "a -> b\n  -> c\n"), "a -> b\n  \u2192 c\n");
  EXPECT_EQ(with_arrows({}, "  -> c\n"), "  -> c\n");
}

TEST(ScreenTest, LetsNothingPassButItsColours) {
  const auto red = painted({.colour = true}, "red", Tone::problem);
  EXPECT_EQ(visible_but_colours("a" + red + "\x1b[2Jb\x1b"), "a" + red + "\\u001b[2Jb\\u001b");
  EXPECT_EQ(painted({}, "red", Tone::problem), "red");
}

TEST(ScreenTest, WrapsBetweenWordsAndCutsNone) {
  EXPECT_EQ(wrapped("one two three", 2, 9), "one two\n  three");
  EXPECT_EQ(wrapped("unbreakable a", 0, 4), "unbreakable\na");
  EXPECT_EQ(wrapped("\u4e2d\u6587 \u4e2d\u6587", 0, 8), "\u4e2d\u6587\n\u4e2d\u6587");
  EXPECT_EQ(wrapped("a b", 0, endless), "a b");
}

TEST(ScreenTest, TellsHowManyLinesHaveNoRoom) {
  EXPECT_EQ(first_lines("a\nb\nc\n", 3), "a\nb\nc\n");
  EXPECT_EQ(first_lines("a\nb\nc\n", 2), "a\n(2 more lines)\n");
  EXPECT_EQ(first_lines("a\nb\nc\n", 0), "a\nb\nc\n");
}

}  // namespace
}  // namespace nvmigrate::cli
