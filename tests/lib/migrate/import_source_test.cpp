// SPDX-License-Identifier: LGPL-2.1-or-later
#include <filesystem>

#include "tests/lib/migrate/import_fixture.h"

namespace nvmigrate {
namespace {

using test::codes_of;
using test::refusal_of;
using testing::Contains;
using testing::ElementsAre;
using testing::Not;
using testing::UnorderedElementsAre;

/// What the host knows of where a state comes from.
class ImportSourceTest : public test::ImportTest {
 protected:
  void set_source(IntentKind kind, IntentDetails details = {}) {
    journal_of("a").record(kind, 1, std::move(details));
  }
};

TEST_F(ImportSourceTest, OfThisHostIsAwayOnceTheStateIsLoaded) {
  const auto result = run();
  EXPECT_EQ(result.source_device, "sim:a");
  EXPECT_EQ(result.source_cntlid, 1);
  EXPECT_EQ(of_source(), IntentKind::away);
  EXPECT_EQ(recorded("a", 1)->details.at("destination"), "sim:b 2");
  EXPECT_TRUE(a->backend[1].suspended);
}

TEST_F(ImportSourceTest, IsAwayInTheSameWriteThatSaysLoaded) {
  io.hook([&](std::size_t, const test::FaultyIo::Call&) {
    EXPECT_EQ(of_source() == IntentKind::away, now() == IntentKind::loaded);
  });
  run();
  io.hook({});
  EXPECT_EQ(of_source(), IntentKind::away);
}

TEST_F(ImportSourceTest, IsLockedUntilTheEnd) {
  b->backend.hook([&](const std::string& call, std::uint16_t) {
    if (call != "load") return;
    EXPECT_EQ(test::failure_of([&] { a->open(); }).status(), ExitStatus::busy);
  });
  run();
  a->open();
}

TEST_F(ImportSourceTest, ThatIsBusyIsWaitedForOrRefused) {
  a->open();
  EXPECT_EQ(status_of_run(), ExitStatus::busy);
  EXPECT_EQ(b->backend.count("suspend"), 0U);
}

TEST_F(ImportSourceTest, DoesNotGoWithAnOlderState) {
  set_source(IntentKind::exported, {{digest_detail, std::string(64, '0')}});
  const auto result = run();
  EXPECT_EQ(result.source_device, "");
  EXPECT_EQ(of_source(), IntentKind::exported);
}

TEST_F(ImportSourceTest, ThatAnotherToolSuspendedGoesToo) {
  for (const auto kind : {IntentKind::suspended, IntentKind::exported}) {
    begin_anew();
    set_source(kind);
    EXPECT_EQ(run().source_device, "sim:a") << to_string(kind);
    EXPECT_EQ(of_source(), IntentKind::away);
  }
}

TEST_F(ImportSourceTest, ThatRunsIsARefusal) {
  EXPECT_THAT(codes_of_check(), Not(Contains("source_runs")));
  a->backend[1].suspended = false;
  EXPECT_THAT(refusal_of([&] { run(); }), ElementsAre("source_runs"));
  EXPECT_EQ(b->backend.count("suspend"), 0U);
  EXPECT_EQ(run({.allowed = {"source_runs"}}).source_device, "");
  EXPECT_EQ(of_source(), IntentKind::exported) << "it was let run on purpose";
}

TEST_F(ImportSourceTest, ThatWasResetHasNoGuest) {
  a->backend[1].suspended = false;
  a->backend[1].queues = 0;
  EXPECT_EQ(run().source_device, "");
}

TEST_F(ImportSourceTest, ThatTheDeviceDoesNotTellOfIsARefusal) {
  a->backend.hook([](const std::string& call, std::uint16_t) {
    if (call == "look") throw NvmeError({sc::internal_error}, "look");
  });
  EXPECT_THAT(refusal_of([&] { run(); }), ElementsAre("source_unknown"));
  EXPECT_EQ(run({.allowed = {"source_unknown"}}).source_device, "");
}

TEST_F(ImportSourceTest, WhoseGuestIsElsewhereIsARefusal) {
  set_source(IntentKind::away, {{"destination", "sim:c 3"}});
  const auto refusal = test::thrown_by<Refusal>([&] { run(); });
  EXPECT_EQ(refusal.code(), "source_away");
  EXPECT_THAT(refusal.findings().front().message, testing::HasSubstr("sim:c 3"));
  EXPECT_EQ(status_of_run({.allowed = {"source_away"}}), ExitStatus::ok);
}

TEST_F(ImportSourceTest, ThatIsNotOfThisHostIsNotKnown) {
  const auto source = [&] {
    begin_anew();
    return run().source_device;
  };
  a->fake.subsystem.at(1).online = false;
  EXPECT_EQ(source(), "") << "offline";
  a->fake.subsystem.at(1).online = true;
  a->fake.subsystem.serial = "another";
  EXPECT_EQ(source(), "") << "another drive of that NQN";
  a->fake.subsystem.serial = "a";
  a->fake.subsystem.subsystem_nqn = "nqn.test:c";
  EXPECT_EQ(source(), "");
  a->fake.subsystem.subsystem_nqn = "nqn.test:a";
  EXPECT_EQ(source(), "sim:a");
}

TEST_F(ImportSourceTest, ADeviceThatCannotBeAskedDoesNotStopTheSearch) {
  auto& broken = lab.add("0");
  broken.subsystem.before = [](const AdminCommand&) -> std::optional<AdminCompletion> {
    throw OsError(ENODEV, "send", "it");
  };
  a->backend[1].suspended = false;
  EXPECT_THAT(refusal_of([&] { run(); }), ElementsAre("source_runs"));
  a->fake.subsystem.before = broken.subsystem.before;
  EXPECT_EQ(status_of_run(), ExitStatus::ok);
}

TEST_F(ImportSourceTest, AStopSignalStopsTheSearch) {
  a->backend.hook([](const std::string&, std::uint16_t) { throw Interrupted("looking"); });
  EXPECT_EQ(status_of_run(), ExitStatus::interrupted);
  EXPECT_EQ(b->backend.count("suspend"), 0U);
}

// --- what became of the state before ---

TEST_F(ImportSourceTest, AStateIsLoadedOnce) {
  run({.resume = true});
  EXPECT_THAT(refusal_of([&] { run(); }), UnorderedElementsAre("loaded_before", "source_away"));
  EXPECT_EQ(status_of_run({.allowed = {"loaded_before", "source_away"}}), ExitStatus::ok);
}

TEST_F(ImportSourceTest, AStateThatWasLostInAResetCountsAsNotLoaded) {
  run();
  b->backend[2].suspended = false;
  b->backend[2].queues = 0;
  EXPECT_FALSE(resume_function(*b->session, 2).changed);
  EXPECT_THAT(refusal_of([&] { run(); }), ElementsAre("source_away"));
}

TEST_F(ImportSourceTest, ASnapshotIsNotLoadedAsIfItWereTheGuest) {
  a->backend[1].suspended = false;
  export_again({.resume = true, .overwrite = true, .allowed = {"two_copies"}});
  a->backend[1].queues = 0;
  EXPECT_THAT(refusal_of([&] { run(); }), ElementsAre("source_resumed"));
  std::filesystem::remove(folder.folders().run + "/journal.json");
  EXPECT_THAT(codes_of_check(), Contains("source_resumed")) << "the file itself says so";
  EXPECT_EQ(status_of_run({.allowed = {"source_resumed"}}), ExitStatus::ok);
}

// --- within one subsystem ---

class ImportWithinTest : public ImportSourceTest {
 protected:
  ImportWithinTest() {
    a->backend[2].state = test::make_state(0);
    a->open();
  }
  ExitStatus status_within(const ImportOptions& options = {}) {
    try {
      import_state(StoredState::open(io, file), *a->session, 2, options);
    } catch (const Error& error) {
      return error.status();
    }
    return ExitStatus::ok;
  }
};

TEST_F(ImportWithinTest, TheSourceIsHeldBackBeforeTheCopyRuns) {
  a->backend.hook([&](const std::string& call, std::uint16_t function) {
    EXPECT_TRUE(call != "resume" || function != 2 || of_source() == IntentKind::away);
  });
  EXPECT_EQ(status_within({.resume = true}), ExitStatus::ok);
  EXPECT_EQ(of_source(), IntentKind::away);
  EXPECT_FALSE(a->backend[2].suspended);
}

TEST_F(ImportWithinTest, ASourceThatRunsIsARefusal) {
  a->backend[1].suspended = false;
  EXPECT_EQ(status_within(), ExitStatus::refused);
  EXPECT_EQ(status_within({.allowed = {"source_runs"}}), ExitStatus::ok);
  EXPECT_NE(of_source(), IntentKind::away) << "it was let run on purpose";
}

TEST_F(ImportWithinTest, TheSourceIsNotLookedForElsewhere) {
  const auto before = b->fake.subsystem.commands.size();
  EXPECT_EQ(status_within(), ExitStatus::ok);
  EXPECT_EQ(b->fake.subsystem.commands.size(), before);
}

TEST_F(ImportWithinTest, AStateOfTheFunctionItselfHasNoOtherCopy) {
  const auto check = check_import(StoredState::open(io, file), *a->session, 1);
  EXPECT_THAT(codes_of(check.findings), UnorderedElementsAre("exported", "same_function"));
}

TEST_F(ImportWithinTest, WhenTheSourceCannotBeHeldBackTheCopyStaysSuspended) {
  a->backend.hook([&](const std::string& call, std::uint16_t) {
    if (call == "load") io.fail_kind("open", EIO);
  });
  EXPECT_EQ(status_within({.resume = true}), ExitStatus::io);
  EXPECT_TRUE(a->backend[2].suspended);
  EXPECT_TRUE(on_disk("a", IntentKind::loading, 2));
}

}  // namespace
}  // namespace nvmigrate
