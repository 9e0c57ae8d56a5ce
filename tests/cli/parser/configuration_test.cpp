// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/parser/configuration.h"

#include <gmock/gmock.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "cli/parser/command_line.h"
#include "tests/support/error_of.h"
#include "tests/support/run_tool.h"
#include "tests/support/temporary_folder.h"

namespace nvmigrate::cli {
namespace {

using test::error_of;
using test::put;
using testing::AllOf;
using testing::HasSubstr;
using Words = std::vector<std::string>;

/// Command lines on a host with a file nvmigrate.conf and variables.
class ConfigurationTest : public testing::Test {
 protected:
  CommandLine& line(const Words& words) {
    line_.emplace().parse(words, configuration_of(environment));
    return *line_;
  }
  std::string refusal(const std::string& text, const Words& words = {"list"}) {
    put(file, text);
    return error_of([&] { line(words); }, ExitStatus::usage);
  }
  std::string value(const std::string& option) {
    const auto* found = line_->app().get_option(option);
    return found->count() == 0 ? "" : found->results().back();
  }

  test::TemporaryFolder folder;
  std::string file = folder / "./nvmigrate.conf";
  std::map<std::string, std::string> variables;
  SystemIo io;
  Environment environment{.io = io,
                          .folders = folder.folders(),
                          .find_configuration = [this] { return folder / "."; },
                          .output = -1,
                          .variable = [this](const char* name) -> const char* {
                            const auto found = variables.find(name);
                            return found == variables.end() ? nullptr : found->second.c_str();
                          }};
  std::optional<CommandLine> line_;
};

TEST_F(ConfigurationTest, TheCommandLineGoesBeforeVariablesAndTheseBeforeTheFile) {
  using std::chrono::seconds;
  EXPECT_EQ(line({"list"}).globals().wait, seconds{0});
  put(file, "wait = 3\n");
  EXPECT_EQ(line({"list"}).globals().wait, seconds{3});
  variables["NVMIGRATE_WAIT"] = "0x2";
  EXPECT_EQ(line({"list"}).globals().wait, seconds{2});
  EXPECT_EQ(line({"list", "--wait", "1"}).globals().wait, seconds{1});
  variables["NVMIGRATE_WAIT"] = "";
  EXPECT_EQ(line({"list"}).globals().wait, seconds{3}) << "an empty variable is none";
}

TEST_F(ConfigurationTest, EveryOptionOfAllCommandsHasAVariable) {
  variables = {{"NVMIGRATE_OUTPUT_FORMAT", "json"},
               {"NVMIGRATE_VERBOSE", "2"},
               {"NVMIGRATE_QUIET", "true"},
               {"NVMIGRATE_TIMEOUT", "7"},
               {"NVMIGRATE_AUDIT", "none"}};
  const auto& globals = line({"list"}).globals();
  EXPECT_EQ(globals.output, OutputFormat::json);
  EXPECT_EQ(globals.verbosity, 2);
  EXPECT_TRUE(globals.quiet);
  EXPECT_EQ(globals.timeout, std::chrono::seconds{7});
  EXPECT_EQ(globals.audit, "auto") << "only the file says this";
}

TEST_F(ConfigurationTest, WhatIsFalseIsDecidedToo) {
  put(file, "quiet = true\nverbose = 1\n");
  variables["NVMIGRATE_QUIET"] = "false";
  const auto& globals = line({"list"}).globals();
  EXPECT_FALSE(globals.quiet);
  EXPECT_EQ(globals.verbosity, 1);
}

TEST_F(ConfigurationTest, ASectionIsForItsCommand) {
  put(file,
      "audit = syslog # as ever\n; a comment\n\n[bind]\nowner = \"qemu:kvm\"\n"
      "[transfer]\nssh-command = ssh -o [x], y\n[handle]\niommu=group\n");
  EXPECT_EQ(line({"bind", "sim:a", "1"}).globals().audit, "syslog");
  EXPECT_EQ(value("--owner"), "qemu:kvm");
  line({"bind", "sim:a", "1", "--owner", "root"});
  EXPECT_EQ(value("--owner"), "root");
  line({"transfer", "sim:a", "1", "sim:b", "1"});
  EXPECT_EQ(value("--ssh-command"), "ssh -o [x], y");
  line({"handle", "sim:a", "1"});
  EXPECT_EQ(value("--iommu"), "group");
}

TEST_F(ConfigurationTest, OneOfTwoAlternativesIsEnough) {
  put(file, "[export]\ndir = /d\n");
  line({"export", "sim:a", "1"});
  EXPECT_EQ(value("--dir"), "/d");
  line({"export", "sim:a", "1", "-f", "x"});
  EXPECT_EQ(value("--dir"), "");
}

TEST_F(ConfigurationTest, WhatIsWrongIsNamedByFileLineAndKey) {
  const std::map<std::string, Words> refusals{
      {"wait = soon\n", {"line 1", "wait", "'soon'"}},
      {"\n# c\nwait =\n", {"line 3", "wait"}},
      {"wait = 1\nwait = 2\n", {"line 2", "wait", "twice"}},
      {"verbose = 3\n", {"line 1", "verbose", "'3'"}},
      {"quiet = 2\n", {"line 1", "quiet", "'2'"}},
      {"quiet = yes\n", {"line 1", "quiet", "'yes'"}},
      {"quiet\n", {"line 1", "'quiet'", "KEY = VALUE"}},
      {"q=\n", {"line 1", "'q='", "KEY = VALUE"}},
      {"[bind\n", {"line 1", "'[bind'"}},
      {"tiemout = 3\n", {"line 1", "'tiemout'"}},
      {"timeuot = 3\n", {"line 1", "timeout?"}},
      {"audit = loud\n", {"line 1", "audit", "journal"}},
      {"owner = a\n", {"line 1", "'owner'", "the keys here are output-format"}},
      {"[bnd]\nowner = a\n", {"line 2", "[bnd]", "bind?"}},
      {"[--version]\nx = a\n", {"line 2", "[--version]"}},
      {"[bind]\nonwers = a\n", {"line 2", "'onwers'", "owner"}},
      {"bind.owner = a\n", {"line 1", "'bind.owner'"}},
      {"[bind]\nDEVICE = a\n", {"line 2", "'DEVICE'"}},
      {"[export]\nparallel = 31\n", {"line 2", "parallel", "31"}},
      {"[sim]\nvfs-total = 3\n", {"line 2", "'vfs-total'"}},
      {"[list]\nfields = status\n", {"line 2", "fields is taken from the command line only"}},
      {"[list]\nowner = a\n", {"line 2", "'owner'", "no key can be set in [list]"}},
      {"[bind]\ndriver = \"vfio\n", {"line 2", "quotation mark", "not closed"}},
      {"[bind]\nowner = '\n", {"line 2", "quotation mark", "not closed"}},
      {"[provision]\nattach = x\n", {"line 2", "attach", "'x' is not a list"}},
      {std::string{"wait = 1\nqu\0iet = 1\n", 20}, {"line 2", "NUL character"}}};
  for (const auto& [text, parts] : refusals) {
    const auto message = refusal(text);
    EXPECT_THAT(message, testing::StartsWith(file)) << text;
    for (const auto& part : parts)
      EXPECT_THAT(message, HasSubstr(part)) << text;
  }
  variables["NVMIGRATE_TIMEOUT"] = "0";
  EXPECT_THAT(refusal("# nothing"), AllOf(HasSubstr("NVMIGRATE_TIMEOUT"), HasSubstr("timeout")));
}

TEST_F(ConfigurationTest, AByteOrderMarkIsSkipped) {
  put(file,
      "\xef\xbb\xbf"
      "wait = 3\n");
  EXPECT_EQ(line({"list"}).globals().wait, std::chrono::seconds{3});
}

/// Nobody typed what is left out, and so it cannot be wrong.
TEST_F(ConfigurationTest, WhatIsTypedGoesBeforeSettingsThatSaySomethingElse) {
  const auto output = [&](const Words& words) { return line(words).globals().output; };
  for (const bool variable : {true, false}) {
    put(file, variable ? "" : "output-format = json\n");
    variables = {{"NVMIGRATE_OUTPUT_FORMAT", variable ? "json" : ""}};
    EXPECT_EQ(output({"list"}), OutputFormat::json);
    for (const std::string typed : {"--format=tsv", "--fields=status", "--watch"})
      EXPECT_EQ(output({"list", typed}), OutputFormat::normal) << typed;
    EXPECT_EQ(output({"list", "--format", "tsv", "-o", "json"}), OutputFormat::json);
  }
  put(file, "[handle]\nformat = env\n[export]\nprogress = bar\n");
  line({"handle", "sim:a", "1"});
  EXPECT_EQ(value("--format"), "env");
  line({"handle", "sim:a", "1", "-o", "json"});
  EXPECT_EQ(value("--format"), "");
  variables = {{"NVMIGRATE_OUTPUT_FORMAT", "json"}};
  line({"handle", "sim:a", "1"});
  EXPECT_EQ(value("--format"), "") << "a variable goes before the file";
  line({"export", "sim:a", "1", "-f", "x", "-q"});
  EXPECT_EQ(value("--progress"), "");
  put(file, "quiet = true\nverbose = 2\n");
  EXPECT_FALSE(line({"list", "-v"}).globals().quiet);
  EXPECT_EQ(line({"list", "-q"}).globals().verbosity, 0);
}

TEST_F(ConfigurationTest, AnErrorAboutAValueNamesWhoSaidIt) {
  test::run_here({"sim", "create", "a", "--vfs-total", "1"}, environment);
  test::run_here({"provision", "sim:a", "--vfs", "1"}, environment);
  put(file, "# our own\n[bind]\nowner = nobody-of-this-host\n");
  const Words words{"bind", "sim:a", "1"};
  EXPECT_THAT(test::run_here(words, environment).err,
              HasSubstr("\n  owner = nobody-of-this-host is set by " + file + ", line 3\n"));
  variables = {{"NVMIGRATE_OUTPUT_FORMAT", "json"}};
  const auto error = Json::parse(test::run_here(words, environment).err)["error"];
  EXPECT_EQ(
      error["settings"],
      Json({{{"key", "owner"}, {"value", "nobody-of-this-host"}, {"origin", file + ", line 3"}}}));
  EXPECT_FALSE(
      Json::parse(
          test::run_here({"bind", "sim:a", "7", "--owner", "root"}, environment).err)["error"]
          .contains("settings"))
      << "it has nothing to do with this";
}

/// A configuration cannot do what has to be said each time.
TEST_F(ConfigurationTest, NoSafetyIsGivenUpByAFile) {
  const std::map<std::string, Words> never{
      {"bind", {"allow", "dry-run"}},
      {"unbind", {"allow"}},
      {"mark", {"allow"}},
      {"suspend", {"allow"}},
      {"resume", {"allow"}},
      {"release", {"allow"}},
      {"provision", {"allow", "recreate", "release-primary", "vfs"}},
      {"deprovision", {"allow"}},
      {"export", {"allow", "overwrite", "then", "raw"}},
      {"import", {"allow", "resume", "raw", "check-only"}},
      {"transfer", {"allow", "settle", "keep-suspended"}},
      {"doctor", {"repair"}}};
  for (const auto& [section, keys] : never) {
    for (const auto& key : keys) {
      EXPECT_THAT(refusal("[" + section + "]\n" + key + " = true\n"),
                  HasSubstr(key + " is taken from the command line only"));
    }
  }
  for (const auto* key : {"help", "version"})
    EXPECT_THAT(refusal(std::string{key} + " = true"), HasSubstr("command line only"));
  put(file, "");
  variables["NVMIGRATE_ALLOW"] = "used";
  EXPECT_NO_THROW(line({"backends"})) << "a variable that is not ours";
}

TEST_F(ConfigurationTest, IsWhollyCheckedWhateverOverridesIt) {
  EXPECT_THAT(refusal("wait = x\n", {"list", "--wait", "1"}), HasSubstr("line 1"));
  EXPECT_THAT(refusal("[bind]\ndriver =\n", {"list"}), HasSubstr("line 2"));
}

TEST_F(ConfigurationTest, HelpAndCompletionDoNotNeedIt) {
  put(file, "nonsense");
  for (const Words& words : {Words{"--help"}, Words{"--version"}, Words{"help"},
                             Words{"bind", "--help"}, Words{"__complete", "b"}}) {
    EXPECT_NO_THROW(line(words)) << testing::PrintToString(words);
  }
}

TEST_F(ConfigurationTest, SaysHowWrongWordsAreAnswered) {
  put(file, "output-format = json\n");
  EXPECT_EQ(Json::parse(test::run_here({"nonsense"}, environment).err)["error"]["code"], "usage");
  put(file, "output-format = yaml\n");
  const auto answer = test::run_here({"nonsense"}, environment);
  EXPECT_THAT(answer.err, HasSubstr("'nonsense'"));
  EXPECT_EQ(answer.status, ExitStatus::usage);
}

TEST_F(ConfigurationTest, OfAnotherUserIsRefusedWithWhatMendsIt) {
  put(file, "wait = 1\n");
  std::filesystem::permissions(file, std::filesystem::perms::others_write,
                               std::filesystem::perm_options::add);
  const auto answer = test::run_here({"list", "-o", "json"}, environment);
  EXPECT_EQ(answer.status, ExitStatus::refused);
  const auto error = Json::parse(answer.err)["error"];
  EXPECT_EQ(error["commands"], Json({{"chmod", "go-w", file}}));
}

TEST_F(ConfigurationTest, TheExampleSetsNothingAndNamesEveryKey) {
  std::ifstream installed(NVMIGRATE_SOURCE_DIR "/cli/package/nvmigrate.conf");
  std::stringstream text;
  text << installed.rdbuf();
  EXPECT_EQ(text.str(), example_configuration())
      << "make it anew: nvmigrate __man-options --configuration";
  put(file, text.str());
  EXPECT_EQ(configuration_of(environment).of_file().size(), 0U);
  std::size_t keys = 0;
  for (std::string row; std::getline(text, row);) {
    EXPECT_LE(row.size(), 90U) << row;
    EXPECT_THAT(row, testing::AnyOf(testing::IsEmpty(), testing::StartsWith("#"),
                                    testing::MatchesRegex("\\[[a-z]+\\]")));
    keys += row.size() > 1 && row[0] == '#' && row[1] != ' ' ? 1U : 0U;
  }
  EXPECT_GT(keys, 20U);
}

/// What the example proposes can be set there.
TEST_F(ConfigurationTest, EveryKeyOfTheExampleIsOne) {
  for_each_section([&](const std::string& name, const std::vector<const CLI::Option*>& options) {
    for (const auto* option : options) {
      const auto key = option->get_name().substr(2);
      const auto text = (name.empty() ? "" : "[" + name + "]\n") + key + " = \n";
      EXPECT_THAT(refusal(text), testing::Not(HasSubstr("unknown"))) << text;
    }
  });
}

}  // namespace
}  // namespace nvmigrate::cli
