// SPDX-License-Identifier: LGPL-2.1-or-later
#include <unistd.h>

#include <cerrno>

#include "nvmigrate/base/parallel.h"
#include "nvmigrate/store/lock.h"
#include "tests/lib/store/journal_fixture.h"
#include "tests/support/find_intent.h"

namespace nvmigrate::test {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

constexpr std::array custody_kinds{IntentKind::suspended, IntentKind::exporting,
                                   IntentKind::exported,  IntentKind::away,
                                   IntentKind::loading,   IntentKind::loaded};

TEST_F(JournalTest, BeginsEmptyAndWritesNothing) {
  EXPECT_THAT(open().intents(), IsEmpty());
  EXPECT_THAT(open().ledger(), IsEmpty());
  EXPECT_FALSE(open().trouble());
  EXPECT_FALSE(std::filesystem::exists(folders.run));
}

/// Version 0.1 wrote the keys of both drives as that of a third.
TEST_F(JournalTest, WhatAnEarlierVersionWroteOfAnOddSerialNumberIsOfAllThatItMayBe) {
  Journal(io, folders, {nqn, "A?"}, "export").record(IntentKind::exported, 3);
  const auto first = [&] { return Journal(io, folders, {nqn, "A\\xff"}, "release"); };
  const auto second = [&] { return Journal(io, folders, {nqn, "A\\xfe"}, "release"); };
  EXPECT_TRUE(first().custody(3));
  first().strike_custody(3);
  EXPECT_FALSE(first().custody(3));
  first().record(IntentKind::suspended, 4);
  EXPECT_EQ(first().intents().size(), 1U);
  EXPECT_TRUE(second().custody(3)) << "its guest may be the one that was exported";
  EXPECT_FALSE(second().custody(4));
  EXPECT_FALSE(Journal(io, folders, {nqn, "B"}, "release").custody(3));
}

TEST_F(JournalTest, KeepsWhatIsRecorded) {
  auto journal = open();
  journal.record(IntentKind::unbound, 3, {{"original_driver", "nvme"}});
  journal.record(IntentKind::provisioning, 0, {{"was_vfs", "4"}});
  const auto again = open();
  ASSERT_THAT(again.intents(), SizeIs(2));
  const auto unbound = test::find(again, IntentKind::unbound, 3);
  ASSERT_TRUE(unbound);
  EXPECT_EQ(unbound->command, "export");
  EXPECT_EQ(unbound->pid, ::getpid());
  EXPECT_EQ(unbound->details.at("original_driver"), "nvme");
  EXPECT_EQ(unbound->time.size(), 20U);
  ASSERT_TRUE(test::find(again, IntentKind::provisioning, 0));
  EXPECT_EQ(test::find(again, IntentKind::provisioning, 0)->details.at("was_vfs"), "4");
  EXPECT_FALSE(test::find(again, IntentKind::unbound, 4));
  EXPECT_FALSE(test::find(again, IntentKind::unbound, 0));
  EXPECT_FALSE(test::find(again, IntentKind::provisioning, 3));
}

TEST_F(JournalTest, AnIntentReplacesItsPredecessor) {
  auto journal = open();
  journal.record(IntentKind::unbound, 3, {{"a", "1"}});
  journal.record(IntentKind::unbound, 3, {{"a", "2"}});
  ASSERT_THAT(open().intents(), SizeIs(1));
  EXPECT_EQ(test::find(open(), IntentKind::unbound, 3)->details.at("a"), "2");
}

TEST_F(JournalTest, EveryKindIsReadAgain) {
  auto journal = open();
  for (int number = 0; number <= static_cast<int>(IntentKind::provisioning); ++number) {
    const auto kind = static_cast<IntentKind>(number);
    journal.record(kind, 3);
    EXPECT_TRUE(test::find(open(), kind, 3)) << to_string(kind);
    EXPECT_EQ(intent_kind_of(to_string(kind)), kind);
  }
  EXPECT_EQ(intent_kind_of("asleep"), std::nullopt);
  EXPECT_EQ(intent_kind_of("moved"), std::nullopt);
}

TEST_F(JournalTest, AFunctionHasOneRecordOfWhereItsGuestIs) {
  auto journal = open();
  journal.record(IntentKind::unbound, 3);
  journal.record(IntentKind::suspended, 4);
  for (const auto kind : custody_kinds) {
    journal.record(kind, 3, {{"a", "1"}});
    EXPECT_THAT(open().intents(), SizeIs(3)) << to_string(kind);
    EXPECT_EQ(open().custody(3)->kind, kind);
    EXPECT_EQ(journal.custody(3)->kind, kind);
    EXPECT_TRUE(test::find(open(), IntentKind::unbound, 3));
    EXPECT_EQ(open().custody(4)->kind, IntentKind::suspended);
  }
  EXPECT_FALSE(journal.custody(5));
}

TEST_F(JournalTest, StrikesSeveralKindsInOneWrite) {
  auto journal = open();
  journal.record(IntentKind::suspended, 3);
  journal.record(IntentKind::unbound, 3);
  journal.record(IntentKind::suspended, 4);
  const auto renames = io.calls_of("rename");
  journal.strike({IntentKind::suspended, IntentKind::unbound, IntentKind::away}, 3);
  EXPECT_EQ(io.calls_of("rename"), renames + 1);
  ASSERT_THAT(open().intents(), SizeIs(1));
  EXPECT_TRUE(test::find(open(), IntentKind::suspended, 4));
  journal.strike({IntentKind::suspended}, 3);
  EXPECT_EQ(io.calls_of("rename"), renames + 1) << "nothing to strike, nothing written";
}

TEST_F(JournalTest, StrikesWhateverIsRecordedOfTheGuest) {
  auto journal = open();
  journal.record(IntentKind::unbound, 3);
  for (const auto kind : custody_kinds) {
    journal.record(kind, 3);
    journal.strike_custody(3);
    EXPECT_FALSE(open().custody(3)) << to_string(kind);
  }
  EXPECT_TRUE(test::find(open(), IntentKind::unbound, 3));
  const auto calls = io.calls();
  journal.strike_custody(3);
  EXPECT_EQ(io.calls(), calls) << "nothing to strike, nothing written";
}

TEST_F(JournalTest, LeavesNoFileWhenNothingIsLeft) {
  auto journal = open();
  journal.record(IntentKind::suspended, 3);
  journal.record(IntentKind::provisioning, 0);
  journal.strike({IntentKind::provisioning}, 0);
  EXPECT_THAT(names(), ElementsAre("journal.json"));
  journal.strike({IntentKind::suspended}, 3);
  EXPECT_THAT(names(), IsEmpty());
  EXPECT_THAT(open().intents(), IsEmpty());
}

TEST_F(JournalTest, ForgetsFunctionsAndKeepsWhatIsOfOthers) {
  auto journal = open();
  journal.record(IntentKind::suspended, 3);
  journal.record(IntentKind::unbound, 3);
  journal.record(IntentKind::provisioning, 0);
  journal.forget({3, 4});
  EXPECT_THAT(open().intents(), SizeIs(1));
}

TEST_F(JournalTest, TellsWhatIsInProgress) {
  const SubsystemLock lock(io, folders, key.text(), "export", 0ms);
  open().record(IntentKind::suspended, 3);
  EXPECT_TRUE(test::find(open(), IntentKind::suspended, 3)->in_progress);
}

TEST_F(JournalTest, TellsWhatADeadCommandLeft) {
  {
    const SubsystemLock lock(io, folders, key.text(), "export", 0ms);
    open().record(IntentKind::suspended, 3);
  }
  EXPECT_FALSE(test::find(open(), IntentKind::suspended, 3)->in_progress);
}

// --- several subsystems ---

TEST_F(JournalTest, DrivesOfOneNqnAreKeptApart) {
  open().record(IntentKind::suspended, 3);
  EXPECT_FALSE(Journal(io, folders, {nqn, "S2"}, "x").custody(3));
  EXPECT_FALSE(Journal(io, folders, {nqn}, "x").custody(3));
}

TEST_F(JournalTest, SubsystemsShareAFileAndDoNotLoseEachOthersRecords) {
  auto journal = open();
  auto beside = open_other();
  journal.record(IntentKind::suspended, 3);
  beside.record(IntentKind::loading, 3);
  journal.record(IntentKind::unbound, 4);
  beside.strike_custody(3);
  beside.record(IntentKind::away, 5);
  EXPECT_THAT(names(), ElementsAre("journal.json"));
  EXPECT_THAT(open().intents(), SizeIs(2));
  EXPECT_THAT(open_other().intents(), SizeIs(1));
  EXPECT_EQ(open().custody(3)->command, "export");
  EXPECT_EQ(open_other().custody(5)->command, "import");
}

TEST_F(JournalTest, SubsystemsMayRecordAtOnce) {
  run_parallel(8, 4, [&](std::size_t number) {
    auto journal = Journal(system, folders, {nqn, std::to_string(number)}, "x");
    for (std::uint16_t id = 0; id < 8; ++id)
      journal.record(IntentKind::suspended, id);
  });
  for (std::size_t number = 0; number < 8; ++number)
    EXPECT_THAT(Journal(system, folders, {nqn, std::to_string(number)}, "x").intents(), SizeIs(8));
}

TEST_F(JournalTest, SeveralThreadsMayRecord) {
  auto journal = open();
  run_parallel(8, 4, [&](std::size_t number) {
    const auto id = static_cast<std::uint16_t>(number);
    journal.record(IntentKind::suspended, id);
    journal.record(IntentKind::unbound, id);
    journal.strike({IntentKind::suspended}, id);
    EXPECT_THAT(journal.ledger(), IsEmpty());
  });
  EXPECT_THAT(open().intents(), SizeIs(8));
}

// --- failures ---

TEST_F(JournalTest, AFailureAtAnyStepOfRecordingChangesNothing) {
  open().record(IntentKind::suspended, 3);
  open_other().record(IntentKind::away, 4);
  const auto before = contents(path());
  FaultyIo counting(system);
  Journal(counting, folders, key, "x").record(IntentKind::loading, 3);
  const auto steps = counting.calls();
  for (std::size_t step = 1; step <= steps; ++step) {
    put(path(), before);
    FaultyIo faulty(system);
    faulty.fail_nth(step, ENOSPC);
    Journal journal(faulty, folders, key, "x");
    try {
      journal.record(IntentKind::loading, 3);
      EXPECT_EQ(open_other().custody(4)->kind, IntentKind::away);
    } catch (const Error&) {
      EXPECT_FALSE(test::find(journal, IntentKind::loading, 3));
      EXPECT_EQ(contents(path()), before) << faulty.log()[step - 1].kind;
    }
    EXPECT_THAT(names(), SizeIs(1)) << faulty.log()[step - 1].kind;
  }
}

TEST_F(JournalTest, AFailureAtAnyStepOfTheFirstRecordLeavesNoFile) {
  make_private_folder(system, folders.run);
  FaultyIo counting(system);
  Journal(counting, folders, key, "x").record(IntentKind::loading, 3);
  const auto steps = counting.calls();
  std::filesystem::remove(path());
  for (std::size_t step = 1; step <= steps; ++step) {
    FaultyIo faulty(system);
    faulty.fail_nth(step, EIO);
    try {
      Journal(faulty, folders, key, "x").record(IntentKind::loading, 3);
      std::filesystem::remove(path());
    } catch (const Error&) {
      EXPECT_THAT(names(), IsEmpty()) << faulty.log()[step - 1].kind;
    }
  }
}

TEST_F(JournalTest, StrikingThatFailsKeepsTheIntent) {
  auto journal = open();
  journal.record(IntentKind::suspended, 3);
  io.fail_kind("fsync", EIO, 1, 1);
  EXPECT_THROW(journal.strike({IntentKind::suspended}, 3), OsError);
  EXPECT_TRUE(test::find(journal, IntentKind::suspended, 3));
  EXPECT_TRUE(test::find(open(), IntentKind::suspended, 3));
}

TEST_F(JournalTest, ARewriteThatFailedIsTroubleUntilOneSucceeds) {
  auto journal = open();
  journal.record(IntentKind::suspended, 3);
  io.fail_kind("unlink", EIO);
  io.fail_kind("open", EIO);
  EXPECT_FALSE(journal.try_to_rewrite());
  io.heal();
  EXPECT_TRUE(open().custody(3));
  std::filesystem::remove(path());
  EXPECT_EQ(journal.trouble().value().code, "journal_unreadable");
  EXPECT_THROW(journal.record(IntentKind::suspended, 4), Error);
  EXPECT_TRUE(journal.try_to_rewrite());
  EXPECT_FALSE(journal.trouble());
  EXPECT_TRUE(open().custody(3));
  journal.strike_custody(3);
  EXPECT_THAT(open().intents(), IsEmpty());
}

}  // namespace
}  // namespace nvmigrate::test
