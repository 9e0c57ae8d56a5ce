// SPDX-License-Identifier: LGPL-2.1-or-later
#include <fcntl.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <utility>

#include "cli/parser/command_line.h"
#include "cli/text/render.h"
#include "cli/text/trace.h"
#include "nvmigrate/nvme/commands.h"
#include "tests/support/faulty_io.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/watched_seams.h"

namespace nvmigrate::cli {
namespace {

using test::contents;
using test::FaultyIo;
using test::TemporaryFolder;
using testing::HasSubstr;

/// The tool in this process, over files of the test.
class InProcess : public testing::Test {
 protected:
  TemporaryFolder folder;
  SystemIo system;
  FaultyIo io{system};
  OpenFile output = OpenFile::open(system, folder / "output", O_WRONLY | O_CREAT);
  OpenFile error = OpenFile::open(system, folder / "error", O_WRONLY | O_CREAT);
  Environment environment{
      .io = io, .folders = folder.folders(), .output = output.fd(), .error = error.fd()};

  int run_line(const std::vector<std::string>& words) {
    return static_cast<int>(run(words, environment));
  }
  std::string told() { return contents(folder / "error"); }
};

TEST_F(InProcess, AFaultOfTheToolIsCalledSo) {
  environment.wrap = [](std::unique_ptr<Device>) -> std::unique_ptr<Device> {
    throw std::logic_error("broken");
  };
  EXPECT_EQ(run_line({"list", "sim:demo", "-o", "json"}), 1);
  EXPECT_EQ(Json::parse(told())["error"]["class"], "internal");
  EXPECT_THAT(told(), HasSubstr("broken"));
}

TEST_F(InProcess, AnswersThatCannotBeWrittenAreErrors) {
  io.fail_kind("write", ENOSPC, 1, 1);
  EXPECT_EQ(run_line({"backends", "-o", "json"}), 12);
  EXPECT_EQ(Json::parse(told())["error"]["code"], "io");
}

TEST_F(InProcess, AnswersSurviveShortWrites) {
  io.shorten_writes(7);
  EXPECT_EQ(run_line({"backends", "-o", "json"}), 0);
  const auto document = Json::parse(contents(folder / "output"));
  EXPECT_EQ(document.begin().key(), "schema");
  EXPECT_EQ(document["schema"], "nvmigrate.backends/1");
}

/// A simulated device that passes for a real one.
class Real final : public Device {
 public:
  explicit Real(std::unique_ptr<Device> inner) : inner_(std::move(inner)) {}
  AdminPort& admin() override { return inner_->admin(); }
  PciBus& pci() override { return inner_->pci(); }
  [[nodiscard]] const std::string& name() const override { return inner_->name(); }
  [[nodiscard]] const std::string& address() const override { return inner_->address(); }
  [[nodiscard]] bool simulated() const override { return false; }

 private:
  std::unique_ptr<Device> inner_;
};

/// What is recorded of commands on a device that is not a simulation.
class Audited : public InProcess {
 protected:
  Audited() {
    environment.wrap = [](std::unique_ptr<Device> device) {
      return std::make_unique<Real>(std::move(device));
    };
    environment.audit = [this](const std::string& where, const AuditRecord& record) {
      EXPECT_EQ(where, "auto");
      records.push_back(record);
    };
  }
  /// A field of the last record; of several with this name, all.
  std::string field(const std::string& name) {
    std::string found;
    for (const auto& [each, value] : records.back().fields)
      found += each == name ? (found.empty() ? "" : ",") + value : "";
    return found;
  }
  std::vector<AuditRecord> records;
  bool root = ::geteuid() == 0;
};

TEST_F(Audited, AreChangesAndFailedChangesOfWhoeverMay) {
  EXPECT_EQ(run_line({"provision", "sim:demo", "--vfs", "2"}), root ? 0 : 11);
  EXPECT_EQ(run_line({"provision", "sim:demo", "--vfs", "2"}), root ? 0 : 11);
  EXPECT_EQ(run_line({"provision", "sim:demo", "--vfs", "99", "--dry-run"}), 4);
  EXPECT_EQ(run_line({"list", "sim:demo"}), 0);
  ASSERT_EQ(records.size(), root ? 1U : 0U) << "once, and not when there is nothing to do";
  if (!root) return;
  EXPECT_EQ(records.back().message, "nvmigrate provision sim:demo --vfs 2: changed");
  EXPECT_EQ(field("command") + field("exit_status") + field("code"), "provision0");
  EXPECT_EQ(field("controller_id"), "1,2");
  EXPECT_EQ(field("device") + ' ' + field("address"), "sim:demo 0000:01:00.0");
  EXPECT_THAT(field("subsystem"), testing::StartsWith("nqn."));
  EXPECT_NE(field("serial"), "");
  EXPECT_EQ(field("uid"), "0");
  EXPECT_THAT(field("duration_us"), testing::MatchesRegex("[0-9]+"));
  EXPECT_EQ(run_line({"provision", "sim:demo", "--vfs", "99"}), 4);
  ASSERT_EQ(records.size(), 2U);
  EXPECT_TRUE(records.back().failed);
  EXPECT_EQ(field("result") + ' ' + field("exit_status"), "failed 4");
  EXPECT_NE(field("code") + field("error"), "");
}

TEST_F(Audited, TellWhoCalledFromWhere) {
  if (!root) return;
  environment.variable = [](const char* name) -> const char* {
    const std::string_view wanted{name};
    return wanted == "SUDO_UID"         ? "1000"
           : wanted == "SSH_CONNECTION" ? "10.0.0.1 22\n\x1b[1m"
                                        : nullptr;
  };
  const int terminal = ::posix_openpt(O_RDWR | O_NOCTTY);
  ::grantpt(terminal);
  ::unlockpt(terminal);
  const std::string name = ::ptsname(terminal);
  const int end = ::open(name.c_str(), O_RDWR | O_NOCTTY);
  environment.input = end;
  EXPECT_EQ(run_line({"provision", "sim:demo", "--vfs", "1"}), 0);
  EXPECT_EQ(field("sudo_uid"), "1000");
  EXPECT_EQ(field("ssh_connection"), "10.0.0.1 22\\u000a\\u001b[1m")
      << "nothing that a terminal obeys";
  EXPECT_EQ(field("terminal"), name);
  EXPECT_THAT(audit_line(records.back()), HasSubstr(" sudo_uid=\"1000\" "));
  ::close(end);
  ::close(terminal);
}

TEST_F(Audited, IsNothingOfASimulationNorWhenTheFileSaysSo) {
  environment.find_configuration = [this] { return folder / "."; };
  test::put(folder / "nvmigrate.conf", "audit = none\n");
  EXPECT_EQ(run_line({"provision", "sim:demo", "--vfs", "1"}), root ? 0 : 11);
  test::put(folder / "nvmigrate.conf", "");
  environment.wrap = {};
  EXPECT_EQ(run_line({"provision", "sim:demo", "--vfs", "2", "--recreate"}), 0);
  EXPECT_THAT(records, testing::IsEmpty());
}

TEST(AuditLine, QuotesEveryValue) {
  EXPECT_EQ(audit_line(AuditRecord{.message = {}, .fields = {{"a", "x y=\"1\""}, {"a", "\\"}}}),
            R"(a="x y=\"1\"" a="\\")");
}

TEST_F(InProcess, ErrorsThatNobodyCanReadStillHaveTheirStatus) {
  io.fail_kind("write", EIO);
  EXPECT_EQ(run_line({"nonsense"}), 2);
}

TEST_F(InProcess, WhatFailsForOneOfSeveralFunctionsIsToldOfThatOne) {
  ASSERT_EQ(run_line({"provision", "sim:demo", "--vfs", "3"}), 0);
  test::Watcher watcher;
  watcher.set([failed = false](const test::SeamCall& call) mutable {
    const bool of_second = call.name == "set_override" && call.object == "0000:01:00.2";
    return test::Verdict{.error = of_second && !std::exchange(failed, true) ? EIO : 0};
  });
  environment.wrap = [&](std::unique_ptr<Device> device) {
    return test::watch(std::move(device), watcher);
  };
  const auto before = contents(folder / "output").size();
  EXPECT_EQ(run_line({"bind", "sim:demo", "all", "-o", "json"}), 10);
  const auto document = Json::parse(contents(folder / "output").substr(before));
  EXPECT_EQ(document["changed"], true);
  const auto& functions = document["functions"];
  ASSERT_EQ(functions.size(), 3U);
  for (std::size_t i = 0; i < functions.size(); ++i) {
    EXPECT_EQ(functions[i]["result"], i == 1 ? "failed" : "changed");
    EXPECT_EQ(functions[i]["error"].is_null(), i != 1);
  }
  EXPECT_EQ(functions[1]["error"]["code"], "io");
}

TEST_F(InProcess, ErrorsWithAnyBytesStayJson) {
  print_error(environment, true, usage_error("bad \xff byte"));
  EXPECT_EQ(Json::parse(told())["error"]["class"], "usage");
}

class Answering final : public AdminPort {
 public:
  AdminCompletion submit(const AdminCommand&) override {
    if (fails) throw OsError(ENODEV, "send Identify to", "/dev/nvme0");
    return {.status = {0x4002}, .dw0 = 1, .dw1 = 2};
  }
  bool fails = false;
};

TEST_F(InProcess, TraceShowsCommandAndAnswer) {
  Talk talk(environment, Globals{.verbosity = 2});
  Answering inner;
  TracingPort port(inner, talk);
  std::array<std::byte, 8> data{};
  const auto completion = port.submit(command::get_state(3, {.version = 1}, 4, data));
  EXPECT_EQ(completion.dw0, 1U);
  EXPECT_THAT(told(), HasSubstr("nvmigrate: admin 0x42 Migration Receive nsid=0x0 cdw10=0x10000 "
                                "cdw11=0x3 cdw12=0x4 cdw13=0x0 cdw14=0x0 cdw15=0x1 out=0 in=8: "
                                "Invalid Field in Command (0x0.0x02, dnr) dw0=0x1 dw1=0x2 in "));
  inner.fails = true;
  EXPECT_THROW(port.submit(command::resume(3)), OsError);
  EXPECT_THAT(told(), HasSubstr("send Identify to /dev/nvme0: No such device in "));
}

TEST_F(InProcess, TalkKeepsToTheWantedVolume) {
  Talk(environment, Globals{}).note("one");
  Talk(environment, Globals{.quiet = true}).note("two");
  Talk(environment, Globals{.quiet = true}).warn("three");
  Talk(environment, Globals{.output = OutputFormat::json}).note("four");
  Talk(environment, Globals{.output = OutputFormat::json}).warn("five");
  EXPECT_EQ(told(),
            "nvmigrate: one\nnvmigrate: warning: three\n{\"warning\":{\"message\":\"five\"}}\n");
}

TEST_F(InProcess, ColourNeedsATerminal) {
  environment.variable = [](const char* name) -> const char* {
    return std::string_view(name) == "TERM" ? "xterm" : nullptr;
  };
  EXPECT_FALSE(may_colour(environment, output.fd()));
  const int terminal = ::posix_openpt(O_RDWR | O_NOCTTY);
  ASSERT_GE(terminal, 0);
  EXPECT_TRUE(may_colour(environment, terminal));
  environment.variable = [](const char*) { return "1"; };
  EXPECT_FALSE(may_colour(environment, terminal));
  ::close(terminal);
}

}  // namespace
}  // namespace nvmigrate::cli
