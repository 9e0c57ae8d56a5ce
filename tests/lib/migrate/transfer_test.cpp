// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/migrate/migrate.h"
#include "nvmigrate/session/custody.h"
#include "tests/lib/migrate/migrate_fixture.h"

namespace nvmigrate {
namespace {

using test::refusal_of;
using test::remedy_is;
using testing::ElementsAre;

class TransferTest : public test::MigrateTest {
 protected:
  TransferTest() { set_up(20'000); }

  void set_up(std::size_t size) {
    a->backend[1] = {.state = test::make_state(size)};
    b->backend[2] = {.state = test::make_state(0)};
    sweep();
    for (auto* host : {a.get(), b.get()})
      EXPECT_TRUE(host->journal().try_to_rewrite());
    a->journal().strike_custody(1);
    b->journal().strike_custody(2);
  }
  TransferResult run(const TransferOptions& options = {}) {
    return transfer_state(*a->session, 1, *b->session, 2, options);
  }
  ExitStatus status_of_run(const TransferOptions& options = {}) {
    return status_of([&] { run(options); });
  }
  [[nodiscard]] std::optional<IntentKind> of_source() { return custody("a", 1); }
  [[nodiscard]] std::optional<IntentKind> of_copy() { return custody("b", 2); }
  [[nodiscard]] bool source_runs() { return !a->backend[1].suspended; }
  [[nodiscard]] bool copy_runs() { return b->backend[2].loaded && !b->backend[2].suspended; }
  void expect_truth() {
    EXPECT_FALSE(source_runs() && copy_runs());
    if (!source_runs()) {
      EXPECT_TRUE(of_source() == IntentKind::suspended || of_source() == IntentKind::away);
    }
    if (copy_runs()) {
      EXPECT_EQ(of_source(), IntentKind::away);
    }
    if (b->backend[2].suspended) {
      EXPECT_TRUE(of_copy() == IntentKind::loading || of_copy() == IntentKind::loaded);
    }
    if (b->backend[2].half_loaded) {
      EXPECT_EQ(of_copy(), IntentKind::loading);
    }
    if (of_source() == IntentKind::away) {
      EXPECT_TRUE(b->backend[2].loaded);
      EXPECT_NE(of_copy(), IntentKind::loading);
    } else {
      EXPECT_NE(of_copy(), IntentKind::loaded);
    }
  }
  /// As the next command does.
  void open_again() {
    a->open();
    b->open();
  }
  /// Where this process does not know what the journal says, it does not resume by it.
  void expect_in_step() {
    if (of_source() != IntentKind::away) return;
    EXPECT_TRUE(a->journal().trouble() || a->journal().custody(1)->kind == IntentKind::away);
  }
  /// One of the two can be brought to run with the command that the journal recommends.
  void expect_repairable() {
    if (of_source() == IntentKind::away) {
      EXPECT_THAT(refusal_of([&] { resume_function(*a->session, 1); }), testing::Contains("away"));
      resume_function(*b->session, 2);
      EXPECT_TRUE(copy_runs());
      EXPECT_FALSE(source_runs());
      EXPECT_FALSE(of_copy());
    } else {
      resume_function(*a->session, 1);
      EXPECT_TRUE(source_runs());
    }
    EXPECT_FALSE(source_runs() && copy_runs());
  }

  std::unique_ptr<test::Host> a = host("a"), b = host("b");
};

TEST_F(TransferTest, MovesTheStateAndTheSourceStaysStopped) {
  for (const std::size_t size : {std::size_t{104}, std::size_t{1} << 20U, std::size_t{9} << 20U}) {
    set_up(size);
    const auto result = run();
    EXPECT_TRUE(result.resumed);
    EXPECT_EQ(result.figures.bytes, a->backend[1].state.size());
    EXPECT_TRUE(result.figures.blackout_ended);
    EXPECT_EQ(b->backend[2].state, a->backend[1].state);
    EXPECT_FALSE(source_runs());
    EXPECT_TRUE(copy_runs());
    EXPECT_EQ(of_source(), IntentKind::away);
    EXPECT_EQ(recorded("a", 1)->details.at("destination"), "sim:b 2");
    EXPECT_FALSE(of_copy());
  }
}

TEST_F(TransferTest, KeepsTheDestinationSuspendedWhenAskedTo) {
  EXPECT_FALSE(run({.resume = false}).resumed);
  EXPECT_TRUE(b->backend[2].suspended);
  EXPECT_EQ(of_copy(), IntentKind::loaded);
  EXPECT_FALSE(test::is_unfinished_on(recorded("b", 2)));
  EXPECT_EQ(recorded("b", 2)->details.at("source"), "sim:a 1");
  expect_repairable();
}

TEST_F(TransferTest, NothingIsWrittenBetweenSuspendAndResumeButOneRename) {
  std::size_t at_suspend = 0;
  std::size_t at_resume = 0;
  a->backend.hook([&](const std::string& call, std::uint16_t) {
    if (call == "suspend") at_suspend = io.log().size();
  });
  b->backend.hook([&](const std::string& call, std::uint16_t) {
    if (call == "resume") at_resume = io.log().size();
  });
  run();
  std::size_t renames = 0;
  for (auto at = at_suspend; at < at_resume; ++at) {
    EXPECT_NE(io.log()[at].kind, "write");
    renames += io.log()[at].kind == "rename" ? 1U : 0U;
  }
  EXPECT_EQ(renames, 1U);
}

TEST_F(TransferTest, TheGuestChangesPlacesInOneWrite) {
  bool moved = false;
  io.hook([&](std::size_t, const test::FaultyIo::Call&) {
    if (b->backend[2].suspended) {
      EXPECT_EQ(of_source() == IntentKind::away, of_copy() == IntentKind::loaded);
    }
    moved = moved || of_copy() == IntentKind::loaded;
  });
  run();
  io.hook({});
  EXPECT_TRUE(moved);
}

TEST_F(TransferTest, WhatWasExportedIsMovedOnlyWhenAllowedAndItsFileIsNotLoadedAnyMore) {
  const auto digest = export_to_file(*a->session, 1, folder / "guest").sha256;
  EXPECT_THAT(refusal_of([&] { run(); }), ElementsAre("exported"));
  run({.allowed = {"exported"}});
  ASSERT_EQ(ledger().size(), 1U);
  EXPECT_EQ(ledger()[0].kind, LedgerLine::Kind::loaded);
  EXPECT_EQ(ledger()[0].sha256, to_string(*digest));
  EXPECT_EQ(ledger()[0].place, test::Lab::key_of("b"));
}

TEST_F(TransferTest, ThatFailsPutsBackWhatWasRecordedOfTheSource) {
  export_to_file(*a->session, 1, folder / "guest");
  const auto before = *recorded("a", 1);
  b->backend.hook([](const std::string& call, std::uint16_t) {
    if (call == "load") throw OsError(EIO, "load", "it");
  });
  EXPECT_EQ(status_of_run({.allowed = {"exported"}}), ExitStatus::io);
  EXPECT_FALSE(source_runs());
  EXPECT_EQ(of_source(), IntentKind::exported);
  EXPECT_EQ(recorded("a", 1)->details, before.details);
}

TEST_F(TransferTest, ADestinationThatNobodyHoldsIsNotResumed) {
  b->hold(2, false);
  EXPECT_THAT(refusal_of([&] { run(); }), ElementsAre("not_open"));
  EXPECT_EQ(a->backend.count("suspend"), 0U);
  EXPECT_EQ(status_of_run({.resume = false}), ExitStatus::ok);
}

TEST_F(TransferTest, BothMayBeOfOneSubsystem) {
  const auto source = a->backend[1].state;
  transfer_state(*a->session, 1, *a->session, 3);
  EXPECT_EQ(a->backend[3].state, source);
  EXPECT_TRUE(a->backend[1].suspended);
  EXPECT_FALSE(a->backend[3].suspended);
  EXPECT_EQ(of_source(), IntentKind::away);
  EXPECT_FALSE(custody("a", 3));
}

TEST_F(TransferTest, SessionsOfOneSubsystemShareItsJournal) {
  auto& other = lab.add("other");
  other.subsystem.serial = "a";
  other.subsystem.subsystem_nqn = "nqn.test:a";
  other.subsystem.bus.holders = a->fake.subsystem.bus.holders;
  const auto second = lab.open("other", Access::read);
  transfer_state(*a->session, 1, *second, 3);
  EXPECT_EQ(&second->journal(), &a->journal());
  EXPECT_EQ(of_source(), IntentKind::away);
  EXPECT_FALSE(custody("a", 3));
}

TEST_F(TransferTest, AFunctionIsNotMovedToItself) {
  EXPECT_EQ(test::failure_of([&] { transfer_state(*a->session, 1, *a->session, 1); }).status(),
            ExitStatus::usage);
  EXPECT_TRUE(a->backend.log().empty());
}

TEST_F(TransferTest, RefusesWithEverythingThatStandsOnBothSides) {
  a->backend.formats.vendors = b->backend.formats.vendors = {Uuid{{7}}};
  b->fake.subsystem.firmware = "2";
  a->open();
  b->open();
  a->session->registry().unmark(1);
  a->backend[1].suspended = true;
  a->journal().record(IntentKind::away, 1, {{"destination", "b 2"}});
  b->session->registry().unmark(2);
  b->function(2).online = false;
  for (const bool dry_run : {false, true}) {
    EXPECT_THAT(refusal_of([&] { run({.dry_run = dry_run}); }),
                ElementsAre("unmarked", "away", "unmarked", "offline", "firmware"));
  }
  EXPECT_EQ(a->backend.count("suspend") + b->backend.count("suspend"), 0U);
  a->session->registry().mark(1);
  b->session->registry().mark(2);
  b->function(2).online = true;
  EXPECT_EQ(status_of_run({.allowed = {"firmware", "away"}}), ExitStatus::ok);
}

TEST_F(TransferTest, WhatTheJournalSaysOfTheDestinationDoesNotStop) {
  for (const auto kind : {IntentKind::suspended, IntentKind::away, IntentKind::loading}) {
    set_up(20'000);
    b->backend[2].suspended = true;
    b->journal().record(kind, 2);
    EXPECT_EQ(status_of_run(), ExitStatus::ok) << to_string(kind);
    EXPECT_TRUE(copy_runs());
  }
}

TEST_F(TransferTest, ADestinationWhoseOwnGuestWasExportedIsNotOverwritten) {
  b->backend[2].suspended = true;
  b->journal().record(IntentKind::exported, 2);
  EXPECT_THAT(refusal_of([&] { run(); }), ElementsAre("exported"));
}

TEST_F(TransferTest, ADryRunChangesNothing) {
  const auto result = run({.dry_run = true});
  EXPECT_TRUE(result.resumed);
  EXPECT_EQ(result.formats, (FormatChoice{.version = 0, .vendor = {}}));
  EXPECT_TRUE(source_runs());
  EXPECT_FALSE(b->backend[2].loaded || b->backend[2].suspended);
  EXPECT_FALSE(of_source() || of_copy());
}

TEST_F(TransferTest, SendsIdentifyControllerOnceASide) {
  a->fake.subsystem.commands.clear();
  b->fake.subsystem.commands.clear();
  a->open();
  b->open();
  run();
  EXPECT_EQ(a->fake.subsystem.count_of("identify 01"), 1U);
  EXPECT_EQ(b->fake.subsystem.count_of("identify 01"), 1U);
}

TEST_F(TransferTest, CountsTheCommandsOfBothSides) {
  for (const auto* host : {a.get(), b.get()}) {
    static_cast<void>(host->session->topology());
    host->fake.subsystem.commands.clear();
  }
  const auto sent = [&] {
    return a->fake.subsystem.commands.size() + b->fake.subsystem.commands.size();
  };
  const auto between = run();
  EXPECT_EQ(between.figures.commands, sent());
  const auto before = sent();
  const auto within = transfer_state(*a->session, 2, *a->session, 3);
  EXPECT_EQ(within.figures.commands, sent() - before);
}

TEST_F(TransferTest, AStateThatDoesNotFitIsNeverCommittedAndTheSourceRunsAgain) {
  for (const std::size_t size : {std::size_t{20'000}, std::size_t{9} << 20U}) {
    set_up(size);
    a->backend[1].state = test::make_state(size, 4);
    EXPECT_EQ(status_of_run(), ExitStatus::bad_state);
    EXPECT_TRUE(source_runs());
    EXPECT_FALSE(b->backend[2].loaded);
    expect_truth();
  }
}

TEST_F(TransferTest, NothingIsLostWhereverADeviceFails) {
  for (const std::size_t size : {std::size_t{104}, std::size_t{20'000}, std::size_t{5} << 20U}) {
    a->backend.chunk = b->backend.chunk = size > (1U << 20U) ? 512U << 10U : 4096U;
    for (auto* broken : {a.get(), b.get()}) {
      for (std::size_t number = 1;; ++number) {
        SCOPED_TRACE(broken->session->device() + " call " + std::to_string(number));
        set_up(size);
        test::FailAt at(number, [] { throw NvmeError({sc::internal_error}, "send"); });
        broken->backend.hook(std::ref(at));
        status_of_run();
        broken->backend.hook({});
        expect_truth();
        EXPECT_TRUE(source_runs() || of_source() == IntentKind::away);
        expect_repairable();
        if (!at.reached()) break;
      }
    }
  }
}

TEST_F(TransferTest, NothingIsLostWhereverTheSystemFails) {
  for (const bool for_good : {false, true}) {
    for (std::size_t number = 1;; ++number) {
      SCOPED_TRACE("call " + std::to_string(number) + (for_good ? " and all after it" : ""));
      set_up(20'000);
      const auto before = io.calls();
      if (for_good) {
        io.fail_kind("", ENOSPC, number);
      } else {
        io.fail_nth(number, ENOSPC);
      }
      status_of_run();
      const bool reached = io.calls() - before >= number;
      io.heal();
      expect_truth();
      expect_in_step();
      open_again();
      expect_repairable();
      if (!reached) break;
    }
  }
}

TEST_F(TransferTest, AStopSignalResumesTheSource) {
  for (const std::size_t size : {std::size_t{20'000}, std::size_t{5} << 20U}) {
    set_up(size);
    set_interrupted(false);
    b->backend.hook([](const std::string& call, std::uint16_t) {
      if (call == "load chunk") set_interrupted(true);
    });
    EXPECT_EQ(status_of_run(), ExitStatus::interrupted);
    EXPECT_TRUE(source_runs());
    expect_truth();
  }
}

TEST_F(TransferTest, AfterThePointOfNoReturnTheSourceIsNotResumed) {
  b->backend.hook([](const std::string& call, std::uint16_t) {
    if (call == "resume") throw NvmeError({sc::internal_error}, "resume");
  });
  EXPECT_EQ(status_of_run(), ExitStatus::device);
  EXPECT_FALSE(source_runs());
  EXPECT_THAT(remedies, ElementsAre(remedy_is(Remedy::Action::resume, "sim:b", 2)));
  b->backend.hook({});
  expect_repairable();
}

TEST_F(TransferTest, BeforeTheFirstCommandTheJournalSaysWhatIsBegun) {
  b->backend.hook([&](const std::string& call, std::uint16_t) {
    if (call != "suspend") return;
    EXPECT_EQ(of_source(), IntentKind::suspended);
    EXPECT_TRUE(test::is_unfinished_on(recorded("a", 1)));
    EXPECT_EQ(recorded("a", 1)->details.at("destination"), "sim:b 2");
    EXPECT_EQ(of_copy(), IntentKind::loading);
    EXPECT_EQ(recorded("b", 2)->details.at("source"), "sim:a 1");
    EXPECT_EQ(a->backend.count("suspend"), 0U);
  });
  run();
}

TEST_F(TransferTest, WhereOnlyTheResumeIsMissingTheRecordSaysSo) {
  b->backend.hook([&](const std::string& call, std::uint16_t) {
    if (call != "resume") return;
    EXPECT_EQ(of_copy(), IntentKind::loaded);
    EXPECT_TRUE(test::is_unfinished_on(recorded("b", 2)));
  });
  run();
}

}  // namespace
}  // namespace nvmigrate
