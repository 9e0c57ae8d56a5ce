// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/store/former_journal.h"

#include <cerrno>

#include "tests/lib/store/journal_fixture.h"

namespace nvmigrate::test {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;
using testing::StartsWith;

/// Journals of former versions: one file a subsystem.
class FormerJournalTest : public JournalTest {
 protected:
  FormerJournalTest() { make_private_folder(system, folders.run); }

  [[nodiscard]] std::string former_path(const std::string& subsystem) const {
    return folders.run + "/" + file_name_of(subsystem) + ".journal.json";
  }
  static std::string intent(const std::string& kind, int cntlid, const std::string& command,
                            const std::string& details = "") {
    return R"({"kind": ")" + kind + R"(", "controller": )" + std::to_string(cntlid) +
           R"(, "command": ")" + command + R"(", "pid": 1, "time": "", "details": {)" + details +
           "}}";
  }
  void put_former(const SubsystemKey& of, const std::string& intents) {
    put(former_path(of.text()), R"({"schema": "nvmigrate.journal/1", "subsystem": ")" + of.nqn +
                                    R"(", "serial": ")" + of.serial + R"(", "intents": [)" +
                                    intents + "]}");
  }
  IntentKind kind_of(std::uint16_t cntlid) { return open().custody(cntlid).value().kind; }
};

/// The file as versions before there were keys wrote it, under the NQN alone.
class GoldenFormerTest : public FormerJournalTest {
 protected:
  GoldenFormerTest() { put(old_path, text); }

  std::string old_path = former_path(nqn);
  std::string text = contents(NVMIGRATE_SOURCE_DIR "/tests/lib/store/golden/journal-1.json");
};

TEST_F(GoldenFormerTest, IsRead) {
  const auto journal = open();
  ASSERT_THAT(journal.intents(), SizeIs(2));
  const auto away = *journal.custody(3);
  EXPECT_EQ(away.kind, IntentKind::away);
  EXPECT_EQ(away.command, "transfer");
  EXPECT_EQ(away.pid, 4711);
  EXPECT_EQ(away.time, "2025-01-31T23:59:59Z");
  EXPECT_EQ(away.details.at("destination"), "/dev/nvme1 2");
  const auto exported = *journal.custody(4);
  EXPECT_EQ(exported.kind, IntentKind::exported);
  EXPECT_EQ(exported.details.at("since_ns"), "123456789");
  EXPECT_EQ(contents(old_path), text) << "reading changes nothing";
}

TEST_F(GoldenFormerTest, IsTakenOverAtTheFirstChange) {
  open().strike_custody(4);
  EXPECT_FALSE(std::filesystem::exists(old_path));
  EXPECT_THAT(open().intents(), SizeIs(1));
  EXPECT_EQ(kind_of(3), IntentKind::away);
  open().strike_custody(3);
  EXPECT_THAT(names(), IsEmpty());
}

TEST_F(GoldenFormerTest, IsTakenOverByAPreparedChange) {
  auto journal = open();
  JournalChange change;
  change.record(journal, IntentKind::away, 4).prepare();
  EXPECT_EQ(kind_of(4), IntentKind::exported);
  change.commit();
  EXPECT_FALSE(std::filesystem::exists(old_path));
  EXPECT_EQ(kind_of(4), IntentKind::away);
}

TEST_F(GoldenFormerTest, StaysOverWhenItsFileCannotBeRemoved) {
  auto journal = open();
  io.fail_kind("unlink", EROFS);
  journal.strike_custody(3);
  journal.strike_custody(4);
  io.heal();
  EXPECT_TRUE(std::filesystem::exists(old_path));
  EXPECT_THAT(open().intents(), IsEmpty());
  open().record(IntentKind::suspended, 5);
  EXPECT_FALSE(std::filesystem::exists(old_path));
}

TEST_F(GoldenFormerTest, NothingIsLostWhereverTakingItOverFails) {
  for (std::size_t step = 1;; ++step) {
    SCOPED_TRACE("step " + std::to_string(step));
    FaultyIo faulty(system);
    faulty.fail_nth(step, EIO);
    bool failed = false;
    try {
      Journal(faulty, folders, key, "x").record(IntentKind::loading, 5);
    } catch (const Error&) {
      failed = true;
    }
    EXPECT_EQ(kind_of(3), IntentKind::away);
    EXPECT_EQ(kind_of(4), IntentKind::exported);
    EXPECT_EQ(open().custody(5).has_value(), !failed);
    if (faulty.calls() < step) break;
    std::filesystem::remove(path());
    put(old_path, text);
  }
}

TEST_F(GoldenFormerTest, ThatIsDamagedIsTroubleUntilItIsSetAside) {
  put(old_path, "{");
  auto journal = open();
  ASSERT_TRUE(journal.trouble());
  EXPECT_EQ(journal.trouble()->code, "journal_damaged");
  EXPECT_EQ(journal.trouble()->path, old_path);
  EXPECT_THROW(journal.record(IntentKind::suspended, 3), Error);
  open_other().record(IntentKind::away, 7);
  const auto aside = journal.set_aside();
  EXPECT_THAT(aside, StartsWith(old_path + ".damaged-"));
  EXPECT_EQ(contents(aside), "{");
  EXPECT_FALSE(open().trouble());
  EXPECT_EQ(open().lost(), aside);
  EXPECT_TRUE(open_other().custody(7));
}

TEST_F(GoldenFormerTest, WhereverSettingItAsideFailsTheDamageIsNotForgotten) {
  for (std::size_t step = 1;; ++step) {
    SCOPED_TRACE("step " + std::to_string(step));
    put(old_path, "{");
    FaultyIo faulty(system);
    Journal journal(faulty, folders, key, "doctor");
    const auto calls = faulty.calls();
    faulty.fail_nth(step, ENOSPC);
    try {
      journal.set_aside();
    } catch (const Error&) {
    }
    const auto again = open();
    EXPECT_TRUE(again.trouble() || !again.lost().empty());
    if (faulty.calls() - calls < step) break;
    for (const auto& name : names())
      std::filesystem::remove(folders.run + "/" + name);
  }
}

TEST_F(GoldenFormerTest, ThatCannotBeReadIsNeitherDamagedNorAbsent) {
  io.fail_kind("read", EIO);
  EXPECT_EQ(open().trouble()->code, "journal_unreadable");
}

TEST_F(FormerJournalTest, ThatIsOfAnotherSubsystemIsNotTaken) {
  for (const auto* of : {R"("subsystem": "x", "serial": "S1")",
                         R"("subsystem": "nqn.2019-08.org.x:a", "serial": "S2")"}) {
    put(former_path(key.text()),
        std::string{R"({"schema": "nvmigrate.journal/1", "intents": [], )"} + of + "}");
    ASSERT_TRUE(open().trouble());
    EXPECT_THAT(open().trouble()->message, HasSubstr("another subsystem"));
  }
}

// --- in the current kinds ---

TEST_F(FormerJournalTest, WhatAnExportSuspendedCountsAsExported) {
  put_former(key, intent("suspended", 3, "export", R"("unfinished": "")") + ", " +
                      intent("suspended", 4, "suspend"));
  EXPECT_EQ(kind_of(3), IntentKind::exported);
  EXPECT_FALSE(open().custody(3)->details.contains(unfinished_detail));
  EXPECT_EQ(kind_of(4), IntentKind::suspended);
}

TEST_F(FormerJournalTest, OfSeveralRecordsOfAGuestTheLastKindCounts) {
  put_former(key, intent("suspended", 3, "import", R"("since_ns": "7")") + ", " +
                      intent("loading", 3, "import", R"("file": "/srv/guest")") + ", " +
                      intent("unbound", 3, "bind"));
  EXPECT_THAT(open().intents(), SizeIs(2));
  EXPECT_EQ(kind_of(3), IntentKind::loading);
  EXPECT_EQ(open().custody(3)->details.at("file"), "/srv/guest");
  EXPECT_EQ(open().custody(3)->details.at("since_ns"), "7");
}

class FormerTransferTest : public FormerJournalTest {
 protected:
  void put_load() {
    put_former(key, intent("loading", 3, "transfer",
                           R"("transfer": "7", "source_nqn": "nqn.2019-08.org.x:b", )"
                           R"("source_serial": "S2")"));
  }
  void put_source(const std::string& transfer) {
    put_former(other, intent("moved", 5, "transfer", R"("transfer": ")" + transfer + "\""));
  }
};

TEST_F(FormerTransferTest, ALoadThatWasCommittedIsLoaded) {
  put_load();
  put_source("7");
  EXPECT_EQ(kind_of(3), IntentKind::loaded);
  EXPECT_TRUE(open().custody(3)->details.contains(unfinished_detail));
}

TEST_F(FormerTransferTest, ALoadThatWasNotCommittedIsNot) {
  put_load();
  EXPECT_EQ(kind_of(3), IntentKind::loading);
  put_source("8");
  EXPECT_EQ(kind_of(3), IntentKind::loading);
  put(former_path(other.text()), "{");
  EXPECT_EQ(kind_of(3), IntentKind::loading) << "damage tells nothing";
}

TEST_F(FormerTransferTest, TheCommitIsFoundWhenTheSourceWasTakenOverAlready) {
  put_load();
  put_source("7");
  open_other().record(IntentKind::unbound, 9);
  EXPECT_FALSE(std::filesystem::exists(former_path(other.text())));
  EXPECT_EQ(kind_of(3), IntentKind::loaded);
}

TEST_F(FormerTransferTest, ARecordOfAnOlderVersionNamesTheNqnAlone) {
  put_former(key, intent("loading", 3, "transfer",
                         R"("transfer": "7", "source_nqn": "nqn.2019-08.org.x:b")"));
  put_former({other.nqn}, intent("moved", 5, "transfer", R"("transfer": "7")"));
  EXPECT_EQ(kind_of(3), IntentKind::loaded);
}

}  // namespace
}  // namespace nvmigrate::test
