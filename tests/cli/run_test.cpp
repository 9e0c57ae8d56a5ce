// SPDX-License-Identifier: LGPL-2.1-or-later
#include <fcntl.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include <filesystem>

#include "cli/command_line.h"
#include "cli/describe.h"
#include "cli/render.h"
#include "cli/trace.h"
#include "nvmigrate/migrate/account.h"
#include "nvmigrate/nvme/commands.h"
#include "tests/support/faulty_io.h"
#include "tests/support/temporary_folder.h"

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
  EXPECT_EQ(run_line({"list", "sim:demo"}), 1);
  EXPECT_THAT(told(), HasSubstr("internal error: broken"));
  EXPECT_THAT(told(), HasSubstr("report"));
}

TEST_F(InProcess, AnswersThatCannotBeWrittenAreErrors) {
  io.fail_kind("write", ENOSPC, 1, 1);
  EXPECT_EQ(run_line({"backends"}), 12);
  EXPECT_THAT(told(), HasSubstr("write standard output: No space left on device"));
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

/// What is logged of commands on a device that is no simulation.
class Logged : public InProcess {
 protected:
  Logged() {
    environment.wrap = [](std::unique_ptr<Device> device) {
      return std::make_unique<Real>(std::move(device));
    };
    environment.log_change = [this](const std::string& line) { lines.push_back(line); };
  }
  std::vector<std::string> lines;
};

TEST_F(Logged, AreChangesAndFailuresToChangeByWhoMay) {
  using Lines = testing::Matcher<std::vector<std::string>>;
  const bool root = ::geteuid() == 0;
  EXPECT_EQ(run_line({"provision", "sim:demo", "--vfs", "1"}), root ? 0 : 11);
  EXPECT_EQ(run_line({"provision", "sim:demo", "--vfs", "1"}), root ? 0 : 11);
  EXPECT_EQ(run_line({"provision", "sim:demo", "--vfs", "99", "--dry-run"}), 4);
  EXPECT_EQ(run_line({"provision", "sim:demo", "--vfs", "99"}), root ? 4 : 11);
  const Lines nothing = testing::IsEmpty();
  const Lines both = testing::ElementsAre("provision sim:demo --vfs 1 -- changed",
                                          testing::StartsWith("provision sim:demo --vfs 99 -- "));
  EXPECT_THAT(lines, root ? both : nothing);
}

TEST_F(Logged, IsNothingOfASimulation) {
  environment.wrap = {};
  EXPECT_EQ(run_line({"provision", "sim:demo", "--vfs", "1"}), 0);
  EXPECT_THAT(lines, testing::IsEmpty());
}

TEST_F(InProcess, ErrorsThatNobodyCanReadStillHaveTheirStatus) {
  io.fail_kind("write", EIO);
  EXPECT_EQ(run_line({"nonsense"}), 2);
}

TEST(ErrorJson, CarriesTheNvmeStatus) {
  NvmeError error({0x4002}, "suspend controller 3", "look");
  error.set_device("sim:a");
  const auto json = error_json(error);
  EXPECT_EQ(json["class"], "device");
  EXPECT_EQ(json["device"], "sim:a");
  EXPECT_EQ(json["hint"], "look");
  EXPECT_EQ(json["nvme_status"]["sct"], 0);
  EXPECT_EQ(json["nvme_status"]["sc"], 2);
  EXPECT_EQ(json["nvme_status"]["dnr"], true);
  EXPECT_EQ(json["nvme_status"]["name"], "Invalid Field in Command");
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
  environment.variable = [](const char*) -> const char* { return nullptr; };
  EXPECT_FALSE(may_colour(environment, output.fd()));
  const int terminal = ::posix_openpt(O_RDWR | O_NOCTTY);
  ASSERT_GE(terminal, 0);
  EXPECT_TRUE(may_colour(environment, terminal));
  environment.variable = [](const char*) { return "1"; };
  EXPECT_FALSE(may_colour(environment, terminal));
  ::close(terminal);
}

TEST(FunctionStatus, TheWeightiestIntentSpeaks) {
  ControlledFunction function;
  function.online = true;
  EXPECT_EQ(status_of(function), FunctionStatus::running);
  function.online = false;
  EXPECT_EQ(status_of(function), FunctionStatus::offline);
  for (const auto& [kind, word] :
       {std::pair{IntentKind::unbound, "unbound"}, std::pair{IntentKind::suspended, "suspended"},
        std::pair{IntentKind::loading, "loading"}, std::pair{IntentKind::moved, "moved"}}) {
    auto& intent = function.intents.emplace_back();
    intent.kind = kind;
    EXPECT_EQ(to_string(status_of(function)), word);
  }
}

TEST(Account, SaysWhatIsLeftAndWhatMendsIt) {
  Topology topology;
  topology.device = "sim:a";
  Intent intent;
  intent.cntlid = 3;
  intent.command = "export";
  intent.pid = 42;
  intent.time = "2026-01-01T00:00:00Z";
  intent.kind = IntentKind::suspended;
  EXPECT_EQ(account_of(intent, topology),
            "controlled function 3 is suspended (export, pid 42, 2026-01-01T00:00:00Z): "
            "nvmigrate resume sim:a 3");
  intent.details["unfinished"] = "yes";
  EXPECT_THAT(account_of(intent, topology), HasSubstr("was left suspended by a command that died"));
  intent.at_work = true;
  EXPECT_EQ(account_of(intent, topology),
            "controlled function 3 is being suspended (export, pid 42 at work)");
  EXPECT_TRUE(json_of(intent, "sim:a")["remedy"].is_null());
  intent.at_work = false;
  for (const auto& [kind, verb] :
       {std::pair{IntentKind::loading, "import"}, std::pair{IntentKind::unbound, "unbind"},
        std::pair{IntentKind::provisioning, "doctor"}}) {
    intent.kind = kind;
    EXPECT_THAT(account_of(intent, topology), HasSubstr("nvmigrate " + std::string{verb}));
  }
  intent.kind = IntentKind::moved;
  EXPECT_TRUE(remedy_of(intent, "sim:a").empty());
}

/// A destination whose transfer died at its point of no return, or before.
class DeadTransfer : public InProcess {
 protected:
  static constexpr const char* source = "nqn.2020-01.org.example:source";

  Topology topology_of(bool committed) {
    Topology topology;
    topology.device = "sim:b";
    auto& function = topology.functions.emplace_back();
    function.cntlid = 3;
    auto& intent = function.intents.emplace_back();
    intent.kind = IntentKind::loading;
    intent.cntlid = 3;
    intent.details = {{"transfer", "t1"}, {"source_nqn", source}};
    const auto kind = committed ? IntentKind::moved : IntentKind::suspended;
    Journal(io, folder.folders(), source, "transfer")
        .record(kind, 1, {{"transfer", "t1"}, {"destination", "sim:b 3"}});
    complete_account(io, folder.folders(), topology, nullptr);
    return topology;
  }

  Context context{environment, Globals{}, "list"};
};

TEST_F(DeadTransfer, AfterItsPointOfNoReturnNeedsAResumeOnly) {
  const auto topology = topology_of(true);
  const auto& intent = topology.functions.at(0).intents.at(0);
  EXPECT_EQ(remedy_of(intent, "sim:b"), "nvmigrate resume sim:b 3");
  EXPECT_THAT(account_of(intent, topology), HasSubstr("holds the whole state"));
}

TEST_F(DeadTransfer, BeforeItNeedsAnotherLoad) {
  const auto topology = topology_of(false);
  const auto& intent = topology.functions.at(0).intents.at(0);
  EXPECT_EQ(remedy_of(intent, "sim:b"), "nvmigrate import sim:b 3 -f FILE");
}

TEST_F(DeadTransfer, WithADamagedJournalOfItsSourceIsNotTakenForWhole) {
  topology_of(true);
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder / "run")) {
    if (entry.is_regular_file()) test::put(entry.path(), "not a journal");
  }
  Topology again;
  auto& intent = again.functions.emplace_back().intents.emplace_back();
  intent.kind = IntentKind::loading;
  intent.details = {{"transfer", "t1"}, {"source_nqn", source}};
  EXPECT_NO_THROW(complete_account(io, folder.folders(), again, nullptr));
  EXPECT_THAT(account_of(again.functions[0].intents[0], again), HasSubstr("not loaded to its end"));
}

TEST(Account, TellsWhatIsOver) {
  Topology topology;
  topology.device = "sim:a";
  auto& function = topology.functions.emplace_back();
  function.cntlid = 3;
  for (const auto kind : {IntentKind::suspended, IntentKind::loading}) {
    function.intents.push_back({kind, 3, "import", 42, "2026-01-01T00:00:00Z", {}});
  }
  EXPECT_EQ(status_of(function), FunctionStatus::loading);
  EXPECT_TRUE(is_overshadowed(function.intents[0], function.intents));
  for (auto& intent : function.intents)
    intent.stale = true;
  EXPECT_EQ(status_of(function), FunctionStatus::running);
  EXPECT_THAT(account_of(function.intents[1], topology),
              HasSubstr("runs; only the journal calls it loading"));
  EXPECT_EQ(remedy_of(function.intents[1], "sim:a"), "nvmigrate resume sim:a 3");
  EXPECT_FALSE(is_overshadowed(function.intents[0], function.intents));
}

TEST(Account, ASuspensionThatNothingExplainsIsOneToo) {
  ControlledFunction function;
  function.frozen = true;
  EXPECT_EQ(status_of(function), FunctionStatus::suspended);
  EXPECT_EQ(json_of(function, "sim:a")["suspended"], true);
}

TEST(Account, NamesWhereAStateRunsNow) {
  Intent intent;
  intent.kind = IntentKind::moved;
  intent.cntlid = 1;
  intent.details = {{"destination", "sim:b 3"}};
  EXPECT_THAT(account_of(intent, Topology{}), HasSubstr("its state runs in sim:b 3"));
}

}  // namespace
}  // namespace nvmigrate::cli
