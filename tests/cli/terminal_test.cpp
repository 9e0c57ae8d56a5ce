// SPDX-License-Identifier: LGPL-2.1-or-later
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <future>
#include <thread>

#include "tests/cli/contract.h"
#include "tests/support/terminal.h"

namespace nvmigrate::test {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr const char* red = "\x1b[1;31m";

class OnATerminal : public Contract {
 protected:
  OnATerminal() { tool.environment()["TERM"] = "xterm"; }

  Terminal terminal;
  std::function<void()> standard_error = terminal.at({STDERR_FILENO});
};

TEST_F(OnATerminal, OnlyErrorsThereAreRed) {
  EXPECT_EQ(tool.run("nonsense", standard_error).status, 2);
  EXPECT_THAT(terminal.shown(), HasSubstr(red));
  EXPECT_EQ(tool.run("list -v", standard_error).status, 0);
  EXPECT_THAT(terminal.shown(), Not(HasSubstr("\x1b")));
  EXPECT_THAT(tool.run("nonsense", terminal.at({STDOUT_FILENO})).error, Not(HasSubstr("\x1b")));
}

TEST_F(OnATerminal, NoColorMeansNoColour) {
  tool.environment()["NO_COLOR"] = "1";
  EXPECT_EQ(tool.run("nonsense", standard_error).status, 2);
  EXPECT_THAT(terminal.shown(), AllOf(HasSubstr("nonsense"), Not(HasSubstr("\x1b"))));
  tool.environment()["NO_COLOR"] = "";
  EXPECT_EQ(tool.run("nonsense", standard_error).status, 2);
  EXPECT_THAT(terminal.shown(), HasSubstr(red));
}

TEST_F(OnATerminal, ATerminalWithoutEscapeSequencesGetsNone) {
  for (const std::string name : {"dumb", "unknown", ""}) {
    tool.environment()["TERM"] = name;
    EXPECT_EQ(tool.run("nonsense", standard_error).status, 2);
    EXPECT_THAT(terminal.shown(), AllOf(HasSubstr("nonsense"), Not(HasSubstr("\x1b")))) << name;
  }
}

TEST_F(OnATerminal, StatesAreNotTypedIn) {
  prepare("a", 1);
  for (const std::string line : {"import sim:a 1 -f -", "inspect -", "verify -", "compare - other",
                                 "import sim:nowhere 1 -f -"}) {
    expect_refused(words_of(line), ExitStatus::refused, "standard input",
                   terminal.at({STDIN_FILENO}));
  }
}

TEST_F(OnATerminal, StatesAreNotShown) {
  prepare("a", 1);
  for (const std::string more : {"", " --dry-run"}) {
    const auto ran = tool.run("export sim:a 1 -f -" + more, terminal.at({STDOUT_FILENO}));
    EXPECT_EQ(ran.status, 4);
    EXPECT_THAT(ran.error, HasSubstr("standard output"));
    EXPECT_THAT(terminal.shown(), IsEmpty());
  }
  EXPECT_EQ(json_of("show sim:a 1")["function"]["status"], "running");
}

/// Sentences are as wide as the terminal; what is to be pasted is whole.
class Wrapping : public OnATerminal {
 protected:
  std::string shown(const std::string& line, unsigned short columns = 60) {
    tool.environment()["NO_COLOR"] = "1";
    static_cast<void>(tool.run(line, [&] {
      standard_error();
      const winsize size{.ws_row = 24, .ws_col = columns, .ws_xpixel = 0, .ws_ypixel = 0};
      ::ioctl(STDERR_FILENO, TIOCSWINSZ, &size);
    }));
    auto text = terminal.shown();
    std::erase(text, '\r');
    return text;
  }
  /// Of what is printed where nothing is a terminal, the lines, without their margins, as one.
  static std::string joined(const std::string& text) {
    std::string whole;
    for (auto line : lines_of(text)) {
      line.erase(0, line.find_first_not_of(' '));
      whole += (whole.empty() ? "" : " ") + line;
    }
    return whole;
  }
};

TEST_F(Wrapping, OfErrorsAdviceAndFindings) {
  prepare("a", 2);
  must("bind sim:a 1,2");
  must("sim guest start sim:a 1");
  must("suspend sim:a 2");
  for (const std::string line :
       {"unbind sim:a 1,2", "deprovision sim:a", "list sim:nowhere", "mark vf1 sim:a",
        "provision sim:a", "show /dev/nvme-is-not-here"}) {
    const auto narrow = shown(line);
    const auto whole = tool.run(line).error;
    EXPECT_EQ(joined(narrow), joined(whole)) << line;
    for (const auto& one : lines_of(narrow)) {
      EXPECT_TRUE(one.size() <= 60 || one.find("-> ") != std::string::npos) << one;
    }
    EXPECT_EQ(shown(line, 500), whole);
  }
  EXPECT_THAT(shown("unbind sim:a 1,2"), HasSubstr("\n  - "));
  EXPECT_THAT(shown("deprovision sim:a", 30), HasSubstr("\n    -> nvmigrate resume sim:a 2\n"));
}

TEST_F(Wrapping, OfWarningsAndNotes) {
  prepare("a", 1);
  const auto text = shown("list sim:a sim:nowhere", 40);
  EXPECT_EQ(text, "nvmigrate: warning: sim:nowhere: there\n  is no simulated subsystem nowhere\n");
}

TEST_F(Wrapping, IsForATerminalOnly) {
  const auto whole = tool.run("provision sim:nowhere --vfs x").error;
  tool.environment()["COLUMNS"] = "20";
  EXPECT_EQ(tool.run("provision sim:nowhere --vfs x").error, whole);
}

/// Exports that report more than once.
class Progress : public OnATerminal {
 protected:
  Progress() { prepare("a", 1, "--state-size 64M"); }

  /// Reads a state to its end, so slowly that a bar is worth while, and what the terminal shows
  /// meanwhile.
  std::string shown_while_reading(const std::string& fifo) {
    std::string text;
    std::vector<char> piece(std::size_t{256} << 10U);
    const auto input = OpenFile::open(io, fifo, O_RDONLY);
    while (::read(input.fd(), piece.data(), piece.size()) > 0) {
      text += terminal.shown();
      if (text.find('[') == std::string::npos) std::this_thread::sleep_for(10ms);
    }
    return text;
  }

  SystemIo io;
  std::string file = tool.folder() / "x";
};

TEST_F(Progress, IsABarOnATerminalAndGoesAway) {
  ASSERT_EQ(::mkfifo(file.c_str(), 0600), 0);
  auto ran = std::async(std::launch::async, [&] {
    return tool.run("export sim:a 1 -f -", [&] {
      ::dup2(::open(file.c_str(), O_WRONLY | O_CLOEXEC), STDOUT_FILENO);
      standard_error();
    });
  });
  auto text = shown_while_reading(file);
  EXPECT_EQ(ran.get().status, 0);
  text += terminal.shown();
  EXPECT_THAT(text, HasSubstr("\rexport 1 [#"));
  EXPECT_THAT(text, HasSubstr("% of 64 MiB"));
  EXPECT_THAT(text, Not(HasSubstr("\x1b"))) << "a bar needs no escape sequences";
  const auto last = text.rfind("[#");
  const auto gone = text.find("\r ", last);
  ASSERT_NE(gone, std::string::npos);
  const auto covered = text.find_first_not_of(' ', gone + 1);
  ASSERT_NE(covered, std::string::npos);
  EXPECT_EQ(text[covered], '\r');
  EXPECT_GE(covered - gone - 1, std::string_view("export 1 [").size() + 2) << "all of it";
}

TEST_F(Progress, IsLinesOfJsonWhenAskedFor) {
  const auto ran = tool.run({"export", "sim:a", "1", "-f", file, "--progress", "json"});
  ASSERT_EQ(ran.status, 0) << ran.error;
  const auto lines = lines_of(ran.error);
  ASSERT_THAT(lines, Not(IsEmpty()));
  std::uint64_t done = 0;
  for (const auto& line : lines) {
    const auto report = Json::parse(line)["progress"];
    EXPECT_EQ(report["step"], "export");
    EXPECT_EQ(report["controller_id"], 1);
    EXPECT_GT(report["done"], done);
    done = report["done"];
  }
  EXPECT_EQ(Json::parse(lines.back())["progress"]["total"], done);
  EXPECT_EQ(done, std::uint64_t{64} << 20U);
}

TEST_F(Progress, OfAFileThatIsVerifiedIsOfNoFunction) {
  must("export sim:a 1 --then resume -f " + file);
  const auto ran =
      tool.run({"import", "sim:a", "1", "-f", file, "--progress", "json", "--check-only"});
  const auto lines = lines_of(ran.error);
  ASSERT_THAT(lines, Not(IsEmpty())) << ran.output;
  for (const auto& line : lines) {
    const auto report = Json::parse(line)["progress"];
    EXPECT_EQ(report["step"], "verify");
    EXPECT_TRUE(report["controller_id"].is_null());
  }
  const auto last = Json::parse(lines.back())["progress"];
  EXPECT_EQ(last["done"], last["total"]);
}

TEST_F(Progress, IsNotShownWithoutATerminalOrWhenSoAsked) {
  const Words snapshot{"export", "sim:a", "1", "-f", file, "--then", "resume", "--overwrite"};
  EXPECT_THAT(tool.run(snapshot).error, IsEmpty());
  for (const Words& more : {Words{"--progress", "none"}, Words{"-q"}, Words{"-o", "json"}}) {
    auto words = snapshot;
    words.insert(words.end(), more.begin(), more.end());
    EXPECT_EQ(tool.run(words, standard_error).status, 0);
    EXPECT_THAT(terminal.shown(), IsEmpty()) << more[0];
  }
}

}  // namespace
}  // namespace nvmigrate::test
