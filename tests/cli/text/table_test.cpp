// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/text/table.h"

#include <gtest/gtest.h>

namespace nvmigrate::cli {
namespace {

TEST(Table, AlignsColumnsAndEndsNoLineWithBlanks) {
  Table table{{"ID", "DRIVER", "MARK"}};
  table.align_right(0);
  table.add({"7", "nvme", "yes"});
  table.add({"12", "vfio-pci"});
  EXPECT_EQ(table.text(2),
            "  ID  DRIVER    MARK\n"
            "   7  nvme      yes\n"
            "  12  vfio-pci  -\n");
}

TEST(Table, LeavesOutColumnsThatAreEmptyEverywhere) {
  Table table{{"ID", "NOTHING", "LAST"}};
  table.add({"1", "", "x"});
  EXPECT_EQ(table.text(), "ID  LAST\n1   x\n");
}

TEST(Table, WithoutRowsShowsItsHeadings) { EXPECT_EQ((Table{{"A", "B"}}.text()), "A  B\n"); }

TEST(Table, CountsCodePointsNotBytes) {
  Table table{{"NAME", "X"}};
  table.add({"Büro", "1"});
  EXPECT_EQ(table.text(), "NAME  X\nBüro  1\n");
}

TEST(Table, DropsTheLeastImportantColumnsWhereThereIsNoRoom) {
  Table table{{"ID", "FIRST", "SECOND", "LAST"}};
  table.add({"1", "abcde", "fghij", "k"});
  table.may_drop({2});
  table.may_drop({1});
  EXPECT_EQ(table.text(0, {.width = 23}), "ID  FIRST  SECOND  LAST\n1   abcde  fghij   k\n");
  EXPECT_EQ(table.text(0, {.width = 22}), "ID  FIRST  LAST\n1   abcde  k\n");
  EXPECT_EQ(table.text(2, {.width = 16}), "  ID  LAST\n  1   k\n");
  EXPECT_EQ(table.text(0, {.width = 1}), "ID  LAST\n1   k\n") << "nothing is cut";
}

TEST(Table, PaintsTheWordsAndNotTheBlanks) {
  Table table{{"STATUS", "X"}};
  table.add({Cell{"lost", Tone::problem}, "1"});
  EXPECT_EQ(table.text(0, {.colour = true}), "STATUS  X\n\x1b[1;31mlost\x1b[0m    1\n");
}

TEST(Description, GoesOnBelowWhereTheScreenEnds) {
  Description text;
  text.add("a", "one two three");
  EXPECT_EQ(text.text(0, {.width = 10}), "a: one two\n   three\n");
}

TEST(Description, AlignsValuesAndLeavesOutEmptyOnes) {
  Description text;
  text.add("serial", "42");
  text.add("gone", "");
  text.add("controller id", "0");
  EXPECT_EQ(text.text(1), " serial:        42\n controller id: 0\n");
}

}  // namespace
}  // namespace nvmigrate::cli
