// SPDX-License-Identifier: LGPL-2.1-or-later
#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "nvmigrate/store/lock.h"
#include "tests/cli/contract.h"

namespace nvmigrate::test {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

/// What commands say that they changed, and what they do while others change something.
class Changes : public Contract {
 protected:
  std::string path(const std::string& name) { return tool.folder() / name; }

  /// Another command that is at work on a subsystem until the end of the scope.
  SubsystemLock busy(const std::string& name) {
    const auto nqn = json_of("show sim:" + name)["subsystem_nqn"].get<std::string>();
    return {io, tool.folder().folders(), nqn, "provision", 0ms};
  }
  void expect_changed(const std::string& line, bool changed) {
    EXPECT_EQ(json_of(line)["changed"], changed) << line;
  }

  SystemIo io;
};

TEST_F(Changes, AreWhatWasDoneOrWouldBe) {
  prepare("a", 2);
  prepare("b", 2);
  const auto twice = [&](const std::string& line) {
    expect_changed(line + " --dry-run", true);
    expect_changed(line, true);
    expect_changed(line + " --dry-run", false);
    expect_changed(line, false);
  };
  twice("suspend sim:a 1");
  twice("resume sim:a 1");
  twice("sim change a --model other");
  must("sim guest start sim:a 2");
  twice("sim guest stop sim:a 2");
  for (const std::string more : {" --dry-run", ""}) {
    expect_changed("export sim:a 1 --then resume -f " + path("x") + more, true);
    expect_changed("transfer sim:a 1 sim:b 1 --allow model" + more, true);
  }
  expect_changed("import sim:b 2 --allow model --check-only -f " + path("x"), true);
  expect_changed("import sim:b 2 --allow model --dry-run -f " + path("x"), true);
  expect_changed("import sim:b 2 --allow model -f " + path("x"), true);
  EXPECT_EQ(
      json_of("import sim:b 2 --check-only -f " + path("x"), ExitStatus::bad_state)["changed"],
      false);
}

TEST_F(Changes, OfNothingWhenAllFailed) {
  prepare("a", 2);
  must("unmark sim:a all");
  for (const std::string more : {"", " --dry-run"}) {
    const auto document =
        json_of("export sim:a 1,2 --dir " + tool.folder().path() + more, ExitStatus::partial);
    EXPECT_EQ(document["changed"], false);
    EXPECT_EQ(document["functions"][0]["changed"], false);
  }
}

TEST_F(Changes, OfSeveralFunctionsNameEachThatFailed) {
  prepare("a", 3);
  must("unmark sim:a 2");
  const auto line = "export sim:a 1-3 --parallel 2 --dir " + tool.folder().path();
  const auto document = json_of(line + " --then resume", ExitStatus::partial);
  ASSERT_THAT(document["functions"], SizeIs(3));
  EXPECT_EQ(document["changed"], true);
  for (const auto& one : document["functions"]) {
    const bool failed = one["controller_id"] == 2;
    EXPECT_EQ(one["changed"], !failed);
    EXPECT_EQ(one["error"].is_null(), !failed);
    EXPECT_EQ(std::filesystem::exists(one["file"].get<std::string>()), !failed);
  }
  EXPECT_EQ(document["functions"][1]["error"]["class"], "refused");
  const auto ran = tool.run(line);
  EXPECT_EQ(ran.status, 10);
  EXPECT_THAT(lines_of(ran.error),
              ElementsAre(HasSubstr("controlled function 2 of sim:a is not marked"),
                          HasSubstr("1 of 3 functions failed")));
}

TEST_F(Changes, OfSeveralFunctionsFailAlikeInSuspendAndResume) {
  prepare("a", 2);
  const auto expect_one_failed = [&](const std::string& line, const std::string& why,
                                     const std::string& summary) {
    const auto ran = tool.run(line);
    EXPECT_EQ(ran.status, 10) << line;
    EXPECT_THAT(lines_of(ran.error), ElementsAre(HasSubstr(why), HasSubstr(summary))) << line;
  };
  expect_one_failed("suspend sim:a 1-3", "is offline", "1 of 3 functions failed");
  must("transfer sim:a 1 sim:a 2");
  expect_one_failed("resume sim:a 1-2", "was moved", "1 of 2 functions failed");
}

TEST_F(Changes, OfOneAreToldInTheSingular) {
  EXPECT_EQ(tool.run("sim create a --vfs-total 1 --dry-run").output,
            "sim:a: would be created: 1 VF, personality spec\n");
  must("sim create a --vfs-total 1 --vq 9");
  must("provision sim:a --vfs 1 --vq 8");
  EXPECT_THAT(tool.run("list sim:a").output, HasSubstr("1 of 1 VF, 1 queue and 0 interrupts free"));
  EXPECT_THAT(tool.run("doctor sim:a").output, HasSubstr("\n0 problems, 0 warnings\n"));
  must("suspend sim:a 1");
  EXPECT_THAT(tool.run("doctor sim:a").output, HasSubstr("\n0 problems, 1 warning\n"));
}

TEST_F(Changes, AFunctionThatIsOfflineDoesNotRun) {
  prepare("a", 1, "--vfs-total 2");
  const auto ran = tool.run("resume sim:a all");
  EXPECT_EQ(ran.status, 0);
  EXPECT_THAT(lines_of(ran.output),
              ElementsAre("controlled function 1 (vf 1): is running already",
                          "controlled function 2 (vf 2): is offline; nothing to resume"));
}

TEST_F(Changes, AreRehearsedWhileAnotherCommandChangesSomething) {
  prepare("a", 2);
  must("export sim:a 1 --then resume -f " + path("x"));
  const auto lock = busy("a");
  for (const auto& line :
       Words{"suspend sim:a 1", "resume sim:a 1", "export sim:a 1 -f " + path("y"),
             "import sim:a 1 -f " + path("x"), "transfer sim:a 1 sim:a 2", "mark sim:a 1",
             "bind sim:a 1", "provision sim:a --vfs 2", "sim change a --model x", "sim destroy a",
             "sim guest start sim:a 1", "sim guest stop sim:a 1"}) {
    const auto ran = tool.run(line + " --dry-run");
    EXPECT_EQ(ran.status, 0) << line << ran.error;
    const auto refused = tool.run(line);
    EXPECT_EQ(refused.status, 7) << line;
    EXPECT_THAT(refused.error,
                AllOf(HasSubstr("pid " + std::to_string(::getpid()) + " (provision)"),
                      HasSubstr("--wait 60 waits for it")))
        << line;
  }
  EXPECT_EQ(json_of("show sim:a 1")["function"]["status"], "running");
  EXPECT_FALSE(std::filesystem::exists(path("y")));
}

TEST_F(Changes, ADamagedSimulationIsStillDestroyed) {
  must("sim create a");
  put(path("sim/a.json"), "{");
  must("sim destroy a");
  EXPECT_THAT(tool.run("sim list").output, HasSubstr("no simulated subsystems"));
}

TEST_F(Changes, ThatCannotBeToldAreToldElsewhere) {
  prepare("a", 2);
  const auto full = [] { ::dup2(::open("/dev/full", O_WRONLY | O_CLOEXEC), STDOUT_FILENO); };
  const auto ran = tool.run("suspend sim:a 1", full);
  EXPECT_EQ(ran.status, 12);
  EXPECT_THAT(ran.error, AllOf(HasSubstr("the command did its work"), HasSubstr("No space left"),
                               HasSubstr("controlled function 1 (vf 1): is now suspended")));
  EXPECT_EQ(json_of("show sim:a 1")["function"]["status"], "suspended");
  for (const std::string line : {"suspend sim:a 1", "suspend sim:a 2 --dry-run"})
    EXPECT_THAT(tool.run(line, full).error, Not(HasSubstr("did its work"))) << line;
}

/// For in_child: SIGINT comes as soon as the program has a handler for it.
void interrupt_soon() {
  const pid_t program = ::getpid();
  if (::fork() != 0) return;
  const auto handles_it = [&] {
    std::ifstream status("/proc/" + std::to_string(program) + "/status");
    for (std::string line; std::getline(status, line);) {
      if (!line.starts_with("SigCgt:")) continue;
      return (std::stoull(line.substr(7), nullptr, 16) >> (SIGINT - 1) & 1U) != 0;
    }
    return true;
  };
  while (!handles_it())
    ::usleep(1000);
  ::kill(program, SIGINT);
  ::_exit(0);
}

TEST_F(Changes, EndWithTheirOwnStatusWhenInterrupted) {
  prepare("a", 1, "--state-size 16M");
  const auto unread = [] {
    std::array<int, 2> ends{};
    if (::pipe(ends.data()) == 0) ::dup2(ends[1], STDOUT_FILENO);
    interrupt_soon();
  };
  const auto ran = tool.run("export sim:a 1 -f -", unread);
  EXPECT_EQ(ran.status, 130);
  EXPECT_THAT(ran.error, HasSubstr("interrupted"));
  EXPECT_EQ(json_of("show sim:a 1")["function"]["status"], "running");
  const auto lock = busy("a");
  const auto waiting = tool.run("suspend sim:a 1 --wait 600 -o json", interrupt_soon);
  EXPECT_EQ(waiting.status, 130);
  EXPECT_EQ(error_of(waiting)["class"], "interrupted");
}

}  // namespace
}  // namespace nvmigrate::test
