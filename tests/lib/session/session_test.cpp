// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/session/session.h"

#include <sys/wait.h>
#include <unistd.h>

#include <thread>

#include "tests/lib/session/session_fixture.h"
#include "tests/support/fake_session.h"

namespace nvmigrate {
namespace {

using test::contents;
using test::failure_of;
using test::put;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

using SessionTest = test::SessionTest;

// --- the key ---

TEST_F(SessionTest, TheKernelsNameOfTheSubsystemComesFirst) {
  a.subsystem.bus.kernel.push_back({.name = "nvme0",
                                    .address = test::FakePciBus::physical,
                                    .transport = "pcie",
                                    .state = "live",
                                    .subsystem_nqn = "nqn.kernel",
                                    .cntlid = 0});
  EXPECT_EQ(open()->key(), (SubsystemKey{"nqn.kernel", "a"}));
  a.subsystem.bus.kernel.front().address = "0000:09:00.0";
  EXPECT_EQ(open()->key(), (SubsystemKey{"nqn.test:a", "a"})) << "that is another device's";
}

TEST_F(SessionTest, ASubsystemWithoutANameGetsTheOneThatTheKernelWouldMake) {
  a.subsystem.subsystem_nqn.clear();
  a.subsystem.serial = "S1" + std::string(18, ' ');
  a.subsystem.model = "Fake" + std::string(36, ' ');
  EXPECT_EQ(open()->key(),
            (SubsystemKey{"nqn.2014.08.org.nvmexpress:00000000S1" + std::string(18, ' ') + "Fake",
                          "S1"}));
}

TEST_F(SessionTest, TheSerialNumberTellsDrivesOfOneNqnApart) {
  auto& b = lab.add("b");
  b.subsystem.subsystem_nqn = a.subsystem.subsystem_nqn;
  open(Access::change)->registry().mark(3);
  const auto other = open(Access::change, "b");
  EXPECT_FALSE(other->registry().is_marked(3));
  EXPECT_TRUE(open(Access::change)->registry().is_marked(3)) << "and the locks are two";
}

TEST_F(SessionTest, RecordsUnderTheNqnAloneAreReadAndTakenOver) {
  const std::string nqn = "nqn.2019-08.org.x:a";
  const auto folders = folder.folders();
  const auto registry = folders.state + "/" + file_name_of(nqn) + ".json";
  const auto journal = folders.run + "/" + file_name_of(nqn) + ".journal.json";
  const std::string golden = NVMIGRATE_SOURCE_DIR "/tests/lib/store/golden/";
  make_private_folder(system, folders.state);
  make_private_folder(system, folders.run);
  put(registry, contents(golden + "registry-1.json"));
  put(journal, contents(golden + "journal-1.json"));
  a.subsystem.subsystem_nqn = nqn;
  a.backend[3].suspended = true;

  EXPECT_TRUE(open()->function(3).marked);
  EXPECT_TRUE(open()->ask(3).has(IntentKind::away));
  const auto session = open(Access::change);
  session->registry().unmark(3);
  session->journal().strike_custody(3);
  EXPECT_FALSE(exists(system, registry) || exists(system, journal));
  EXPECT_FALSE(open()->function(3).marked);
  EXPECT_FALSE(open()->function(3).has(IntentKind::away));
}

// --- lock and records ---

TEST_F(SessionTest, ChangingClaimsTheSubsystemAndReadingDoesNot) {
  const auto session = open(Access::change);
  EXPECT_TRUE(session->claimed());
  EXPECT_EQ(failure_of([&] { open(Access::change); }).status(), ExitStatus::busy);
  EXPECT_EQ(failure_of([&] { open(Access::change); }).device(), "sim:a");
  EXPECT_FALSE(open()->claimed());
}

TEST_F(SessionTest, ClaimingReadsTheRecordsAgain) {
  const auto session = open();
  EXPECT_FALSE(session->function(3).marked);
  open(Access::change)->registry().mark(3);
  session->claim();
  EXPECT_TRUE(session->function(3).marked);
}

TEST_F(SessionTest, ControllingFunctionsOfOneSubsystemShareLockAndRecords) {
  auto& b = lab.add("b");
  b.subsystem.subsystem_nqn = a.subsystem.subsystem_nqn;
  b.subsystem.serial = a.subsystem.serial;
  for (const auto access : {Access::read, Access::change}) {
    const auto pair = open_pair(lab.workspace, "sim:a", "sim:b", access);
    EXPECT_EQ(&pair.source->journal(), &pair.destination->journal());
    EXPECT_EQ(&pair.source->registry(), &pair.destination->registry());
    EXPECT_EQ(pair.source->claimed(), access == Access::change);
    EXPECT_EQ(pair.destination->claimed(), access == Access::change);
  }
}

TEST_F(SessionTest, ClaimingAPairTakesWhatIsClaimedAlready) {
  auto& b = lab.add("b");
  b.subsystem.subsystem_nqn = a.subsystem.subsystem_nqn;
  b.subsystem.serial = a.subsystem.serial;
  const auto source = open();
  const auto destination = open(Access::change, "b");
  const auto* records = &destination->journal();
  claim_pair(*source, *destination);
  EXPECT_EQ(&source->journal(), records);
  EXPECT_EQ(&destination->journal(), records);
  claim_pair(*destination, *source);
  claim_pair(*source, *source);
  EXPECT_EQ(&source->journal(), records);
}

TEST_F(SessionTest, APairIsLockedInOneOrder) {
  lab.add("b");
  const auto locks = [&](const std::string& source, const std::string& destination) {
    const auto before = io.calls();
    open_pair(lab.workspace, "sim:" + source, "sim:" + destination, Access::change);
    std::vector<std::string> paths;
    for (auto at = before; at < io.calls(); ++at) {
      const auto& call = io.log()[at];
      if (call.kind == "open" && call.object.ends_with(".lock")) paths.push_back(call.object);
    }
    return paths;
  };
  const auto order = locks("a", "b");
  EXPECT_THAT(order, SizeIs(2));
  EXPECT_EQ(locks("b", "a"), order);
}

TEST_F(SessionTest, ProcessesThatOpenPairsInOppositeOrderDoNotWaitForEachOther) {
  lab.add("b");
  lab.workspace.wait = std::chrono::seconds(60);
  const auto open_often = [&](const std::string& source, const std::string& destination) {
    for (int i = 0; i < 30; ++i)
      open_pair(lab.workspace, source, destination, Access::change);
  };
  const auto other = ::fork();
  if (other == 0) {
    try {
      open_often("sim:b", "sim:a");
    } catch (const std::exception&) {
      ::_exit(1);
    }
    ::_exit(0);
  }
  EXPECT_NO_THROW(open_often("sim:a", "sim:b"));
  int status = -1;
  ASSERT_EQ(::waitpid(other, &status, 0), other);
  EXPECT_EQ(status, 0);
}

// --- what is sent ---

TEST_F(SessionTest, SendsIdentifyControllerOnceHoweverMuchIsAsked) {
  const auto session = open(Access::change);
  session->ask_all();
  session->ask_again(2);
  static_cast<void>(session->asked_backends());
  session->registry().mark(1);
  session->refresh();
  session->ask_all();
  EXPECT_EQ(session->function(1).marked, true);
  EXPECT_EQ(a.subsystem.count_of("identify 01"), 1U);
}

TEST_F(SessionTest, CountsTheCommandsOfAllThreadsAndOfEach) {
  const auto session = open();
  session->ask_all();
  EXPECT_EQ(session->commands(), a.subsystem.commands.size());
  const auto here = session->commands_of_this_thread();
  EXPECT_EQ(here, session->commands());
  std::thread([&] {
    session->backend().quiesce(1);
    EXPECT_EQ(session->commands_of_this_thread(), 1U);
  }).join();
  EXPECT_EQ(session->commands_of_this_thread(), here);
  EXPECT_EQ(session->commands(), here + 1);
}

TEST_F(SessionTest, WhatIsNotThereIsNamed) {
  const auto no_device = failure_of([&] { open(Access::read, "x"); });
  EXPECT_EQ(no_device.status(), ExitStatus::not_found);
  EXPECT_EQ(no_device.device(), "sim:x");
  const auto no_function = failure_of([&] { static_cast<void>(open()->function(9)); });
  EXPECT_EQ(no_function.status(), ExitStatus::not_found);
  EXPECT_THAT(no_function.remedies(),
              ElementsAre(Remedy{.action = Remedy::Action::list, .device = "sim:a"}));
}

TEST_F(SessionTest, ADeviceThatNoProviderOwnsIsNotFound) {
  auto catalog = *lab.workspace.catalog;
  catalog.providers.front().owns = [](std::string_view) { return false; };
  lab.workspace.catalog = &catalog;
  EXPECT_EQ(failure_of([&] { open(); }).status(), ExitStatus::not_found);
}

TEST_F(SessionTest, EveryDeviceIsWrapped) {
  int wrapped = 0;
  lab.workspace.wrap = [&](std::unique_ptr<Device> device) {
    ++wrapped;
    return device;
  };
  open();
  EXPECT_EQ(wrapped, 1);
}

// --- backends ---

class BackendsTest : public SessionTest {
 protected:
  BackendsTest() { lab.workspace.catalog = &catalog; }
  /// Puts a backend first in the table, which throws this when it is queried.
  void put_first(std::function<void()> query) {
    struct Failing : test::FakeBackend {
      std::function<void()> fail;
      BackendQuery query() override {
        fail();
        return {};
      }
    };
    BackendRow row{.name = "first", .summary = "", .command_set = "", .make = nullptr};
    row.make = [query = std::move(query)](const BackendPlace&) {
      auto backend = std::make_unique<Failing>();
      backend->fail = query;
      return backend;
    };
    catalog.backends.insert(catalog.backends.begin(), row);
  }

  Catalog catalog = *lab.workspace.catalog;
};

TEST_F(BackendsTest, TheFirstThatServesIsTaken) {
  put_first([] { throw unsupported("no such command set"); });
  const auto session = open();
  EXPECT_EQ(session->backend().name(), "nvme");
  EXPECT_EQ(session->query().chunk, a.backend.chunk);
  ASSERT_THAT(session->asked_backends(), SizeIs(2));
  EXPECT_EQ(session->asked_backends().front().reason, "no such command set");
}

/// What a session has the backends know, of a kernel with these limits.
class LimitsTest : public test::FakeSessionTest {
 protected:
  LimitsTest() { catalog_.providers.clear(); }

  BackendOptions given(BackendOptions asked = {}) {
    BackendOptions seen;
    catalog_.backends[0].make = [&](const BackendPlace& place) {
      seen = place.options;
      return std::make_unique<test::BorrowedBackend>(backend, unable);
    };
    const Workspace workspace{.io = &io,
                              .folders = folder.folders(),
                              .catalog = &catalog_,
                              .command = "test",
                              .backend = asked};
    Session opened(workspace, std::make_unique<test::BorrowedDevice>(device));
    EXPECT_NE(opened.serving(), nullptr);
    limits = opened.limits();
    return seen;
  }

  TransferLimits limits;

 private:
  Catalog catalog_{
      .backends = {{.name = "fake", .summary = "", .command_set = "", .make = nullptr}},
      .providers = {}};
};

TEST_F(LimitsTest, AreThoseOfDeviceAndKernel) {
  EXPECT_EQ(given().most, largest_chunk);
  device.bus.limits = QueueLimits{.bytes = 1280U << 10U, .segments = 127};
  EXPECT_EQ(given().most, 126U * 4096);
  device.mdts = 5;
  EXPECT_EQ(given().most, 128U << 10U);
  EXPECT_EQ(limits.device, 128U << 10U);
  EXPECT_EQ(limits.kernel->segments, 127U);
}

TEST_F(LimitsTest, AChosenChunkIsNotMoreThanTheyAllow) {
  device.bus.limits = QueueLimits{.bytes = 128U << 10U, .segments = 33};
  EXPECT_EQ(given({.chunk = 5000}).chunk, 5000U);
  EXPECT_EQ(given({.chunk = 1U << 20U}).chunk, 128U << 10U);
}

TEST_F(LimitsTest, WhereTheKernelDoesNotTellLittleIsSentUnlessAsked) {
  device.bus.limits.reset();
  const auto seen = given({.chunk = 512U << 10U});
  EXPECT_EQ(seen.chunk_limit, 128U << 10U);
  EXPECT_EQ(seen.chunk, 512U << 10U);
  EXPECT_FALSE(limits.kernel);
  device.bus.limits_fail = true;
  EXPECT_EQ(given().chunk_limit, 128U << 10U);
}

TEST_F(BackendsTest, WhereNoneServesEachSaysWhyNot) {
  catalog.backends.clear();
  put_first([] { throw unsupported("no such command set"); });
  const auto session = open();
  EXPECT_EQ(session->serving(), nullptr);
  const auto failure = failure_of([&] { static_cast<void>(session->query()); });
  EXPECT_EQ(failure.status(), ExitStatus::unsupported);
  EXPECT_EQ(failure.code(), "no_live_migration");
  EXPECT_THAT(failure.what(), HasSubstr("first: no such command set"));
  EXPECT_EQ(session->ask(1).told.has_value(), false);
}

TEST_F(BackendsTest, WhichIsUsedIsNamedOrMarkedOrTheFirst) {
  using Why = BackendChoice::Why;
  put_first([] {});
  catalog.backends[0].only_by_name = true;
  const auto session = open(Access::change);
  EXPECT_EQ(session->chosen(1).why, Why::first);
  EXPECT_EQ(session->chosen(1).serving->row->name, "nvme");
  session->registry().mark(1, "first");
  EXPECT_EQ(session->chosen(1).why, Why::mark);
  EXPECT_EQ(session->chosen(1).serving->row->name, "first");
  EXPECT_EQ(session->serving(2)->row->name, "nvme");
  EXPECT_EQ(session->name_backend("nvme"), "");
  EXPECT_TRUE(session->chosen(1).differs);
  EXPECT_EQ(session->chosen(1).serving->row->name, "nvme");
  EXPECT_FALSE(session->chosen(2).differs);
}

TEST_F(BackendsTest, OneThatIsMarkedAndDoesNotServeIsNotReplaced) {
  put_first([] { throw unsupported("no such command set"); });
  const auto session = open(Access::change);
  for (const auto* name : {"first", "later"}) {
    session->registry().mark(1, name);
    EXPECT_EQ(session->serving(1), nullptr);
    const auto failure = failure_of([&] { static_cast<void>(session->backend(1)); });
    EXPECT_EQ(failure.status(), ExitStatus::unsupported);
    EXPECT_THAT(failure.what(), HasSubstr(name));
  }
}

TEST_F(BackendsTest, AFailureOfTheDeviceIsNotAMissingAbility) {
  put_first([] { throw OsError(ENODEV, "send", "it"); });
  const auto session = open();
  EXPECT_THROW(static_cast<void>(session->serving()), OsError);
}

TEST(WholeState, IsAllThatTheDeviceCanGive) {
  const Uuid first{{1}};
  const Uuid second{{2}};
  EXPECT_EQ(whole_state({{0}, {}}), (FormatChoice{.version = 0, .vendor = {}}));
  EXPECT_EQ(whole_state({{3, 0}, {first, second}}), (FormatChoice{.version = 0, .vendor = first}));
  EXPECT_EQ(whole_state({{3}, {}}), (FormatChoice{.version = 3, .vendor = {}}));
  EXPECT_EQ(whole_state({{}, {first}}), (FormatChoice{.version = {}, .vendor = first}));
  EXPECT_EQ(whole_state({}), (FormatChoice{.version = {}, .vendor = {}}));
}

}  // namespace
}  // namespace nvmigrate
