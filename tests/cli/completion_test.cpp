// SPDX-License-Identifier: LGPL-2.1-or-later
#include <gmock/gmock.h>

#include "tests/support/run_binary.h"

namespace nvmigrate::test {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Not;
using testing::UnorderedElementsAre;
using Lines = std::vector<std::string>;

/// Drives the completion as bash does, in a bash without anything else.
class Completion : public testing::Test {
 protected:
  Tool tool{NVMIGRATE_BINARY};

  Lines complete(const std::string& line) {
    const std::string script =
        "source \"$1\"; COMP_LINE=$2; COMP_POINT=${#COMP_LINE}; cd \"$3\";"
        "_nvmigrate \"$4\"; ((${#COMPREPLY[@]} == 0)) || printf '%s\\n' \"${COMPREPLY[@]}\"";
    const auto ran = run_program(
        {"/bin/bash", "--noprofile", "--norc", "-c", script, "bash",
         NVMIGRATE_SOURCE_DIR "/completions/nvmigrate", line, tool.folder().path(), tool.binary()},
        tool.environment());
    EXPECT_EQ(ran.error, "") << line;
    return lines_of(ran.output);
  }

  void must(const std::string& line) {
    const auto ran = tool.run(line);
    ASSERT_EQ(ran.status, 0) << line << '\n' << ran.error;
  }
};

TEST_F(Completion, OffersVerbs) {
  const auto verbs = complete("nvmigrate ");
  EXPECT_THAT(verbs, AllOf(Contains("list"), Contains("provision"), Contains("sim")));
  EXPECT_THAT(verbs, Not(Contains(testing::StartsWith("_"))));
  EXPECT_THAT(complete("nvmigrate unm"), ElementsAre("unmark"));
  EXPECT_THAT(complete("nvmigrate -o json deprov"), ElementsAre("deprovision"));
  EXPECT_THAT(complete("nvmigrate sim gu"), ElementsAre("guest"));
  EXPECT_THAT(complete("nvmigrate sim guest st"), UnorderedElementsAre("start", "stop", "status"));
  EXPECT_THAT(complete("nvmigrate nonsense "), IsEmpty());
}

TEST_F(Completion, OffersOptionsAndTheirWords) {
  EXPECT_THAT(complete("nvmigrate provision --vf"), ElementsAre("--vfs"));
  EXPECT_THAT(complete("nvmigrate list --"), Contains("--output-format"));
  EXPECT_THAT(complete("nvmigrate --out"), ElementsAre("--output-format"));
  EXPECT_THAT(complete("nvmigrate -o "), ElementsAre("normal", "json"));
  EXPECT_THAT(complete("nvmigrate list -o j"), ElementsAre("json"));
  EXPECT_THAT(complete("nvmigrate list --output-format=j"), ElementsAre("json"));
  EXPECT_THAT(complete("nvmigrate handle sim:x 1 --format q"), ElementsAre("qemu"));
}

TEST_F(Completion, OffersDevicesWithoutTheWordBashHasSplitOff) {
  must("sim create left");
  must("sim create lower");
  EXPECT_THAT(complete("nvmigrate show sim:l"), UnorderedElementsAre("left", "lower"));
  EXPECT_THAT(complete("nvmigrate show sim:le"), ElementsAre("left"));
  EXPECT_THAT(complete("nvmigrate show -v s"), Contains("sim:left"));
}

TEST_F(Completion, OffersTheFunctionsThatMakeSense) {
  must("sim create left");
  must("provision sim:left --vfs 3");
  must("mark sim:left vf2");
  must("bind sim:left vf3");
  EXPECT_THAT(complete("nvmigrate show sim:left "), testing::SizeIs(testing::Ge(3U)));
  const auto marked = complete("nvmigrate export sim:left ");
  EXPECT_THAT(marked, testing::SizeIs(1));
  EXPECT_EQ(complete("nvmigrate unmark sim:left "), marked);
  const auto bound = complete("nvmigrate unbind sim:left ");
  EXPECT_THAT(bound, testing::SizeIs(1));
  EXPECT_NE(bound, marked);
  EXPECT_EQ(complete("nvmigrate unmark sim:left 1," + marked.at(0)), Lines{"1," + marked.at(0)});
}

TEST_F(Completion, CreatesNothing) {
  EXPECT_THAT(complete("nvmigrate show sim:demo "), IsEmpty());
  EXPECT_THAT(complete("nvmigrate show sim:"), IsEmpty());
}

TEST_F(Completion, LeavesFilesToTheShell) {
  put(tool.folder() / "one.state", "");
  put(tool.folder() / "other", "");
  EXPECT_THAT(complete("nvmigrate inspect on"), ElementsAre("one.state"));
  EXPECT_THAT(complete("nvmigrate verify o"), UnorderedElementsAre("one.state", "other"));
  EXPECT_THAT(complete("nvmigrate import sim:x 1 -f one"), ElementsAre("one.state"));
  EXPECT_THAT(complete("nvmigrate import sim:x 1 --file=one"), ElementsAre("one.state"));
}

}  // namespace
}  // namespace nvmigrate::test
