// SPDX-License-Identifier: LGPL-2.1-or-later
#include <unistd.h>

#include <filesystem>
#include <future>

#include "tests/cli/contract.h"
#include "tests/support/terminal.h"

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
class Completion : public Contract {
 protected:
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
};

TEST_F(Completion, CompletesVerbs) {
  const auto verbs = complete("nvmigrate ");
  EXPECT_THAT(verbs, AllOf(Contains("list"), Contains("provision"), Contains("sim")));
  EXPECT_THAT(verbs, Not(Contains(testing::StartsWith("_"))));
  EXPECT_THAT(complete("nvmigrate unm"), ElementsAre("unmark"));
  EXPECT_THAT(complete("nvmigrate -o json deprov"), ElementsAre("deprovision"));
  EXPECT_THAT(complete("nvmigrate sim gu"), ElementsAre("guest"));
  EXPECT_THAT(complete("nvmigrate sim guest st"), UnorderedElementsAre("start", "stop", "status"));
  EXPECT_THAT(complete("nvmigrate nonsense "), IsEmpty());
}

TEST_F(Completion, CompletesOptionsAndTheirWords) {
  EXPECT_THAT(complete("nvmigrate provision --vf"), ElementsAre("--vfs"));
  EXPECT_THAT(complete("nvmigrate list --"), Contains("--output-format"));
  EXPECT_THAT(complete("nvmigrate --out"), ElementsAre("--output-format"));
  EXPECT_THAT(complete("nvmigrate -o "), ElementsAre("normal", "json"));
  EXPECT_THAT(complete("nvmigrate list -o j"), ElementsAre("json"));
  EXPECT_THAT(complete("nvmigrate list --output-format=j"), ElementsAre("json"));
  EXPECT_THAT(complete("nvmigrate handle sim:x 1 --format q"), ElementsAre("qemu"));
  EXPECT_THAT(complete("nvmigrate handle sim:x 1 -o json --format=q"), ElementsAre("qemu"));
  EXPECT_THAT(complete("nvmigrate export sim:x 1 --bogus --fi"), ElementsAre("--file"));
  EXPECT_THAT(complete("nvmigrate list --timeout "), IsEmpty());
}

TEST_F(Completion, CompletesDevicesWithoutTheWordBashHasSplitOff) {
  must("sim create left");
  must("sim create lower");
  EXPECT_THAT(complete("nvmigrate show sim:l"), UnorderedElementsAre("left", "lower"));
  EXPECT_THAT(complete("nvmigrate show sim:le"), ElementsAre("left"));
  EXPECT_THAT(complete("nvmigrate show -v s"), Contains("sim:left"));
}

TEST_F(Completion, CompletesTheFunctionsThatMakeSense) {
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

TEST_F(Completion, CompletesWhatTheVerbCanBeDoneTo) {
  must("sim create left --vfs-total 4");
  must("provision sim:left --vfs 3");
  must("mark sim:left 1");
  must("bind sim:left 2");
  must("suspend sim:left 3");
  EXPECT_THAT(complete("nvmigrate suspend sim:left "), ElementsAre("1", "2"));
  EXPECT_THAT(complete("nvmigrate resume sim:left "), ElementsAre("3"));
  EXPECT_THAT(complete("nvmigrate mark sim:left "), ElementsAre("2", "3", "4"));
  EXPECT_THAT(complete("nvmigrate unmark sim:left "), ElementsAre("1"));
  EXPECT_THAT(complete("nvmigrate bind sim:left "), ElementsAre("1", "3"));
  for (const std::string verb : {"unbind", "handle"})
    EXPECT_THAT(complete("nvmigrate " + verb + " sim:left "), ElementsAre("2"));
  for (const std::string verb : {"export", "import", "transfer"})
    EXPECT_THAT(complete("nvmigrate " + verb + " sim:left "), ElementsAre("1"));
  must("export sim:left 1 -f " + tool.folder() / "x");
  EXPECT_THAT(complete("nvmigrate release sim:left "), ElementsAre("1"));
  EXPECT_THAT(complete("nvmigrate resume sim:left "), ElementsAre("3"));
}

TEST_F(Completion, NamesFunctionsAsTheyAreBegun) {
  must("sim create left --others 1");
  must("provision sim:left --vfs 2");
  EXPECT_THAT(complete("nvmigrate suspend sim:left v"), ElementsAre("vf1", "vf2"));
  EXPECT_THAT(complete("nvmigrate suspend sim:left vf2,v"), ElementsAre("vf2,vf1", "vf2,vf2"));
  EXPECT_THAT(complete("nvmigrate suspend sim:left 1,v"), ElementsAre("1,vf1", "1,vf2"));
}

TEST_F(Completion, CompletesWhatMayBeAllowed) {
  EXPECT_THAT(complete("nvmigrate bind sim:x 1 --allow "),
              ElementsAre("uses_unknown", "shared_group"));
  EXPECT_THAT(complete("nvmigrate resume sim:x 1 --allow l"), ElementsAre("loading"));
  EXPECT_THAT(complete("nvmigrate import sim:x 1 --allow model --allow fi"),
              ElementsAre("firmware"));
  EXPECT_THAT(complete("nvmigrate import sim:x 1 --allow=source_r"),
              UnorderedElementsAre("source_runs", "source_resumed"));
}

TEST_F(Completion, CompletesWhatTheHostAndTheDeviceKnow) {
  must("sim create left --variant-driver odd-vfio --namespaces 2");
  must("provision sim:left --vfs 1");
  EXPECT_THAT(complete("nvmigrate bind sim:left 1 --driver "),
              UnorderedElementsAre("vfio-pci", "odd-vfio"));
  EXPECT_THAT(complete("nvmigrate bind sim:left 1 --owner roo"), ElementsAre("root"));
  EXPECT_THAT(complete("nvmigrate bind sim:left 1 --owner root:da"), ElementsAre("daemon"));
  EXPECT_THAT(complete("nvmigrate provision sim:left --attach "), ElementsAre("all", "1", "2"));
  EXPECT_THAT(complete("nvmigrate provision sim:left --attach 1,2"), ElementsAre("1,2"));
  EXPECT_THAT(complete("nvmigrate export sim:left 1 --format "), ElementsAre("0"));
  EXPECT_THAT(complete("nvmigrate export sim:left 1 --vendor "),
              ElementsAre("6e766d69-6772-4174-8573-696d756c6174", "none"));
  EXPECT_THAT(complete("nvmigrate help sim guest sta"), UnorderedElementsAre("start", "status"));
}

TEST_F(Completion, DescribesWhenAsked) {
  must("sim create left --others 1");
  must("provision sim:left --vfs 1");
  must("mark sim:left 1");
  const auto described = [&](const std::string& words) {
    return tool.run("__complete --describe -- " + words).output;
  };
  EXPECT_EQ(described("unmark sim:left 1"), "1\tvf 1, running, marked\n");
  EXPECT_EQ(described("show sim:left 9"), "9\tnot a VF, running, nvme\n");
  EXPECT_EQ(described("show sim:l"), "sim:left\tsimulated\n");
  EXPECT_EQ(described("releas"),
            "release\tGive up functions whose exported state was taken elsewhere\n");
  EXPECT_EQ(described("resume sim:left 1 --allow exp"),
            "exported\tthe state of FUNCTION was exported\n");
  EXPECT_EQ(described("-o j"), "json\n");
}

TEST_F(Completion, TakesWordsWithBlanksAndQuotes) {
  put(tool.folder() / "sp ace/one.state", "");
  for (const std::string word : {R"(sp\ ace/)", R"('sp ace/)", R"("sp ace/)", R"(sp" "ace/o)"}) {
    EXPECT_THAT(complete("nvmigrate verify " + word), ElementsAre("sp ace/one.state")) << word;
    EXPECT_THAT(complete("nvmigrate import 'sim:x' \"1\" -f " + word),
                ElementsAre("sp ace/one.state"));
  }
  EXPECT_THAT(complete("nvmigrate verify 'a b' --r"), ElementsAre("--raw"));
  must("sim create left");
  EXPECT_THAT(complete("nvmigrate show 'sim:l"), ElementsAre("sim:left"));
}

/// An interactive bash that found the completion as installed, with the package bash-completion.
class InteractiveBash : public Completion {
 protected:
  InteractiveBash() {
    namespace fs = std::filesystem;
    const auto completions = tool.folder() / "completions";
    fs::create_directory(completions);
    fs::create_symlink(NVMIGRATE_SOURCE_DIR "/completions/nvmigrate", completions + "/nvmigrate");
    put(tool.folder() / "rc",
        "source /usr/share/bash-completion/bash_completion\n"
        "declare -F _init_completion >/dev/null && PS1='ready> '\n"
        "bind 'set enable-bracketed-paste off'\n");
    auto& environment = tool.environment();
    environment["BASH_COMPLETION_USER_DIR"] = tool.folder().path();
    environment["PATH"] = fs::path(tool.binary()).parent_path().string() + ":/usr/bin:/bin";
    environment["TERM"] = "dumb";
    ended = std::async(std::launch::async, [this] {
      return run_program({"/bin/bash", "--noprofile", "--rcfile", tool.folder() / "rc", "-i"},
                         tool.environment(), in_child);
    });
    terminal.shown_up_to("ready> ");
  }
  ~InteractiveBash() override {
    terminal.type(
        "\x15"
        "exit 0\n");
    ended.get();
  }

  Terminal terminal;
  std::function<void()> in_child = [this, take = terminal.at({0, 1, 2})] {
    take();
    if (::chdir(tool.folder().path().c_str()) != 0) ::_exit(1);
  };
  std::future<Ran> ended;
};

TEST_F(InteractiveBash, CompletesALine) {
  put(tool.folder() / "sp ace/one.state", "");
  terminal.type("nvmigrate unm\t");
  terminal.shown_up_to("unmark ");
  terminal.type("\x15nvmigrate verify sp\\ ace/o\t");
  terminal.shown_up_to("sp\\ ace/one.state");
  must("sim create left");
  terminal.type("\x15nvmigrate show sim:l\t");
  terminal.shown_up_to("sim:left ");
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
  put(tool.folder() / "old.nvmstate", "");
  put(tool.folder() / "ours/x", "");
  EXPECT_THAT(complete("nvmigrate verify o"), UnorderedElementsAre("old.nvmstate", "ours"));
}

}  // namespace
}  // namespace nvmigrate::test
