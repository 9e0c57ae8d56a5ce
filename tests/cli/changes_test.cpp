// SPDX-License-Identifier: LGPL-2.1-or-later
#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "nvmigrate/store/lock.h"
#include "nvmigrate/store/records.h"
#include "tests/cli/contract.h"

namespace nvmigrate::test {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

/// What commands say that they changed, and what they do while others change something.
class Changes : public Contract {
 protected:
  std::string path(const std::string& name) { return tool.folder() / name; }

  /// Another command that changes a subsystem until the end of the scope.
  SubsystemLock busy(const std::string& name) {
    const auto shown = json_of("show sim:" + name);
    const SubsystemKey key{shown["subsystem_nqn"], shown["serial"]};
    return {io, tool.folder().folders(), key.text(), "provision", 0ms};
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
  must("bind sim:b 1");
  must("sim guest start sim:b 1 --empty");
  for (const std::string more : {" --dry-run", ""}) {
    expect_changed("export sim:a 1 --then resume -f " + path("x") + more, true);
    expect_changed("transfer sim:a 1 sim:b 1 --allow model" + more, true);
  }
  const std::string snapshot =
      "import sim:b 2 --allow model --allow source_away --allow source_resumed -f " + path("x");
  expect_changed(snapshot + " --check-only", true);
  expect_changed(snapshot + " --dry-run", true);
  expect_changed(snapshot, true);
  EXPECT_EQ(json_of("import sim:b 2 --check-only -f " + path("x"), ExitStatus::refused)["changed"],
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
  const auto line = "export sim:a 1-3 --parallel 2 --overwrite --dir " + tool.folder().path();
  const auto document = json_of(line + " --then resume", ExitStatus::partial);
  ASSERT_THAT(document["functions"], SizeIs(3));
  EXPECT_EQ(document["changed"], true);
  for (const auto& one : document["functions"]) {
    const bool failed = one["controller_id"] == 2;
    EXPECT_EQ(one["changed"], !failed);
    EXPECT_EQ(one["error"].is_null(), !failed);
    EXPECT_EQ(std::filesystem::exists(one["file"].get<std::string>()), !failed);
  }
  EXPECT_EQ(document["functions"][1]["error"]["code"], "unmarked");
  EXPECT_EQ(document["functions"][1]["error"]["commands"],
            Json({{"nvmigrate", "mark", "sim:a", "2"}}));
  const auto ran = tool.run(line);
  EXPECT_EQ(ran.status, 10);
  EXPECT_THAT(lines_of(ran.error), SizeIs(2)) << "what failed, and how many: " << ran.error;
}

TEST_F(Changes, OfSeveralFunctionsFailAlikeInSuspendAndResume) {
  prepare("a", 2);
  const auto expect_one_failed = [&](const std::string& line, std::size_t which,
                                     const std::string& code) {
    const auto functions = json_of(line, ExitStatus::partial)["functions"];
    for (std::size_t i = 0; i < functions.size(); ++i) {
      const auto& error = functions[i]["error"];
      EXPECT_EQ(error.is_null() ? "" : error["code"], i == which ? code : "") << line;
    }
    EXPECT_THAT(lines_of(tool.run(line).error), SizeIs(2)) << line;
  };
  expect_one_failed("suspend sim:a 1-3", 2, "offline");
  must("transfer sim:a 1 sim:a 2 --allow not_open");
  expect_one_failed("resume sim:a 1-2", 0, "away");
}

TEST_F(Changes, ASuspensionIsAWarningOfTheDoctor) {
  prepare("a", 1, "--vfs-total 1");
  EXPECT_EQ(json_of("doctor sim:a")["warnings"], 0);
  must("suspend sim:a 1");
  const auto found = json_of("doctor sim:a");
  EXPECT_EQ(found["warnings"], 1);
  EXPECT_EQ(found["problems"], 0);
  EXPECT_EQ(json_of("list sim:a")["devices"][0]["findings"][0]["code"], "suspended");
}

TEST_F(Changes, AFunctionThatIsOfflineDoesNotRun) {
  prepare("a", 1, "--vfs-total 2");
  EXPECT_EQ(json_of("resume sim:a all")["changed"], false);
  EXPECT_EQ(json_of("show sim:a 2")["function"]["status"], "offline");
}

TEST_F(Changes, AreRehearsedWhileAnotherCommandChangesSomething) {
  prepare("a", 2);
  must("export sim:a 1 --then resume -f " + path("x"));
  const auto lock = busy("a");
  for (const auto& line :
       Words{"suspend sim:a 1", "resume sim:a 1", "export sim:a 1 -f " + path("y"),
             "import sim:a 1 --allow source_resumed -f " + path("x"),
             "transfer sim:a 1 sim:a 2 --allow not_open", "mark sim:a 1", "bind sim:a 1",
             "provision sim:a --vfs 2", "sim change a --model x", "sim destroy a",
             "sim guest start sim:a 1", "sim guest stop sim:a 1"}) {
    const auto ran = tool.run(line + " --dry-run");
    EXPECT_EQ(ran.status, 0) << line << ran.error;
    const auto refused = error_of(line, ExitStatus::busy);
    EXPECT_THAT(refused["message"].get<std::string>(),
                AllOf(HasSubstr(std::to_string(::getpid())), HasSubstr("provision")));
    EXPECT_EQ(refused["code"], "busy");
  }
  EXPECT_EQ(json_of("show sim:a 1")["function"]["status"], "running");
  EXPECT_FALSE(std::filesystem::exists(path("y")));
}

TEST_F(Changes, ADamagedSimulationIsStillDestroyed) {
  must("sim create a");
  put(path("sim/a.json"), "{");
  must("sim destroy a");
  EXPECT_THAT(json_of("sim list")["subsystems"], IsEmpty());
}

TEST_F(Changes, ThatCannotBeToldAreToldElsewhere) {
  prepare("a", 2);
  const auto full = [] { ::dup2(::open("/dev/full", O_WRONLY | O_CLOEXEC), STDOUT_FILENO); };
  const auto ran = tool.run("suspend sim:a 1", full);
  EXPECT_EQ(ran.status, 12);
  const auto told = HasSubstr("controlled function 1 (vf 1)");
  EXPECT_THAT(ran.error, told) << "the result is told on standard error instead";
  EXPECT_EQ(json_of("show sim:a 1")["function"]["status"], "suspended");
  for (const std::string line : {"suspend sim:a 1", "suspend sim:a 1 --dry-run"})
    EXPECT_THAT(tool.run(line, full).error, Not(told)) << line;
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
  EXPECT_EQ(json_of("show sim:a 1")["function"]["status"], "running");
  const auto lock = busy("a");
  const auto waiting =
      error_of("suspend sim:a 1 --wait 600", ExitStatus::interrupted, interrupt_soon);
  EXPECT_EQ(waiting["class"], "interrupted");
}

}  // namespace
}  // namespace nvmigrate::test
