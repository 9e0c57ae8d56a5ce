// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/table.h"

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

TEST(Description, AlignsValuesAndLeavesOutEmptyOnes) {
  Description text;
  text.add("serial", "42");
  text.add("gone", "");
  text.add("controller id", "0");
  EXPECT_EQ(text.text(1), " serial:        42\n controller id: 0\n");
}

}  // namespace
}  // namespace nvmigrate::cli
