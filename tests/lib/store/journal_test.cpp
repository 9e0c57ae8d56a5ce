// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/store/journal.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "nvmigrate/base/parallel.h"
#include "nvmigrate/store/lock.h"
#include "tests/support/error_of.h"
#include "tests/support/faulty_io.h"
#include "tests/support/temporary_folder.h"

namespace nvmigrate {
namespace {

using namespace std::chrono_literals;
using test::contents;
using test::error_of;
using test::put;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

const std::string nqn = "nqn.2019-08.org.x:a";
const SubsystemKey key{nqn, "S1"};

class JournalTest : public testing::Test {
 protected:
  Journal open() { return {io, folders, key, "export"}; }
  [[nodiscard]] std::string path() const {
    return folders.run + "/" + file_name_of(key.text()) + ".journal.json";
  }
  std::vector<std::string> names() {
    std::vector<std::string> all;
    system.list(folders.run, all);
    return all;
  }

  test::TemporaryFolder folder;
  Folders folders = folder.folders();
  SystemIo system;
  test::FaultyIo io{system};
};

TEST_F(JournalTest, BeginsEmptyAndWritesNothing) {
  EXPECT_THAT(open().intents(), IsEmpty());
  EXPECT_FALSE(std::filesystem::exists(folders.run));
}

TEST_F(JournalTest, KeepsWhatIsRecorded) {
  auto journal = open();
  journal.record(IntentKind::unbound, 3, {{"original_driver", "nvme"}});
  journal.record(IntentKind::provisioning, 0, {{"was_vfs", "4"}});
  const auto again = open();
  ASSERT_THAT(again.intents(), SizeIs(2));
  const auto unbound = again.find(IntentKind::unbound, 3);
  ASSERT_TRUE(unbound);
  EXPECT_EQ(unbound->command, "export");
  EXPECT_EQ(unbound->pid, ::getpid());
  EXPECT_EQ(unbound->details.at("original_driver"), "nvme");
  EXPECT_EQ(unbound->time.size(), 20U);
  ASSERT_TRUE(again.find(IntentKind::provisioning, 0));
  EXPECT_EQ(again.find(IntentKind::provisioning, 0)->details.at("was_vfs"), "4");
  EXPECT_FALSE(again.find(IntentKind::unbound, 4));
  EXPECT_FALSE(again.find(IntentKind::unbound, 0));
  EXPECT_FALSE(again.find(IntentKind::provisioning, 3));
}

TEST_F(JournalTest, AnIntentReplacesItsPredecessor) {
  auto journal = open();
  journal.record(IntentKind::suspended, 3, {{"a", "1"}});
  journal.record(IntentKind::suspended, 3, {{"a", "2"}});
  ASSERT_THAT(open().intents(), SizeIs(1));
  EXPECT_EQ(open().find(IntentKind::suspended, 3)->details.at("a"), "2");
}

TEST_F(JournalTest, EveryKindIsReadAgain) {
  auto journal = open();
  for (const auto kind : {IntentKind::suspended, IntentKind::loading, IntentKind::moved,
                          IntentKind::unbound, IntentKind::provisioning}) {
    journal.record(kind, 3);
    EXPECT_TRUE(open().find(kind, 3)) << to_string(kind);
    EXPECT_EQ(intent_kind_of(to_string(kind)), kind);
  }
  EXPECT_EQ(intent_kind_of("asleep"), std::nullopt);
}

TEST_F(JournalTest, StrikesSeveralKindsInOneWrite) {
  auto journal = open();
  journal.record(IntentKind::suspended, 3);
  journal.record(IntentKind::loading, 3);
  journal.record(IntentKind::suspended, 4);
  const auto renames = io.calls_of("rename");
  journal.strike({IntentKind::suspended, IntentKind::loading, IntentKind::moved}, 3);
  EXPECT_EQ(io.calls_of("rename"), renames + 1);
  ASSERT_THAT(open().intents(), SizeIs(1));
  EXPECT_TRUE(open().find(IntentKind::suspended, 4));
  journal.strike({IntentKind::suspended}, 3);
  EXPECT_EQ(io.calls_of("rename"), renames + 1) << "nothing to strike, nothing written";
}

TEST_F(JournalTest, LeavesNoFileWhenNothingIsLeft) {
  auto journal = open();
  journal.record(IntentKind::suspended, 3);
  journal.record(IntentKind::provisioning, 0);
  journal.strike({IntentKind::provisioning}, 0);
  EXPECT_TRUE(std::filesystem::exists(path()));
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
  EXPECT_TRUE(open().find(IntentKind::suspended, 3)->in_progress);
}

TEST_F(JournalTest, TellsWhatADeadCommandLeft) {
  {
    const SubsystemLock lock(io, folders, key.text(), "export", 0ms);
    open().record(IntentKind::suspended, 3);
  }
  EXPECT_FALSE(open().find(IntentKind::suspended, 3)->in_progress);
}

TEST_F(JournalTest, AFailureAtAnyStepOfRecordingChangesNothing) {
  open().record(IntentKind::suspended, 3);
  const auto before = contents(path());
  test::FaultyIo counting(system);
  Journal(counting, folders, key, "x").record(IntentKind::loading, 3);
  const auto steps = counting.calls();
  for (std::size_t step = 1; step <= steps; ++step) {
    put(path(), before);
    test::FaultyIo faulty(system);
    faulty.fail_nth(step, ENOSPC);
    try {
      Journal journal(faulty, folders, key, "x");
      try {
        journal.record(IntentKind::loading, 3);
      } catch (const OsError&) {
        EXPECT_FALSE(journal.find(IntentKind::loading, 3));
        EXPECT_EQ(contents(path()), before) << faulty.log()[step - 1].kind;
      }
    } catch (const OsError&) {
      EXPECT_EQ(contents(path()), before) << faulty.log()[step - 1].kind;
    }
    EXPECT_THAT(names(), SizeIs(1)) << faulty.log()[step - 1].kind;
  }
}

TEST_F(JournalTest, AFailureAtAnyStepOfTheFirstRecordLeavesNoFile) {
  make_private_folder(system, folders.run);
  test::FaultyIo counting(system);
  Journal(counting, folders, key, "x").record(IntentKind::loading, 3);
  const auto steps = counting.calls();
  std::filesystem::remove(path());
  for (std::size_t step = 1; step <= steps; ++step) {
    test::FaultyIo faulty(system);
    faulty.fail_nth(step, EIO);
    try {
      Journal(faulty, folders, key, "x").record(IntentKind::loading, 3);
      std::filesystem::remove(path());
    } catch (const OsError&) {
      EXPECT_THAT(names(), IsEmpty()) << faulty.log()[step - 1].kind;
    }
  }
}

TEST_F(JournalTest, StrikingThatFailsKeepsTheIntent) {
  auto journal = open();
  journal.record(IntentKind::suspended, 3);
  io.fail_kind("fsync", EIO, 1, 1);
  EXPECT_THROW(journal.strike({IntentKind::suspended}, 3), OsError);
  EXPECT_TRUE(journal.find(IntentKind::suspended, 3));
  EXPECT_TRUE(open().find(IntentKind::suspended, 3));
}

TEST_F(JournalTest, PreparedChangesTakeNothingButANameToHold) {
  auto journal = open();
  journal.record(IntentKind::suspended, 3);
  auto prepared = journal.prepare(3, {IntentKind::suspended}, IntentKind::moved, {{"to", "x"}});
  EXPECT_TRUE(open().find(IntentKind::suspended, 3));
  const auto before = io.calls();
  prepared.commit();
  EXPECT_EQ(io.log()[before].kind, "link");
  EXPECT_EQ(io.log()[before + 1].kind, "rename");
  EXPECT_EQ(io.calls(), before + 6) << "and open, sync and close the folder; close the file";
  EXPECT_TRUE(journal.find(IntentKind::moved, 3));
  EXPECT_FALSE(open().find(IntentKind::suspended, 3));
  EXPECT_EQ(open().find(IntentKind::moved, 3)->details.at("to"), "x");
}

TEST_F(JournalTest, PreparedChangesThatAreDroppedLeaveNothing) {
  auto journal = open();
  journal.record(IntentKind::suspended, 3);
  {
    auto prepared = journal.prepare(3, {IntentKind::suspended}, IntentKind::moved, {});
    const auto moved = std::move(prepared);
  }
  EXPECT_THAT(names(), SizeIs(1));
  EXPECT_TRUE(journal.find(IntentKind::suspended, 3));
}

TEST_F(JournalTest, PreparedChangesThatFailChangeNothing) {
  auto journal = open();
  journal.record(IntentKind::suspended, 3);
  const auto before = contents(path());
  for (const auto* step : {"rename", "open", "fsync"}) {
    auto prepared = journal.prepare(3, {IntentKind::suspended}, IntentKind::moved, {});
    io.fail_kind(step, EIO, 1, 1);
    EXPECT_THROW(prepared.commit(), OsError) << step;
    io.heal();
    EXPECT_EQ(contents(path()), before) << step;
    EXPECT_TRUE(journal.find(IntentKind::suspended, 3));
    EXPECT_FALSE(journal.find(IntentKind::moved, 3));
  }
  EXPECT_THAT(names(), SizeIs(1));
}

TEST_F(JournalTest, PreparedChangesDoNotUndoLaterOnes) {
  auto journal = open();
  auto prepared = journal.prepare(3, {}, IntentKind::moved, {});
  journal.record(IntentKind::suspended, 4);
  EXPECT_THAT(error_of([&] { prepared.commit(); }, ExitStatus::internal),
              HasSubstr("was changed since"));
  EXPECT_TRUE(open().find(IntentKind::suspended, 4));
}

TEST_F(JournalTest, PreparedChangesHoldOnce) {
  auto journal = open();
  auto prepared = journal.prepare(3, {}, IntentKind::moved, {});
  prepared.commit();
  error_of([&] { prepared.commit(); }, ExitStatus::internal);
}

TEST_F(JournalTest, DamageNamesTheFileAndTheWayOn) {
  make_private_folder(system, folders.run);
  const std::string begin = R"({"schema": "nvmigrate.journal/1", "subsystem": ")" + nqn + R"(", )";
  const std::string entry =
      R"("command": "x", "pid": 1, "time": "", "details": {}, "controller": )";
  for (const auto& text :
       {std::string{}, std::string{"{\"schema\""}, begin + R"("intents": {"a": 1}})",
        begin + R"("intents": [{"kind": "asleep", )" + entry + "3}]}",
        begin + R"("intents": [{"kind": "moved", )" + entry + "70000}]}"}) {
    put(path(), text);
    EXPECT_THAT(error_of([&] { open(); }, ExitStatus::io),
                AllOf(HasSubstr("the journal is damaged"), HasSubstr("remove " + path())))
        << text;
  }
}

TEST_F(JournalTest, TheFileOfAnotherSubsystemIsNotTaken) {
  make_private_folder(system, folders.run);
  for (const auto* of : {R"("subsystem": "x", "serial": "S1")",
                         R"("subsystem": "nqn.2019-08.org.x:a", "serial": "S2")"}) {
    put(path(), std::string{R"({"schema": "nvmigrate.journal/1", "intents": [], )"} + of + "}");
    error_of([&] { open(); }, ExitStatus::io);
  }
}

TEST_F(JournalTest, DrivesOfOneNqnAreKeptApart) {
  open().record(IntentKind::suspended, 3);
  EXPECT_FALSE(Journal(io, folders, {nqn, "S2"}, "x").find(IntentKind::suspended, 3));
  EXPECT_FALSE(Journal(io, folders, {nqn}, "x").find(IntentKind::suspended, 3));
}

TEST_F(JournalTest, SeveralThreadsMayRecord) {
  auto journal = open();
  run_parallel(8, 4, [&](std::size_t number) {
    const auto id = static_cast<std::uint16_t>(number);
    journal.record(IntentKind::suspended, id);
    journal.record(IntentKind::loading, id);
    journal.strike({IntentKind::suspended}, id);
  });
  EXPECT_THAT(open().intents(), SizeIs(8));
}

TEST_F(JournalTest, OnTheWayOutAFailureIsSaidNotThrown) {
  auto journal = open();
  journal.record(IntentKind::suspended, 3);
  io.fail_kind("unlink", EIO);
  io.fail_kind("open", EIO);
  EXPECT_NE(journal.try_to_strike({IntentKind::suspended}, 3), "");
  EXPECT_FALSE(journal.try_to_rewrite());
  io.heal();
  EXPECT_TRUE(open().find(IntentKind::suspended, 3));
  std::filesystem::remove(path());
  EXPECT_TRUE(journal.try_to_rewrite());
  EXPECT_TRUE(open().find(IntentKind::suspended, 3));
  EXPECT_EQ(journal.try_to_strike({IntentKind::suspended}, 3), "");
  EXPECT_THAT(open().intents(), IsEmpty());
}

/// The file as versions before there were keys wrote it, under the NQN alone.
class OldJournalTest : public JournalTest {
 protected:
  OldJournalTest() {
    make_private_folder(system, folders.run);
    put(old_path, contents(NVMIGRATE_SOURCE_DIR "/tests/lib/store/golden/journal-1.json"));
  }

  std::string old_path = folders.run + "/" + file_name_of(nqn) + ".journal.json";
};

TEST_F(OldJournalTest, IsRead) {
  const auto journal = open();
  ASSERT_THAT(journal.intents(), SizeIs(2));
  const auto moved = journal.find(IntentKind::moved, 3);
  ASSERT_TRUE(moved);
  EXPECT_EQ(moved->command, "transfer");
  EXPECT_EQ(moved->pid, 4711);
  EXPECT_EQ(moved->time, "2025-01-31T23:59:59Z");
  EXPECT_EQ(moved->details.at("destination"), "/dev/nvme1 2");
  EXPECT_TRUE(journal.find(IntentKind::suspended, 4)->details.contains(unfinished_detail));
  EXPECT_TRUE(std::filesystem::exists(old_path)) << "reading changes nothing";
}

TEST_F(OldJournalTest, IsTakenOverAtTheNextChange) {
  open().strike({IntentKind::suspended}, 4);
  EXPECT_FALSE(std::filesystem::exists(old_path));
  EXPECT_TRUE(std::filesystem::exists(path()));
  EXPECT_THAT(open().intents(), SizeIs(1));
  EXPECT_TRUE(open().find(IntentKind::moved, 3));
  open().strike({IntentKind::moved}, 3);
  EXPECT_THAT(names(), IsEmpty());
}

TEST_F(OldJournalTest, IsTakenOverByAPreparedChange) {
  auto journal = open();
  auto prepared = journal.prepare(4, {IntentKind::suspended}, IntentKind::moved, {});
  EXPECT_TRUE(open().find(IntentKind::suspended, 4));
  prepared.commit();
  EXPECT_FALSE(std::filesystem::exists(old_path));
  EXPECT_TRUE(open().find(IntentKind::moved, 4));
}

TEST_F(OldJournalTest, NothingIsLostWhereverTakingItOverFails) {
  const auto before = contents(old_path);
  for (std::size_t step = 1;; ++step) {
    test::FaultyIo faulty(system);
    faulty.fail_nth(step, EIO);
    try {
      Journal(faulty, folders, key, "x").record(IntentKind::loading, 5);
    } catch (const OsError&) {
    }
    EXPECT_TRUE(open().find(IntentKind::moved, 3)) << step;
    EXPECT_TRUE(open().find(IntentKind::suspended, 4)) << step;
    std::filesystem::remove(path());
    put(old_path, before);
    if (faulty.calls() < step) break;
  }
}

TEST_F(JournalTest, FoldersOfOthersAreRefused) {
  std::filesystem::create_directories(folder / "elsewhere");
  std::filesystem::create_directory_symlink(folder / "elsewhere", folders.run);
  error_of([&] { open(); }, ExitStatus::refused);
}

}  // namespace
}  // namespace nvmigrate
