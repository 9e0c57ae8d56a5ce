// SPDX-License-Identifier: LGPL-2.1-or-later
#include <cerrno>

#include "tests/lib/store/journal_fixture.h"
#include "tests/support/find_intent.h"

namespace nvmigrate::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

/// Both sides of a transfer, each with a record.
class JournalChangeTest : public JournalTest {
 protected:
  JournalChangeTest() {
    source.record(IntentKind::suspended, 3, {{"since_ns", "1"}});
    destination.record(IntentKind::loading, 4);
  }
  JournalChange move() {
    JournalChange change;
    change.record(destination, IntentKind::loaded, 4, {{"source", "a 3"}});
    change.record(source, IntentKind::away, 3, {{"destination", "b 4"}});
    return change;
  }
  void expect_moved(bool moved) {
    const auto of_source = moved ? IntentKind::away : IntentKind::suspended;
    const auto of_destination = moved ? IntentKind::loaded : IntentKind::loading;
    EXPECT_EQ(source.custody(3)->kind, of_source);
    EXPECT_EQ(destination.custody(4)->kind, of_destination);
    EXPECT_EQ(open().custody(3)->kind, of_source);
    EXPECT_EQ(open_other().custody(4)->kind, of_destination);
  }
  std::size_t renames() { return io.calls_of("rename"); }

  Journal source{io, folders, key, "transfer"}, destination{io, folders, other, "transfer"};
};

TEST_F(JournalChangeTest, OfBothSidesIsOneWrite) {
  const auto before = renames();
  move().write();
  EXPECT_EQ(renames(), before + 1);
  expect_moved(true);
  EXPECT_EQ(open().custody(3)->details.at("destination"), "b 4");
}

TEST_F(JournalChangeTest, OfNothingWritesNothing) {
  const auto calls = io.calls();
  JournalChange().write();
  EXPECT_EQ(io.calls(), calls);
}

TEST_F(JournalChangeTest, IsMadeInItsOrder) {
  JournalChange change;
  change.strike_custody(source, 3).record(source, IntentKind::exporting, 3);
  change.record(source, IntentKind::exported, 3).write();
  EXPECT_EQ(open().custody(3)->kind, IntentKind::exported);
  EXPECT_THAT(open().intents(), SizeIs(1));
}

TEST_F(JournalChangeTest, PutsBackWhatWasRecordedBefore) {
  const auto before = *source.custody(3);
  source.record(IntentKind::exporting, 3);
  JournalChange().put_back(source, before).write();
  const auto now = open().custody(3);
  EXPECT_EQ(now->kind, IntentKind::suspended);
  EXPECT_EQ(now->details, before.details);
  EXPECT_EQ(now->time, before.time);
}

TEST_F(JournalChangeTest, ThatFailsAtAnyStepChangesNeitherSide) {
  const auto before = contents(path());
  for (std::size_t step = 1;; ++step) {
    SCOPED_TRACE("step " + std::to_string(step));
    const auto calls = io.calls();
    io.fail_nth(step, EIO);
    bool failed = false;
    try {
      move().write();
    } catch (const Error&) {
      failed = true;
    }
    const bool reached = io.calls() - calls >= step;
    io.heal();
    expect_moved(!failed);
    if (!reached) break;
    put(path(), before);
    JournalChange back;
    back.record(source, IntentKind::suspended, 3).record(destination, IntentKind::loading, 4);
    back.write();
  }
}

// --- prepared ---

TEST_F(JournalChangeTest, PreparedNeedsNothingButAName) {
  auto change = move();
  change.prepare();
  expect_moved(false);
  const auto before = io.calls();
  change.commit();
  std::vector<std::string> calls;
  for (auto at = before; at < io.calls(); ++at)
    calls.push_back(io.log()[at].kind);
  calls.erase(std::remove(calls.begin(), calls.end(), "close"), calls.end());
  EXPECT_THAT(calls, ElementsAre("flock", "lstat", "fstat", "link", "rename", "fsync"));
  expect_moved(true);
}

TEST_F(JournalChangeTest, PreparedAndDroppedLeavesNothing) {
  {
    auto change = move();
    change.prepare();
    const auto other_owner = std::move(change);
  }
  expect_moved(false);
  EXPECT_THAT(names(), ElementsAre("journal.json"));
}

TEST_F(JournalChangeTest, PreparedAndFailedChangesNothing) {
  for (const auto* step : {"flock", "link", "rename", "fsync"}) {
    SCOPED_TRACE(step);
    auto change = move();
    change.prepare();
    io.fail_kind(step, EIO, 1, 1);
    EXPECT_THROW(change.commit(), Error);
    io.heal();
    EXPECT_TRUE(source.try_to_rewrite()) << "the lock was kept";
    expect_moved(false);
  }
  EXPECT_THAT(names(), ElementsAre("journal.json"));
}

TEST_F(JournalChangeTest, PreparedDoesNotUndoWhatOthersWroteSince) {
  auto change = move();
  change.prepare();
  Journal(io, folders, {"nqn.third"}, "x").record(IntentKind::suspended, 1);
  change.commit();
  expect_moved(true);
  EXPECT_TRUE(Journal(io, folders, {"nqn.third"}, "x").custody(1));
}

TEST_F(JournalChangeTest, PreparedKeepsWhatTheSameJournalRecordedSince) {
  auto change = move();
  change.prepare();
  source.record(IntentKind::unbound, 7);
  destination.record(IntentKind::suspended, 1);
  change.commit();
  expect_moved(true);
  EXPECT_TRUE(test::find(open(), IntentKind::unbound, 7));
  EXPECT_TRUE(open_other().custody(1));
}

TEST_F(JournalChangeTest, PreparedHoldsOnce) {
  auto change = move();
  EXPECT_THAT(error_of([&] { change.commit(); }, ExitStatus::internal), HasSubstr("not prepared"));
  change.prepare();
  change.commit();
  error_of([&] { change.commit(); }, ExitStatus::internal);
}

TEST_F(JournalChangeTest, MayLeaveNothingToKeep) {
  JournalChange change;
  change.strike_custody(source, 3).strike_custody(destination, 4).prepare();
  expect_moved(false);
  change.commit();
  EXPECT_THAT(names(), IsEmpty());
}

// --- the ledger ---

class LedgerTest : public JournalChangeTest {
 protected:
  static LedgerLine line(LedgerLine::Kind kind, const std::string& digest) {
    return {.kind = kind, .sha256 = digest, .cntlid = 4, .device = "sim:b"};
  }
  LedgerLine loaded(const std::string& digest) {
    auto loaded = line(LedgerLine::Kind::loaded, digest);
    loaded.source = key;
    loaded.source_cntlid = 3;
    return loaded;
  }
};

TEST_F(LedgerTest, TellsWhatBecameOfAStateToAllSubsystems) {
  JournalChange change;
  change.note(destination, loaded("d1")).note(source, line(LedgerLine::Kind::resumed, "d2"));
  change.write();
  const auto lines = Journal(io, folders, {"nqn.third"}, "x").ledger();
  ASSERT_THAT(lines, SizeIs(2));
  EXPECT_EQ(lines[0].kind, LedgerLine::Kind::loaded);
  EXPECT_EQ(lines[0].sha256, "d1");
  EXPECT_EQ(lines[0].source, key);
  EXPECT_EQ(lines[0].source_cntlid, 3);
  EXPECT_EQ(lines[0].place, other);
  EXPECT_EQ(lines[0].cntlid, 4);
  EXPECT_EQ(lines[0].device, "sim:b");
  EXPECT_EQ(lines[0].command, "transfer");
  EXPECT_EQ(lines[0].time.size(), 20U);
  EXPECT_EQ(lines[1].kind, LedgerLine::Kind::resumed);
  EXPECT_EQ(lines[1].place, key);
  EXPECT_FALSE(lines[1].source || lines[1].source_cntlid);
}

TEST_F(LedgerTest, OutlivesTheRecordsOfItsFunctions) {
  JournalChange change;
  change.note(destination, loaded("d1")).strike_custody(destination, 4);
  change.strike_custody(source, 3).write();
  EXPECT_THAT(open().intents(), IsEmpty());
  EXPECT_THAT(open().ledger(), SizeIs(1));
}

TEST_F(LedgerTest, ForgetsTheLoadsOfAFunctionThatNeverRan) {
  JournalChange change;
  change.note(destination, loaded("d1")).note(destination, line(LedgerLine::Kind::resumed, "d2"));
  auto elsewhere = loaded("d3");
  elsewhere.cntlid = 5;
  change.note(destination, elsewhere).note(source, loaded("d4")).write();
  JournalChange().drop_loads(destination, 4).write();
  std::vector<std::string> left;
  for (const auto& one : open().ledger())
    left.push_back(one.sha256);
  EXPECT_THAT(left, ElementsAre("d2", "d3", "d4"));
}

TEST_F(LedgerTest, ForgetsTheOldestWhenItIsLong) {
  for (int round = 0; round < 5; ++round) {
    JournalChange change;
    for (int number = 0; number < 1000; ++number)
      change.note(source, loaded(std::to_string(1000 * round + number)));
    change.write();
  }
  const auto lines = open().ledger();
  ASSERT_THAT(lines, SizeIs(4096));
  EXPECT_EQ(lines.front().sha256, "904");
  EXPECT_EQ(lines.back().sha256, "4999");
}

}  // namespace
}  // namespace nvmigrate::test
