// SPDX-License-Identifier: LGPL-2.1-or-later
#include <fcntl.h>
#include <unistd.h>

#include <fstream>

#include "tests/cli/contract.h"

namespace nvmigrate::test {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class Several : public Contract {
 protected:
  Several() {
    for (const std::string name : {"a", "b"}) {
      prepare(name, 3);
      must("bind sim:" + name + " all");
    }
    for (const std::string id : {"1", "2"}) {
      must("sim guest start sim:a " + id);
      must("sim guest start sim:b " + id + " --empty");
    }
  }

  /// For in_child: standard input has this text.
  std::function<void()> with_input(const std::string& text) {
    const auto path = tool.folder() / "input";
    std::ofstream(path) << text;
    return [path] { ::dup2(::open(path.c_str(), O_RDONLY | O_CLOEXEC), STDIN_FILENO); };
  }
  std::string status_of(const std::string& device, unsigned id) {
    return json_of("show " + device + ' ' + std::to_string(id))["function"]["status"];
  }
};

TEST_F(Several, MoveInTheOrderInWhichTheyAreNamed) {
  const auto moved = json_of("transfer sim:a 2,1 sim:b 1,2");
  ASSERT_THAT(moved["transfers"], SizeIs(2));
  for (const std::size_t i : {0U, 1U}) {
    const auto& one = moved["transfers"][i];
    EXPECT_EQ(one["source"]["controller_id"], 2 - i);
    EXPECT_EQ(one["destination"]["controller_id"], 1 + i);
    EXPECT_TRUE(one["error"].is_null());
    EXPECT_EQ(one["blackout_ended"], true);
  }
  for (const unsigned id : {1U, 2U}) {
    EXPECT_EQ(status_of("sim:a", id), "away");
    EXPECT_EQ(status_of("sim:b", id), "running");
  }
  must("sim guest status sim:b 1 --continues-from sim:a 2");
  must("sim guest status sim:b 2 --continues-from sim:a 1");
}

TEST_F(Several, IdsOnStandardInputAreText) {
  EXPECT_EQ(tool.run("unmark sim:a -", with_input("1\n2 3\n")).status, 0);
  expect_refused({"mark", "sim:a", "-"}, ExitStatus::usage, "a NUL character",
                 with_input(std::string{"1\0002\0", 4}));
}

TEST_F(Several, OneThatFailsLeavesTheOthersAlone) {
  const auto moved = json_of("transfer sim:a 3,1 sim:b 3,1", ExitStatus::partial);
  EXPECT_EQ(moved["changed"], true);
  EXPECT_EQ(moved["transfers"][0]["error"]["code"], "not_open");
  EXPECT_EQ(moved["transfers"][0]["destination"]["controller_id"], 3);
  EXPECT_TRUE(moved["transfers"][1]["error"].is_null());
  EXPECT_EQ(status_of("sim:a", 3), "running");
  EXPECT_EQ(status_of("sim:a", 1), "away");
  must("sim guest status sim:b 1 --continues-from sim:a 1");
  const auto again = json_of("transfer sim:a 1,2 sim:b 1,2", ExitStatus::partial);
  EXPECT_EQ(again["transfers"][0]["error"]["class"], "refused");
  EXPECT_TRUE(again["transfers"][1]["error"].is_null());
}

TEST_F(Several, SourcesAndDestinationsGoInPairs) {
  error_of("transfer sim:a 1,2 sim:b 1", ExitStatus::usage);
  error_of("transfer sim:a 1,vf1 sim:b 1,2", ExitStatus::usage);
  error_of("transfer sim:a 1,2 sim:b 2,2", ExitStatus::usage);
  EXPECT_EQ(error_of("transfer sim:a 1,9 sim:b 1,2", ExitStatus::not_found)["code"],
            "unknown_function");
  EXPECT_EQ(status_of("sim:a", 1), "running");
}

TEST_F(Several, OneTransferHasItsMembersAtTheTopToo) {
  const auto moved = json_of("transfer sim:a 1 sim:b 1");
  EXPECT_EQ(moved["source"], moved["transfers"][0]["source"]);
  EXPECT_EQ(moved["bytes"], moved["transfers"][0]["bytes"]);
}

TEST_F(Several, HandlesOfThoseThatHaveOne) {
  must("unbind sim:b 3");
  const auto handles = json_of("handle sim:b 1,3", ExitStatus::partial);
  ASSERT_THAT(handles["functions"], SizeIs(1));
  EXPECT_EQ(handles["functions"][0]["controller_id"], 1);
  ASSERT_THAT(handles["failed"], SizeIs(1));
  EXPECT_EQ(handles["failed"][0]["controller_id"], 3);
  EXPECT_THAT(handles["failed"][0]["error"]["commands"], testing::Not(IsEmpty()));
  EXPECT_FALSE(json_of("handle sim:b 1,2").contains("failed"));
  error_of("handle sim:b 3", ExitStatus::refused);
  const auto blocks = tool.run("handle sim:b 1,2 --format env").output;
  EXPECT_THAT(blocks, HasSubstr("\n\nNVMIGRATE_FUNCTION='0000:01:00.2'\n"));
}

TEST_F(Several, IdsComeFromStandardInput) {
  EXPECT_EQ(tool.run("suspend sim:a -", with_input("1\n vf2\t3,4\n")).status, 10);
  for (const unsigned id : {1U, 2U, 3U})
    EXPECT_EQ(status_of("sim:a", id), "suspended");
  EXPECT_EQ(tool.run("resume sim:a -", with_input("all")).status, 0);
  EXPECT_EQ(status_of("sim:a", 2), "running");
  EXPECT_EQ(tool.run("transfer sim:a - sim:b 1,2", with_input("1 2")).status, 0);
  EXPECT_EQ(status_of("sim:a", 2), "away");
}

TEST_F(Several, NoIdsOnStandardInputAreAnError) {
  for (const std::string text : {"", " \n"}) {
    const auto ran = tool.run("suspend sim:a -", with_input(text));
    EXPECT_EQ(ran.status, 2);
    EXPECT_THAT(ran.error, HasSubstr("standard input"));
  }
  EXPECT_EQ(tool.run("suspend sim:a -", with_input("1; rm")).status, 2);
  EXPECT_EQ(tool.run("suspend sim:a -", with_input(std::string(2'000'000, '1'))).status, 2);
  EXPECT_EQ(status_of("sim:a", 1), "running");
}

}  // namespace
}  // namespace nvmigrate::test
