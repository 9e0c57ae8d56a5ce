// SPDX-License-Identifier: LGPL-2.1-or-later
#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <csignal>
#include <future>

#include "cli/text/fields.h"
#include "cli/text/findings.h"
#include "cli/text/visible.h"
#include "tests/cli/contract.h"
#include "tests/support/terminal.h"

namespace nvmigrate::test {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class Listing : public Contract {
 protected:
  Listing() {
    must("sim create a --vfs-total 12 --others 1");
    must("provision sim:a --vfs 2");
    must("bind sim:a 1");
    must("mark sim:a 1");
    must("suspend sim:a 1");
  }

  Words listed(const std::string& more = {}) { return lines_of(tool.run("list" + more).output); }
  /// What a shell prints when it is given a text and a script.
  static Words shell(const std::string& script, const std::string& text) {
    return lines_of(run_program({"/bin/bash", "-c", script, "bash", text}).output);
  }
};

TEST_F(Listing, FitsTheScreen) {
  for (const std::string columns : {"40", "80", "200"}) {
    tool.environment()["COLUMNS"] = columns;
    for (const std::string what : {"list", "show sim:a", "show sim:a 1", "doctor sim:a"}) {
      for (const auto& line : lines_of(tool.run(what).output)) {
        if (line.find("-> ") != std::string::npos) continue;        // a command is not wrapped
        if (line.find("6e766d69-") != std::string::npos) continue;  // nor is a UUID
        if (line.find("nqn.") != std::string::npos) continue;
        if (line.find("/dev/") != std::string::npos) continue;
        if (columns == "40" && line.starts_with("  RESOURCE")) break;
        EXPECT_LE(cli::width_of(line), std::stoul(columns)) << what << ": " << line;
      }
    }
  }
}

TEST_F(Listing, IsAsWideAsTheTerminal) {
  const Terminal terminal;
  const auto at = terminal.at({STDOUT_FILENO});
  const auto run = [&](unsigned short columns) {
    EXPECT_EQ(tool.run("list",
                       [&] {
                         at();
                         const winsize size{
                             .ws_row = 24, .ws_col = columns, .ws_xpixel = 0, .ws_ypixel = 0};
                         ::ioctl(STDOUT_FILENO, TIOCSWINSZ, &size);
                       })
                  .status,
              0);
    return terminal.shown();
  };
  EXPECT_THAT(run(200), AllOf(HasSubstr("GROUP"), HasSubstr("interrupts free\r\n")));
  EXPECT_THAT(run(60), AllOf(HasSubstr("STATUS"), Not(HasSubstr("GROUP"))));
  EXPECT_THAT(run(0), HasSubstr("STATUS"));
  EXPECT_THAT(listed(), Contains(AllOf(StartsWith("  ! "), EndsWith("Z)"))))
      << "a sentence in a pipe is one line";
}

TEST_F(Listing, DropsWholeColumnsButNotWhatMatters) {
  tool.environment()["COLUMNS"] = "40";
  const auto narrow = listed();
  tool.environment()["COLUMNS"] = "200";
  const auto wide = listed();
  EXPECT_THAT(narrow, Contains(AllOf(HasSubstr("ID"), HasSubstr("STATUS"), Not(HasSubstr("VQ")))));
  EXPECT_THAT(wide, Contains(AllOf(HasSubstr("VQ"), HasSubstr("ADDRESS"), HasSubstr("GROUP"))));
  EXPECT_THAT(narrow, Contains(HasSubstr("suspended")));
}

TEST_F(Listing, FoldsUnusedFunctionsAndNoOthers) {
  const auto lines = listed();
  EXPECT_THAT(lines, Contains(HasSubstr("3-12  3-12  10 unused")));
  EXPECT_THAT(lines, Contains(HasSubstr("|- 1 ")));
  EXPECT_THAT(lines, Contains(HasSubstr("`- 13 ")));
  must("mark sim:a 7");
  const auto marked = listed();
  EXPECT_THAT(marked, Contains(HasSubstr("3-6   3-6   4 unused")));
  EXPECT_THAT(marked, Contains(AllOf(HasSubstr("- 7 "), HasSubstr("offline"), HasSubstr("yes"))));
  EXPECT_THAT(marked, Contains(HasSubstr("8-12  8-12  5 unused")));
}

TEST_F(Listing, BranchesAndArrowsAreAsTheLocaleHasThem) {
  tool.environment()["LC_ALL"] = "C.UTF-8";
  EXPECT_THAT(listed(), AllOf(Contains(StartsWith("  \u2514\u2500 13 ")),
                              Contains("    \u2192 nvmigrate resume sim:a 1")));
}

TEST_F(Listing, TheIdsOfAFoldedLineCanBeUsed) {
  EXPECT_EQ(tool.run("mark sim:a 3-12").status, 0);
  EXPECT_THAT(listed(), Not(Contains(HasSubstr("unused"))));
}

TEST_F(Listing, RowsForScriptsAreWhole) {
  tool.environment()["COLUMNS"] = "10";
  const auto lines =
      listed(" --format tsv --fields device,controller_id,status,marked,vfio_device");
  ASSERT_EQ(lines.size(), 14U);
  EXPECT_EQ(lines[0], "device\tcontroller_id\tstatus\tmarked\tvfio_device");
  EXPECT_EQ(lines[1], "sim:a\t1\tsuspended\t1\t/dev/vfio/devices/vfio0");
  EXPECT_EQ(lines[3], "sim:a\t3\toffline\t0\t");
  const auto all = listed(" --format tsv");
  EXPECT_THAT(all[0], StartsWith("device\tcontroller_id\tvirtual_function\tstatus\t"));
  EXPECT_EQ(std::count(all[0].begin(), all[0].end(), '\t'),
            std::count(all[1].begin(), all[1].end(), '\t'));
}

TEST_F(Listing, AShellReadsTheVariablesOfEachFunction) {
  const auto text = tool.run("list --format env").output;
  const std::string script =
      "while IFS= read -r -d '' block; do eval \"$block\";"
      " echo \"$NVMIGRATE_CONTROLLING_FUNCTION $NVMIGRATE_FUNCTION_ID $NVMIGRATE_FUNCTION_STATUS\";"
      "done < <(printf '%s\\n' \"$1\" | awk 'BEGIN { RS = \"\"; ORS = \"\\0\" } { print }')";
  const auto read = shell(script, text);
  ASSERT_EQ(read.size(), 13U);
  EXPECT_EQ(read[0], "sim:a 1 suspended");
  EXPECT_EQ(read[12], "sim:a 13 running");
  EXPECT_THAT(tool.run("list sim:a --format env --fields vfio_device").output,
              StartsWith("NVMIGRATE_VFIO_DEVICE='/dev/vfio/devices/vfio0'\n\n"));
  EXPECT_THAT(tool.run("handle sim:a 1 --format env").output,
              HasSubstr("NVMIGRATE_VFIO_DEVICE='/dev/vfio/devices/vfio0'\n"));
}

TEST(ValuesForScripts, ComeBackAsTheyWere) {
  const std::string odd = "a\tb\\c'd\"$e\nf\rg\x1bh";
  const auto field = cli::escaped_for_tsv(odd);
  EXPECT_THAT(field, AllOf(Not(HasSubstr("\t")), Not(HasSubstr("\n")), Not(HasSubstr("\x1b"))));
  const std::map<std::string, std::string> utf8{{"LC_ALL", "C.UTF-8"}};
  EXPECT_EQ(run_program({"/bin/bash", "-c", "printf %b \"$1\"", "bash", field}, utf8).output, odd);
  EXPECT_EQ(run_program({"/bin/sh", "-c", "printf %s " + cli::quoted_for_sh(odd)}).output, odd);
}

TEST_F(Listing, RefusesFieldsThatItDoesNotHave) {
  const auto error = error_of("list --fields controller_id,colour", ExitStatus::usage);
  const auto message = error["message"].get<std::string>();
  EXPECT_THAT(message, AllOf(HasSubstr("'colour'"), HasSubstr("vfio_device"), HasSubstr("status")));
  error_of("list --fields status", ExitStatus::usage);
  tool.environment()["NVMIGRATE_OUTPUT_FORMAT"] = "json";
  EXPECT_THAT(tool.run("list --format tsv --fields status").output,
              StartsWith("status\nsuspended\n"));
  EXPECT_THAT(tool.run("list --fields status").output, HasSubstr("STATUS"));
  tool.environment().erase("NVMIGRATE_OUTPUT_FORMAT");
  error_of("list --format tsv", ExitStatus::usage);
}

TEST_F(Listing, ColoursMeanSomething) {
  const Terminal terminal;
  tool.environment()["TERM"] = "xterm";
  EXPECT_EQ(tool.run("list", terminal.at({STDOUT_FILENO})).status, 0);
  EXPECT_THAT(terminal.shown(),
              AllOf(HasSubstr("\x1b[33msuspended\x1b[0m"), HasSubstr("\x1b[2m10 unused\x1b[0m")));
  for (const auto& [name, value] :
       std::map<std::string, std::string>{{"NO_COLOR", "1"}, {"TERM", "dumb"}}) {
    tool.environment()[name] = value;
    EXPECT_EQ(tool.run("list", terminal.at({STDOUT_FILENO})).status, 0);
    EXPECT_THAT(terminal.shown(), AllOf(HasSubstr("suspended"), Not(HasSubstr("\x1b"))));
    tool.environment().erase("NO_COLOR");
  }
}

TEST_F(Listing, WatchDrawsAgainUntilItIsInterrupted) {
  const Terminal terminal;
  tool.environment()["TERM"] = "xterm";
  pid_t child = -1;
  int pipe[2];
  ASSERT_EQ(::pipe2(pipe, O_CLOEXEC), 0);
  auto ran = std::async(std::launch::async, [&] {
    return tool.run("list --watch=1", [&] {
      const pid_t own = ::getpid();
      if (::write(pipe[1], &own, sizeof own) != sizeof own) ::_exit(1);
      terminal.at({STDOUT_FILENO})();
    });
  });
  ASSERT_EQ(::read(pipe[0], &child, sizeof child), static_cast<ssize_t>(sizeof child));
  const auto first = terminal.shown_up_to("suspended");
  EXPECT_THAT(first, HasSubstr("\x1b[H\x1b[J"));
  must("resume sim:a 1");
  must("mark sim:a 5");
  terminal.shown_up_to("offline");
  ::kill(child, SIGINT);
  EXPECT_EQ(ran.get().status, 0);
  ::close(pipe[0]);
  ::close(pipe[1]);
}

TEST_F(Listing, WatchIsForATerminalAndATable) {
  error_of("list --watch", ExitStatus::usage);
  expect_refused({"list", "--watch"}, ExitStatus::usage, "--watch");
  const Terminal terminal;
  for (const std::string more : {"--format tsv", "--format env", "-o json"}) {
    EXPECT_EQ(tool.run("list --watch " + more, terminal.at({STDOUT_FILENO})).status, 2) << more;
  }
  expect_refused({"list", "--watch=0"}, ExitStatus::usage, "--watch");
  expect_refused({"list", "--watch="}, ExitStatus::usage, "--watch needs a value");
}

}  // namespace
}  // namespace nvmigrate::test
