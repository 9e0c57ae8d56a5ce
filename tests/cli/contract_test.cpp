// SPDX-License-Identifier: LGPL-2.1-or-later
#include <fcntl.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include <filesystem>
#include <map>

#include "tests/cli/contract.h"

namespace nvmigrate::test {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;
using testing::StartsWith;

/// Names of all commands, `sim guest start` among them.
void collect(std::span<const cli::Command> rows, const std::string& above, Words& names) {
  for (const auto& row : rows) {
    const auto name = above + std::string{row.name};
    if (row.declare != nullptr && !name.starts_with("__")) names.push_back(name);
    collect(row.subcommands, name + ' ', names);
  }
}

Words all_commands() {
  Words names;
  collect(cli::commands(), "", names);
  return names;
}

Words command_line(const std::string& name, const Words& more) {
  Words words = words_of(name);
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

TEST_F(Contract, HelpGoesToStandardOutput) {
  for (auto name : all_commands()) {
    const auto ran = tool.run(command_line(name, {"--help"}));
    SCOPED_TRACE(name);
    EXPECT_EQ(ran.status, 0);
    EXPECT_THAT(ran.error, IsEmpty());
    EXPECT_THAT(ran.output, StartsWith("Usage: nvmigrate " + name + " "));
    for (const auto& line : lines_of(ran.output))
      EXPECT_LE(line.size(), 100U) << line;
  }
  EXPECT_THAT(tool.run("--help").output, HasSubstr("provision"));
  EXPECT_THAT(tool.run("-h").output, Not(HasSubstr("__complete")));
  EXPECT_THAT(tool.run("sim --help").output, HasSubstr("create"));
  EXPECT_THAT(tool.run("--version").output, StartsWith("nvmigrate "));
  EXPECT_EQ(tool.run("list --version").output, tool.run("--version").output);
}

TEST_F(Contract, EveryCommandRefusesWhatItDoesNotKnow) {
  for (const auto& name : all_commands()) {
    expect_refused(command_line(name, {"--no-such-option"}), ExitStatus::usage,
                   "'--no-such-option'");
    const Words many(12, "x");
    const std::set<std::string> take_several{"list",  "help",        "save",           "plan",
                                             "apply", "sim destroy", "sim power-cycle"};
    if (!take_several.contains(name)) {
      expect_refused(command_line(name, many), ExitStatus::usage, "'x'");
    }
    expect_refused(command_line(name, {"--timeout", "soon"}), ExitStatus::usage, "'soon'");
  }
}

TEST_F(Contract, UsageErrorsPointToTheHelp) {
  for (const auto& [words, object] : std::map<Words, std::string>{{{}, ""},
                                                                  {{"nonsense"}, "'nonsense'"},
                                                                  {{"lis"}, "list"},
                                                                  {{"sim"}, "sim"},
                                                                  {{"sim", "cre"}, "'sim cre'"},
                                                                  {{"show"}, "DEVICE"},
                                                                  {{"list", "-o", "xml"}, "json"}})
    expect_refused(words, ExitStatus::usage, object);
  EXPECT_THAT(tool.run("show").error, HasSubstr("nvmigrate show --help"));
  EXPECT_THAT(tool.run("sim cre").error, HasSubstr("nvmigrate sim --help"));
}

TEST_F(Contract, ErrorsAreJsonWhenAskedFor) {
  const auto usage = error_of("nonsense", ExitStatus::usage);
  EXPECT_EQ(usage["class"], "usage");
  EXPECT_EQ(usage["code"], "usage");
  EXPECT_THAT(usage["advice"].get<std::string>(), HasSubstr("nvmigrate --help"));

  const auto error = error_of("show sim:nowhere", ExitStatus::not_found);
  EXPECT_EQ(error["class"], "not_found");
  EXPECT_EQ(error["device"], "sim:nowhere");
  EXPECT_TRUE(error["nvme_status"].is_null());
  EXPECT_EQ(error["commands"], Json({{"nvmigrate", "sim", "create", "nowhere"}}));
  EXPECT_THAT(error["findings"], IsEmpty());
}

TEST_F(Contract, ARefusalNamesEverythingThatStandsWithItsCommands) {
  must("sim create a --vfs-total 2");
  const auto error = error_of("export sim:a 1 -f x", ExitStatus::refused);
  EXPECT_EQ(error["code"], "unmarked");
  EXPECT_EQ(error["device"], "sim:a");
  ASSERT_THAT(error["findings"], SizeIs(2));
  const auto& unmarked = error["findings"][0];
  EXPECT_EQ(unmarked["code"], "unmarked");
  EXPECT_EQ(unmarked["severity"], "blocker");
  EXPECT_EQ(unmarked["class"], "refused");
  EXPECT_EQ(unmarked["controller_id"], 1);
  EXPECT_EQ(unmarked["commands"], Json({{"nvmigrate", "mark", "sim:a", "1"}}));
  EXPECT_EQ(error["findings"][1]["code"], "offline");
  const auto text = lines_of(tool.run("export sim:a 1 -f x").error);
  EXPECT_THAT(text, Contains(HasSubstr("-> nvmigrate mark sim:a 1")));
  EXPECT_THAT(text, Contains(HasSubstr("-> nvmigrate provision sim:a --vfs 1")));
}

TEST_F(Contract, WhatIsNotADeviceIsNamed) {
  const auto file = tool.folder() / "file";
  put(file, "not a device");
  for (const std::string verb : {"show", "provision", "deprovision", "list", "doctor"}) {
    Words more;
    if (verb == "provision") more = {"--vfs", "1"};
    const auto with = [&](const std::string& device) {
      Words words{verb, device};
      words.insert(words.end(), more.begin(), more.end());
      return words;
    };
    expect_refused(with("/dev/nvme77"), ExitStatus::not_found, "/dev/nvme77");
    expect_refused(with("nvme77"), ExitStatus::not_found, "nvme77");
    expect_refused(with("fedc:ba:98.7"), ExitStatus::not_found, "fedc:ba:98.7");
    expect_refused(with("sim:nowhere"), ExitStatus::not_found, "nowhere");
    for (const auto& wrong : {std::string{"/dev/null"}, std::string{"/"}, file}) {
      const auto ran = tool.run(with(wrong));
      SCOPED_TRACE(verb + " " + wrong + "\n" + ran.error);
      EXPECT_THAT(ran.status, testing::AnyOf(2, 3, 9));
      EXPECT_THAT(ran.output, IsEmpty());
      EXPECT_THAT(lines_of(ran.error)[0], HasSubstr(wrong));
    }
  }
}

TEST_F(Contract, WithoutTheRightNothingIsDone) {
  const auto secret = tool.folder() / "secret";
  std::filesystem::create_directory(secret);
  ASSERT_EQ(::chmod(secret.c_str(), 0), 0);
  tool.environment()["NVMIGRATE_SIM_DIR"] = secret + "/sim";
  tool.environment()["NVMIGRATE_CONFIG_DIR"] = "/nonexistent";
  expect_refused({"show", "sim:demo"}, ExitStatus::permission, "secret", become_nobody);
}

TEST_F(Contract, WithoutADeviceListIsEmptyAndSaysWhy) {
  const auto text = tool.run("list");
  EXPECT_EQ(text.status, 0);
  const auto json = tool.run("list -o json");
  EXPECT_EQ(json.status, 0);
  EXPECT_THAT(json.error, IsEmpty());
  const auto document = Json::parse(json.output);
  EXPECT_EQ(document["schema"], "nvmigrate.list/1");
  EXPECT_TRUE(document["devices"].is_array());
  EXPECT_THAT(document["failed"], IsEmpty());
  const bool none = document["devices"].empty();
  EXPECT_EQ(text.output.empty(), none);
  EXPECT_EQ(!text.error.empty(), none);
  EXPECT_THAT(tool.run("list -q").error, IsEmpty());
}

TEST_F(Contract, OneUnreachableDeviceDoesNotHideTheOthers) {
  ASSERT_EQ(tool.run("sim create here").status, 0);
  const auto ran = tool.run("list sim:here sim:nowhere -o json");
  EXPECT_EQ(ran.status, 10);
  const auto document = Json::parse(ran.output);
  ASSERT_THAT(document["devices"], SizeIs(1));
  EXPECT_EQ(document["devices"][0]["device"], "sim:here");
  EXPECT_EQ(document["devices"][0]["simulated"], true);
  ASSERT_THAT(document["failed"], SizeIs(1));
  EXPECT_EQ(document["failed"][0]["device"], "sim:nowhere");
  EXPECT_EQ(document["failed"][0]["class"], "not_found");
  EXPECT_TRUE(Json::parse(ran.error).contains("warning"));
}

TEST_F(Contract, SimulationsAreCalledSo) {
  ASSERT_EQ(tool.run("sim create here").status, 0);
  for (const std::string line : {"list", "show sim:here"}) {
    EXPECT_THAT(tool.run(line).output, HasSubstr("simulated")) << line;
  }
}

TEST_F(Contract, FullOrClosedStandardOutputIsAnError) {
  const auto full = [] { ::dup2(::open("/dev/full", O_WRONLY), STDOUT_FILENO); };
  const auto closed = [] { ::close(STDOUT_FILENO); };
  for (const std::string line : {"list -o json", "--help", "list --help", "--version"}) {
    const auto ran = tool.run(line, full);
    EXPECT_EQ(ran.status, 12) << line;
    EXPECT_THAT(ran.error, Not(IsEmpty())) << line;
    const auto other = tool.run(line, closed);
    EXPECT_EQ(other.status, 12) << line;
    EXPECT_THAT(other.error, Not(IsEmpty())) << line;
  }
}

TEST_F(Contract, AReaderThatWentAwayEndsItQuietly) {
  const auto gone = [] {
    std::array<int, 2> ends{};
    if (::pipe(ends.data()) != 0) return;
    ::close(ends[0]);
    ::dup2(ends[1], STDOUT_FILENO);
  };
  for (const std::string line : {"list -o json", "--help", "show --help"}) {
    const auto ran = tool.run(line, gone);
    EXPECT_EQ(ran.status, 12) << line;
    EXPECT_THAT(ran.error, IsEmpty()) << line;
  }
}

TEST_F(Contract, ClosedDescriptorsAreNotGivenToFiles) {
  ASSERT_EQ(tool.run("sim create here").status, 0);
  const auto ran = tool.run("list sim:here", [] {
    for (const int descriptor : {0, 1, 2})
      ::close(descriptor);
  });
  EXPECT_EQ(ran.status, 12);
  EXPECT_EQ(tool.run("list sim:here").status, 0);
}

TEST_F(Contract, NoTerminalNoColour) {
  const auto ran = tool.run("nonsense");
  EXPECT_THAT(ran.error, Not(HasSubstr("\x1b")));
}

TEST_F(Contract, TracesAdminCommandsOnDemand) {
  ASSERT_EQ(tool.run("sim create here").status, 0);
  EXPECT_THAT(tool.run("list sim:here -v").error, Not(HasSubstr("admin 0x06")));
  const auto ran = tool.run("list sim:here -vv");
  EXPECT_THAT(ran.error, HasSubstr("admin 0x06 Identify"));
  EXPECT_THAT(ran.error, HasSubstr("Successful Completion"));
  EXPECT_EQ(ran.output, tool.run("list sim:here").output);
  for (const auto& line : lines_of(tool.run("list sim:here -vv -o json").error)) {
    EXPECT_EQ(Json::parse(line)["trace"]["name"], "Identify");
  }
}

TEST_F(Contract, AFolderWithARelativePathIsRefused) {
  tool.environment()["NVMIGRATE_STATE_DIR"] = "relative";
  expect_refused({"list"}, ExitStatus::usage, "NVMIGRATE_STATE_DIR");
}

}  // namespace
}  // namespace nvmigrate::test
