// SPDX-License-Identifier: LGPL-2.1-or-later
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <iostream>
#include <thread>

#include "nvmigrate/nvme/status.h"
#include "nvmigrate/remote/link.h"
#include "nvmigrate/store/registry.h"
#include "plugins/sim/store.h"
#include "tests/journey/job.h"
#include "tests/journey/peer_proxy.h"

namespace nvmigrate::test {
namespace {

using Kind = Disturbance::Kind;

/// Two pieces of the state, so that a disturbance can come between.
const std::string two_chunks = "1100K";
const std::string small_state = "20000";

class PeerJourney : public testing::Test {
 protected:
  void SetUp() override { before_ = std::signal(SIGPIPE, SIG_IGN); }
  void TearDown() override { std::signal(SIGPIPE, before_); }

 private:
  sighandler_t before_ = SIG_DFL;
};

/// A transfer through the proxy.
struct Passed {
  SideEnd source, destination;
  bool disturbed = false;
  std::vector<std::string> sent, answered;
};

Passed pass(PeerHosts& hosts, const Disturbance& disturbance) {
  PeerProxy proxy(disturbance);
  Passed passed;
  std::thread between([&] { proxy.run([&] { hosts.observe(); }); });
  std::thread destination(
      [&] { passed.destination = hosts.serve(proxy.to_destination, proxy.from_destination); });
  passed.source = hosts.send(proxy.to_source, proxy.from_source);
  destination.join();
  between.join();
  EXPECT_FALSE(proxy.hung()) << "both sides wait for each other";
  passed.disturbed = proxy.disturbed();
  passed.sent = proxy.pieces(true);
  passed.answered = proxy.pieces(false);
  return passed;
}

std::vector<Disturbance> disturbances(bool by_source, std::size_t pieces) {
  std::vector<Disturbance> all;
  for (std::size_t piece = 0; piece < pieces; ++piece) {
    for (const auto kind : {Kind::lose_one, Kind::lose_rest, Kind::twice, Kind::delay})
      all.push_back({.kind = kind, .by_source = by_source, .piece = piece});
    for (const auto percent : {0U, 1U, 50U, 99U, 100U}) {
      all.push_back(
          {.kind = Kind::cut, .by_source = by_source, .piece = piece, .percent = percent});
    }
  }
  return all;
}

TEST_F(PeerJourney, TheGuestContinuesOnTheOtherHost) {
  PeerHosts hosts(two_chunks);
  const auto passed = pass(hosts, {});
  EXPECT_EQ(passed.source.error + passed.destination.error, "");
  const std::vector<std::string> sent{"NVL",  "HELO", "PREP", "HOLD", "NVM",
                                      "IDNT", "CHNK", "CHNK", "DONE", "COMT"};
  EXPECT_EQ(passed.sent, sent);
  const std::vector<std::string> answered{"NVL", "HELO", "REDY", "HELD", "LODD", "DONE"};
  EXPECT_EQ(passed.answered, answered);
  EXPECT_TRUE(passed.source.resumed);
  hosts.expect_saved(passed.source, true);
}

TEST_F(PeerJourney, AFunctionThatIsNotAVfMovesToTheOtherHost) {
  for (const std::string functions :
       {"--secondaries 1", "--others 1", "--others 1 --exported-subsystem"}) {
    SCOPED_TRACE(functions);
    PeerHosts hosts(small_state, {.functions = "--vfs-total 0 " + functions, .function = "1"});
    const auto passed = pass(hosts, {});
    EXPECT_EQ(passed.source.error + passed.destination.error, "");
    hosts.expect_saved(passed.source, true);
  }
}

TEST_F(PeerJourney, OtherNamespacesAreRefusedBeforeAnythingIsSuspended) {
  PeerHosts hosts(small_state);
  sim::Store(hosts.b.folders().sim, "b").change([](sim::Subsystem& now) {
    for (auto& function : now.functions)
      function.namespaces.clear();
    return 0;
  });
  const auto passed = pass(hosts, {});
  EXPECT_EQ(passed.source.code, "namespaces_differ");
  EXPECT_EQ(passed.sent.back(), "PREP");
  EXPECT_TRUE(hosts.runs_on_a());
  EXPECT_FALSE(hosts.runs_on_b());
}

/// Two backends serve both devices; the functions are marked for one, and the transfer names one.
class PeerJourneyOfBackends : public PeerJourney {
 protected:
  static PeerMode mode(const std::string& named, const std::string& personality = "both") {
    return {.functions = "--vfs-total 1 --personality " + personality,
            .marked_for = "intel",
            .named = named};
  }
  static void mark_on_b(PeerHosts& hosts, const std::string& backend) {
    Session::open(hosts.b.workspace("mark"), "sim:b", Access::change)->registry().mark(1, backend);
  }
  static void expect_untouched(const PeerHosts& hosts, const Passed& passed,
                               const std::string& code) {
    EXPECT_EQ(passed.source.code, code) << passed.source.error;
    EXPECT_EQ(passed.sent.back(), "PREP");
    EXPECT_TRUE(hosts.runs_on_a());
    EXPECT_FALSE(hosts.runs_on_b());
  }
  const std::string small = "8000";  ///< for one command
};

TEST_F(PeerJourneyOfBackends, TheMarksDecideWhereNoneIsNamed) {
  PeerHosts hosts(small, mode(""));
  const auto passed = pass(hosts, {});
  EXPECT_EQ(passed.source.error + passed.destination.error, "");
  hosts.expect_saved(passed.source, true);
}

/// Marks of former versions record no backend, so they do not say that one must be named.
TEST_F(PeerJourneyOfBackends, TheNameCountsOnBothSides) {
  for (const auto* named : {"", "intel"}) {
    PeerHosts hosts(small, mode(named, "rfc"));
    mark_on_b(hosts, "");
    const auto passed = pass(hosts, {});
    if (*named == '\0') {
      expect_untouched(hosts, passed, "no_live_migration");
      continue;
    }
    EXPECT_EQ(passed.source.error + passed.destination.error, "");
    EXPECT_TRUE(hosts.runs_on_b());
    EXPECT_FALSE(hosts.runs_on_a());
    EXPECT_EQ(hosts.settle(), Settlement::nothing);
  }
}

TEST_F(PeerJourneyOfBackends, AMarkThereForAnotherOneIsNotOverruled) {
  for (const auto* recorded : {"nvme", ""}) {
    PeerHosts hosts(small, mode("intel"));
    mark_on_b(hosts, recorded);
    const auto passed = pass(hosts, {});
    expect_untouched(hosts, passed, "backend_differs");
    EXPECT_NE(passed.source.error.find("marked for backend nvme"), std::string::npos);
  }
}

TEST_F(PeerJourneyOfBackends, AnOlderDestinationIsNotMisled) {
  const std::string older = R"({"controller_id": 1, "vfn": 1, "findings": []})";
  for (const auto* named : {"", "intel"}) {
    PeerHosts hosts(small, mode(named));
    const auto passed =
        pass(hosts, {.kind = Kind::other, .piece = 2, .tag = "REDY", .body = older});
    EXPECT_TRUE(passed.disturbed);
    if (*named != '\0') {
      expect_untouched(hosts, passed, "protocol_version");
    } else {
      EXPECT_EQ(passed.source.error, "") << "it need not be told";
    }
  }
}

TEST_F(PeerJourneyOfBackends, AnOlderDestinationIsNotSettledByName) {
  PeerHosts hosts(small, mode("intel"));
  Pipe there, back;
  std::thread older([&] {
    SystemIo io;
    remote::Link link(io, there.reading(), back.writing(), "a");
    link.greet();
    link.expect(remote::tags::ask);
    link.send(remote::tags::doubt,
              {{"controller_id", 1}, {"transfer", nullptr}, {"status", "running"}});
  });
  const auto session = Session::open(hosts.a.workspace("transfer"), "sim:a", Access::read);
  session->name_backend("intel");
  const Peer peer{.in = back.reading(),
                  .out = there.writing(),
                  .host = "b",
                  .url = "ssh://b/",
                  .device = "sim:b",
                  .function = "1"};
  try {
    settle_with_peer(*session, 1, peer);
    ADD_FAILURE() << "it was believed";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), "protocol_version");
  }
  older.join();
}

class PeerJourneyOfModes : public PeerJourney, public testing::WithParamInterface<PeerMode> {};

TEST_P(PeerJourneyOfModes, LosesNothingHoweverTheConnectionIsDisturbed) {
  PeerHosts hosts(two_chunks, GetParam());
  const auto whole = pass(hosts, {});
  int tried = 0, turn = 0;
  for (const bool by_source : {true, false}) {
    const auto pieces = (by_source ? whole.sent : whole.answered).size();
    for (const auto& disturbance : disturbances(by_source, pieces)) {
      if (turn++ % stride() != 0) continue;
      hosts.restore();
      const auto passed = pass(hosts, disturbance);
      testing::Message message;
      message << disturbance << "\nsource: " << passed.source.error
              << "\ndestination: " << passed.destination.error;
      SCOPED_TRACE(message);
      EXPECT_TRUE(passed.disturbed);
      tried += passed.disturbed ? 1 : 0;
      if (disturbance.kind == Kind::delay) {
        EXPECT_EQ(passed.source.error, "") << "a delay alone ended it";
      }
      hosts.expect_saved(passed.source, tried % 2 == 0);
      if (HasFailure()) FAIL();
    }
  }
  std::cout << tried << " disturbances of the connection tried\n";
  EXPECT_GT(tried, 0);
}

INSTANTIATE_TEST_SUITE_P(Modes, PeerJourneyOfModes,
                         testing::Values(PeerMode{},
                                         PeerMode{.name = "suspended", .suspended_before = true},
                                         PeerMode{.name = "kept", .keep_suspended = true}),
                         [](const auto& about) { return about.param.name; });

const std::size_t commit = 9;  ///< the piece of the source that is COMT

TEST_F(PeerJourney, NoOtherMessageLetsALoadedCopyRun) {
  const auto other = [](const std::string& tag, const std::string& body) {
    return Disturbance{
        .kind = Kind::other, .by_source = true, .piece = commit, .tag = tag, .body = body};
  };
  const std::string asked = R"({"device":"sim:b","function":"vf1","dry_run":false})";
  PeerHosts hosts(small_state);
  for (auto disturbance :
       {other("ASKS", asked), other("ASKS", "{}"), other("PREP", "{}"), other("PREP", asked),
        other("HOLD", "{}"), other("NONE", "{}"), other("COMT", "[]"), other("COMT", "{")}) {
    disturbance.piece = commit - 1;  // the state is one chunk
    hosts.restore();
    const auto passed = pass(hosts, disturbance);
    testing::Message message;
    message << disturbance.tag << " " << disturbance.body << "\nsource: " << passed.source.error;
    SCOPED_TRACE(message);
    EXPECT_TRUE(passed.disturbed);
    EXPECT_TRUE(hosts.is_in_doubt());
    hosts.expect_saved(passed.source, true);
  }
}

TEST_F(PeerJourney, NeitherHostGuessesWhenTheRecordsAreGone) {
  PeerHosts hosts(two_chunks);
  const Disturbance lost{.kind = Kind::cut, .by_source = true, .piece = commit};
  const auto passed = pass(hosts, lost);
  EXPECT_TRUE(passed.source.settles) << passed.source.error;
  for (const auto* line : {"sim guest stop sim:a vf1", "doctor sim:a --repair"})
    hosts.a.must(line);
  EXPECT_EQ(hosts.settle(), std::nullopt);
  hosts.a.must("sim guest start sim:a vf1");
  EXPECT_EQ(hosts.settle(), std::nullopt) << "another guest was taken for the one that left";
  EXPECT_TRUE(hosts.is_in_doubt());
  hosts.b.must("resume sim:b vf1 --allow in_doubt");
  EXPECT_TRUE(hosts.runs_on_b());
}

/// Both sides, connected without a proxy.
struct Connection {
  Pipe there, back;
};

struct PeerFault {
  SeamCall::Seam seam;
  Verdict verdict;
};

std::vector<PeerFault> peer_faults() {
  return {{SeamCall::Seam::file, {.error = EIO}},
          {SeamCall::Seam::file, {.short_transfer = true}},
          {SeamCall::Seam::admin, {.error = EIO}},
          {SeamCall::Seam::admin, {.nvme_status = 0x4006}},
          {SeamCall::Seam::pci, {.error = EIO}}};
}

class PeerJourneyOfSides : public PeerJourney, public testing::WithParamInterface<bool> {
 protected:
  [[nodiscard]] static bool at_source() { return GetParam(); }
  static World& side(PeerHosts& hosts) { return at_source() ? hosts.a : hosts.b; }

  struct Run {
    SideEnd source, destination;
    std::vector<SeamCall> calls;
    bool hit = false;
  };

  static Run run(PeerHosts& hosts, std::optional<std::size_t> point, const PeerFault& fault) {
    Run run;
    side(hosts).watcher().set([&](const SeamCall& call) {
      const auto now = run.calls.size();
      run.calls.push_back(call);
      if (call.seam == SeamCall::Seam::admin) hosts.observe();
      if (now != point || call.seam != fault.seam) return Verdict{};
      run.hit = true;
      return fault.verdict;
    });
    Connection connection;
    std::thread destination(
        [&] { run.destination = hosts.serve(connection.there, connection.back); });
    run.source = hosts.send(connection.back, connection.there);
    destination.join();
    side(hosts).watcher().set({});
    return run;
  }
};

TEST_P(PeerJourneyOfSides, LosesNothingWhereverACallFails) {
  PeerHosts hosts(small_state);
  const auto whole = run(hosts, std::nullopt, {});
  EXPECT_EQ(whole.source.error + whole.destination.error, "");
  int tried = 0, turn = 0;
  for (std::size_t point = 0; point < whole.calls.size(); ++point) {
    for (const auto& fault : peer_faults()) {
      const auto& call = whole.calls[point];
      if (call.seam != fault.seam || turn++ % stride() != 0) continue;
      if (fault.verdict.short_transfer && call.name != "write") continue;
      hosts.restore();
      const auto disturbed = run(hosts, point, fault);
      testing::Message message;
      message << "call " << point << ": " << call.name << " " << call.object << ", errno "
              << fault.verdict.error << ", status " << fault.verdict.nvme_status
              << "\nsource: " << disturbed.source.error
              << "\ndestination: " << disturbed.destination.error;
      SCOPED_TRACE(message);
      tried += disturbed.hit ? 1 : 0;
      hosts.expect_saved(disturbed.source, tried % 2 == 0);
      if (HasFailure()) FAIL();
    }
  }
  std::cout << whole.calls.size() << " calls, " << tried << " faults tried\n";
  EXPECT_GT(tried, 0);
}

/// Becomes one side, which dies at its call number `point`.
[[noreturn]] void be_side(PeerHosts& hosts, World& world, bool source, Connection& connection,
                          int point) {
  int count = 0;
  world.watcher().set([&](const SeamCall&) {
    if (count++ == point) ::kill(::getpid(), SIGKILL);
    return Verdict{};
  });
  if (source) {
    connection.there.close_reading();
    connection.back.close_writing();
    hosts.send(connection.back, connection.there);
  } else {
    connection.there.close_writing();
    connection.back.close_reading();
    hosts.serve(connection.there, connection.back);
  }
  ::_exit(0);
}

/// \return whether that side died; it ended before when it makes fewer calls
bool kill_side_at(PeerHosts& hosts, World& world, bool source, int point, SideEnd& other) {
  Connection connection;
  const pid_t child = ::fork();
  if (child == 0) be_side(hosts, world, source, connection, point);
  if (source) {
    connection.there.close_writing();
    connection.back.close_reading();
    other = hosts.serve(connection.there, connection.back);
  } else {
    connection.there.close_reading();
    connection.back.close_writing();
    other = hosts.send(connection.back, connection.there);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFSIGNALED(status) != 0;
}

TEST_P(PeerJourneyOfSides, LosesNothingWhereverASideDies) {
  PeerHosts hosts(small_state);
  int tried = 0;
  for (int point = 0;; point += stride()) {
    SideEnd other;
    if (!kill_side_at(hosts, side(hosts), at_source(), point, other)) break;
    ++tried;
    SCOPED_TRACE("killed at call " + std::to_string(point) + "\nthe other side: " + other.error);
    hosts.expect_saved(at_source() ? SideEnd{} : other, tried % 2 == 0);
    if (HasFailure()) FAIL();
    hosts.restore();
  }
  std::cout << "killed at " << tried << " calls\n";
  EXPECT_GT(tried, 0);
}

INSTANTIATE_TEST_SUITE_P(Hosts, PeerJourneyOfSides, testing::Bool(),
                         [](const auto& about) { return about.param ? "source" : "destination"; });

}  // namespace
}  // namespace nvmigrate::test
