// SPDX-License-Identifier: LGPL-2.1-or-later
#include <cstdlib>
#include <map>

#include "nvmigrate/conditions/conditions.h"
#include "tests/cli/contract.h"

namespace nvmigrate::test {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::StartsWith;

class Arguments : public Contract {};

TEST_F(Arguments, EmptyNamesAreRefused) {
  prepare("a", 1);
  for (const auto& [words, name] :
       std::map<Words, std::string>{{{"export", "sim:a", "1", "--dir", ""}, "--dir"},
                                    {{"export", "sim:a", "1", "-f", ""}, "--file"},
                                    {{"import", "sim:a", "1", "--file", ""}, "--file"},
                                    {{"verify", ""}, "FILE"},
                                    {{"inspect", ""}, "FILE"},
                                    {{"compare", "x", ""}, "B"},
                                    {{"show", ""}, "DEVICE"},
                                    {{"list", "sim:a", ""}, "DEVICE"}}) {
    expect_refused(words, ExitStatus::usage, name);
  }
}

TEST_F(Arguments, TheFolderOfAnExportMustBeThereBeforeAnythingIsSent) {
  prepare("a", 2);
  const auto missing = tool.folder() / "nodir";
  for (const std::string ids : {"1", "1,2"}) {
    for (const Words& more : {Words{}, Words{"--dry-run"}}) {
      Words words{"export", "sim:a", ids, "--dir", missing};
      words.insert(words.end(), more.begin(), more.end());
      expect_refused(words, ExitStatus::not_found, missing);
      EXPECT_THAT(tool.run(words).error, HasSubstr("-> mkdir -p " + missing + "\n"));
    }
  }
  put(tool.folder() / "file", "");
  expect_refused({"export", "sim:a", "1", "--dir", tool.folder() / "file"}, ExitStatus::not_found,
                 tool.folder() / "file");
  EXPECT_EQ(json_of("show sim:a 1")["function"]["status"], "running");
}

TEST_F(Arguments, AFolderIsNotAState) {
  prepare("a", 1);
  const auto folder = tool.folder().path();
  for (const Words& words :
       {Words{"verify", folder}, Words{"inspect", folder}, Words{"compare", folder, folder},
        Words{"import", "sim:a", "1", "-f", folder}}) {
    expect_refused(words, ExitStatus::io, folder);
  }
}

TEST_F(Arguments, BundledOptionsAskForJsonToo) {
  for (const std::string options : {"-qo json", "-vojson", "-qojson", "-vvqo json"}) {
    const auto ran = tool.run("show sim:nowhere " + options);
    EXPECT_EQ(Json::parse(ran.error)["error"]["class"], "not_found") << options;
  }
  EXPECT_THAT(tool.run("nonsense -qo normal").error, StartsWith("nvmigrate: "));
}

/// For in_child: an ordinary user of whom no home is known.
void become_homeless() {
  for (const auto* name : {"HOME", "XDG_STATE_HOME", "NVMIGRATE_STATE_DIR"})
    ::unsetenv(name);
  become_nobody();
}

TEST_F(Arguments, FilesAndHelpNeedNoHome) {
  const std::string golden = NVMIGRATE_SOURCE_DIR "/tests/lib/state/golden/queues.state";
  tool.environment()["NVMIGRATE_CONFIG_DIR"] = "/nonexistent";
  for (const Words& words :
       {Words{"--version"}, Words{"--help"}, Words{"list", "--help"}, Words{"verify", golden},
        Words{"inspect", golden}, Words{"compare", golden, golden}, Words{"backends"}}) {
    const auto ran = tool.run(words, become_homeless);
    EXPECT_EQ(ran.status, 0) << words[0] << ran.error;
  }
  expect_refused({"list"}, ExitStatus::usage, "HOME", become_homeless);
}

TEST_F(Arguments, OnlyConditionsOfTheCommandAreAllowed) {
  const std::map<std::string, Words> lines{{"export", {"sim:a", "1", "-f", "x"}},
                                           {"import", {"sim:a", "1", "-f", "x"}},
                                           {"transfer", {"sim:a", "1", "sim:b", "1"}},
                                           {"resume", {"sim:a", "1"}},
                                           {"release", {"sim:a", "1"}},
                                           {"bind", {"sim:a", "1"}},
                                           {"unbind", {"sim:a", "1"}},
                                           {"provision", {"sim:a", "--vfs", "1"}},
                                           {"deprovision", {"sim:a"}}};
  for (const auto& [verb, more] : lines) {
    Words words{verb, "--allow", "nonsense"};
    words.insert(words.end(), more.begin(), more.end());
    const auto known = overrides_of(verb);
    ASSERT_THAT(known, testing::Not(IsEmpty())) << verb;
    expect_refused(words, ExitStatus::usage, "'nonsense'");
    words[2] = verb == "bind" ? "exported" : "shared_group";
    expect_refused(words, ExitStatus::usage, "'" + words[2] + "'");
    words[2] = known.back();
    EXPECT_NE(tool.run(words).status, static_cast<int>(ExitStatus::usage));
    EXPECT_THAT(tool.run(verb + " --help").output, HasSubstr(known.back()));
  }
}

TEST_F(Arguments, WhatIsNamedTwiceIsListedOnce) {
  must("sim create a");
  EXPECT_THAT(json_of("list sim:a sim:a")["devices"], SizeIs(1));
  expect_refused({"list", "sim:nowhere", "sim:nowhere"}, ExitStatus::not_found, "nowhere");
}

TEST_F(Arguments, AllStandsAlone) {
  prepare("a", 2);
  expect_refused({"suspend", "sim:a", "all,2"}, ExitStatus::usage, "'all'");
}

TEST_F(Arguments, ADeviceMayBeNamedWithoutItsDomain) {
  expect_refused({"show", "f7:1f.6"}, ExitStatus::not_found, "0000:f7:1f.6");
}

TEST_F(Arguments, UsageIsInTheOrderOfTheManual) {
  const auto usage = [&](const std::string& line) {
    return lines_of(tool.run(line + " --help").output).at(0);
  };
  EXPECT_EQ(usage("provision"), "Usage: nvmigrate provision DEVICE --vfs N [OPTIONS]");
  EXPECT_EQ(usage("export"),
            "Usage: nvmigrate export DEVICE IDS (-f FILE | --dir FOLDER) [OPTIONS]");
  EXPECT_EQ(usage("import"), "Usage: nvmigrate import DEVICE ID -f FILE [OPTIONS]");
  EXPECT_EQ(usage("list"), "Usage: nvmigrate list [DEVICE...] [OPTIONS]");
  EXPECT_EQ(usage("sim list"), "Usage: nvmigrate sim list [OPTIONS]");
}

TEST_F(Arguments, HelpOfACommandIsACommandToo) {
  for (const std::string line : {"", "export", "sim", "sim guest start"}) {
    const auto help = tool.run("help " + line);
    EXPECT_EQ(help.status, 0) << line << help.error;
    EXPECT_EQ(help.output, tool.run(line + " --help").output);
  }
  for (const std::string line : {"nonsense", "export export", "sim nonsense"})
    EXPECT_EQ(tool.run("help " + line).status, 2) << line;
}

TEST_F(Arguments, APartOfTheStateIsChosenOnTheCommandLine) {
  prepare("a", 1);
  const auto vendor = json_of("show sim:a")["migration"]["state_formats"]["vendors"].at(0);
  const auto formats = [&](const std::string& more) {
    return json_of("export sim:a 1 --notice -f " + tool.folder() / "x" +
                   " --overwrite --then resume " + more)["functions"][0]["formats"];
  };
  EXPECT_EQ(formats("")["vendor"], vendor);
  EXPECT_EQ(formats("--vendor " + vendor.get<std::string>())["vendor"], vendor);
  EXPECT_TRUE(formats("--vendor none")["vendor"].is_null());
  EXPECT_TRUE(formats("--standard-only")["vendor"].is_null());
  expect_refused({"export", "sim:a", "1", "-f", "x", "--vendor", "some"}, ExitStatus::usage,
                 "--vendor");
}

}  // namespace
}  // namespace nvmigrate::test
