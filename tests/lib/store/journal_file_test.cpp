// SPDX-License-Identifier: LGPL-2.1-or-later
#include <cerrno>

#include "tests/lib/store/journal_fixture.h"
#include "tests/support/find_intent.h"

namespace nvmigrate::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::StartsWith;

const std::string golden = NVMIGRATE_SOURCE_DIR "/tests/lib/store/golden/journal-2.json";
constexpr auto nothing = R"({"schema": "nvmigrate.journal/2", "subsystems": [], "ledger": []})";

/// What the file on disk may be.
class JournalFileTest : public JournalTest {
 protected:
  std::string code() {
    const auto trouble = open().trouble();
    return trouble ? trouble->code : "";
  }
  void expect_unchangeable(const std::string& text) {
    auto journal = open();
    EXPECT_THAT(journal.intents(), IsEmpty());
    EXPECT_THAT(journal.ledger(), IsEmpty());
    EXPECT_THROW(journal.record(IntentKind::suspended, 3), Error);
    JournalChange change;
    change.record(journal, IntentKind::away, 3);
    EXPECT_THROW(change.prepare(), Error);
    EXPECT_FALSE(journal.try_to_rewrite());
    EXPECT_EQ(contents(path()), text) << "it is kept for whoever looks into it";
  }
};

TEST_F(JournalFileTest, TheGoldenFileIsRead) {
  write(contents(golden));
  const auto journal = open();
  EXPECT_EQ(code(), "");
  ASSERT_THAT(journal.intents(), SizeIs(2));
  const auto exported = *journal.custody(3);
  EXPECT_EQ(exported.kind, IntentKind::exported);
  EXPECT_EQ(exported.command, "export");
  EXPECT_EQ(exported.pid, 4711);
  EXPECT_EQ(exported.time, "2026-01-31T23:59:59Z");
  EXPECT_EQ(exported.details.at("file"), "/srv/guest.nvmstate");
  EXPECT_EQ(exported.details.at(digest_detail).size(), 64U);
  EXPECT_TRUE(test::find(journal, IntentKind::unbound, 3));
  EXPECT_TRUE(open_other().custody(4)->details.contains(unfinished_detail));
  ASSERT_THAT(journal.ledger(), SizeIs(2));
  EXPECT_EQ(journal.ledger()[0].source, key);
  EXPECT_EQ(journal.ledger()[0].place, other);
  EXPECT_EQ(journal.ledger()[1].kind, LedgerLine::Kind::resumed);
  EXPECT_THAT(journal.lost(), StartsWith("/run/nvmigrate/journal.json.damaged-"));
}

TEST_F(JournalFileTest, TheGoldenFileIsWrittenAgainAsItWas) {
  write(contents(golden));
  EXPECT_TRUE(open_other().try_to_rewrite());
  EXPECT_EQ(contents(path()), contents(golden));
}

TEST_F(JournalFileTest, AFileThatSaysNothingIsNoTrouble) {
  write(nothing);
  EXPECT_EQ(code(), "");
  open().record(IntentKind::suspended, 3);
  EXPECT_TRUE(open().custody(3));
}

TEST_F(JournalFileTest, DamageIsTroubleAndNamesTheFile) {
  const std::string begin = R"({"schema": "nvmigrate.journal/2", )";
  const std::string entry = R"({"subsystem": "nqn.2019-08.org.x:a", "serial": "S1", "intents": )";
  const std::string intent = R"("command": "x", "pid": 1, "time": "", "details": {}, )";
  const auto with_intents = [&](const std::string& intents) {
    return begin + R"("ledger": [], "subsystems": [)" + entry + intents + "}]}";
  };
  for (const auto& text :
       {std::string{}, std::string{"{\"schema\""}, std::string{"[]"}, std::string{"{}"},
        begin + R"("subsystems": []})", begin + R"("ledger": [], "subsystems": {}})",
        begin + R"("ledger": [{"kind": "loaded"}], "subsystems": []})",
        begin + R"("ledger": [], "subsystems": [], "settled": {"a": 1}})",
        begin + R"("ledger": [], "subsystems": [{"serial": "S1"}]})", with_intents(R"({"a": 1})"),
        with_intents(R"([{"kind": "asleep", "controller": 3, )" + intent.substr(0, 12) + "}]"),
        with_intents(R"([{"kind": "away", "controller": 70000, )" + intent + R"("x": 1}])")}) {
    SCOPED_TRACE(text);
    write(text);
    EXPECT_EQ(code(), "journal_damaged");
    EXPECT_THAT(open().trouble()->message, HasSubstr(path()));
    EXPECT_EQ(open().trouble()->path, path());
    expect_unchangeable(text);
  }
}

TEST_F(JournalFileTest, DamageInTheRecordsOfAnotherSubsystemIsDamageToo) {
  const std::string text = R"({"schema": "nvmigrate.journal/2", "ledger": [], "subsystems": [)"
                           R"({"subsystem": "nqn.2019-08.org.x:a", "serial": "S1", "intents": []},)"
                           R"({"subsystem": "nqn.x", "intents": "none"}]})";
  write(text);
  EXPECT_EQ(code(), "journal_damaged");
  expect_unchangeable(text);
}

TEST_F(JournalFileTest, AFileOfANewerVersionIsNotDamaged) {
  const std::string text = R"({"schema": "nvmigrate.journal/3", "guests": []})";
  write(text);
  EXPECT_EQ(code(), "journal_newer");
  EXPECT_THAT(open().trouble()->message, HasSubstr("nvmigrate.journal/3"));
  expect_unchangeable(text);
}

TEST_F(JournalFileTest, WhatCannotBeReadIsNeitherDamagedNorAbsent) {
  open().record(IntentKind::away, 4);
  const auto text = contents(path());
  for (const auto* call : {"open", "read", "lstat"}) {
    SCOPED_TRACE(call);
    io.fail_kind(call, EIO);
    EXPECT_EQ(code(), "journal_unreadable");
    expect_unchangeable(text);
    io.heal();
  }
}

TEST_F(JournalFileTest, WhatCouldNotBeReadForAMomentIsNotOverwritten) {
  open().record(IntentKind::away, 4);
  io.fail_kind("read", EIO);
  auto journal = open();
  io.heal();
  ASSERT_TRUE(journal.trouble());
  EXPECT_THROW(journal.record(IntentKind::suspended, 3), Error);
  EXPECT_EQ(open().custody(4)->kind, IntentKind::away);
  EXPECT_FALSE(open().custody(3));
}

TEST_F(JournalFileTest, AFolderOfOthersIsNotRead) {
  std::filesystem::create_directories(folder / "elsewhere");
  std::filesystem::create_directory_symlink(folder / "elsewhere", folders.run);
  EXPECT_EQ(code(), "journal_unreadable");
  EXPECT_THROW(open().record(IntentKind::suspended, 3), Error);
}

// --- set aside ---

class AsideTest : public JournalFileTest {
 protected:
  AsideTest() { write("{"); }
};

TEST_F(AsideTest, ADamagedJournalIsKeptAndItsLossRemembered) {
  auto journal = open();
  const auto aside = journal.set_aside();
  EXPECT_THAT(aside, StartsWith(path() + ".damaged-"));
  EXPECT_EQ(contents(aside), "{");
  EXPECT_FALSE(journal.trouble());
  EXPECT_EQ(journal.lost(), aside);
  EXPECT_EQ(open_other().lost(), aside) << "it was that of the whole host";
  journal.record(IntentKind::suspended, 3);
  journal.strike_custody(3);
  EXPECT_EQ(open().lost(), aside);
  EXPECT_EQ(code(), "");
}

TEST_F(AsideTest, AFunctionIsNoLongerLostOnceItsGuestIsKnownAgain) {
  auto journal = open();
  const auto aside = journal.set_aside();
  for (const std::uint16_t id : std::array<std::uint16_t, 3>{3, 4, 5})
    EXPECT_EQ(journal.lost(id), aside);
  journal.strike_custody(3);
  journal.record(IntentKind::away, 4);
  EXPECT_EQ(journal.lost(4), aside) << "the record alone tells where it is";
  JournalChange().strike_custody(journal, 4).write();
  journal.forget({5});
  for (const std::uint16_t id : std::array<std::uint16_t, 3>{3, 4, 5}) {
    EXPECT_EQ(journal.lost(id), "");
    EXPECT_EQ(open().lost(id), "");
    EXPECT_EQ(open_other().lost(id), aside) << "that is another subsystem";
  }
  EXPECT_EQ(open().lost(6), aside);
  const auto calls = io.calls();
  journal.strike_custody(3);
  journal.forget({3, 4});
  EXPECT_EQ(io.calls(), calls) << "it is known already";
  put(path(), "{");
  auto again = open();
  again.set_aside();
  EXPECT_NE(again.lost(3), "");
  EXPECT_NE(open().lost(3), "");
}

// --- gone

TEST_F(JournalFileTest, OneThatIsGoneInTheSameBootIsLost) {
  folders.boot = "one";
  open().record(IntentKind::away, 3);
  EXPECT_EQ(open().lost(), "");
  std::filesystem::remove_all(folders.run);
  EXPECT_EQ(open().lost(), path());
  EXPECT_TRUE(open().is_gone());
  open_other().record(IntentKind::suspended, 4);
  EXPECT_EQ(open().lost(3), path()) << "a new one remembers it";
  open_other().strike_custody(4);
  EXPECT_EQ(open().lost(3), path());
  EXPECT_EQ(open_other().lost(4), "");
  std::filesystem::remove_all(folders.run);
  folders.boot = "two";
  EXPECT_EQ(open().lost(), "") << "the host was restarted";
  EXPECT_FALSE(open().is_gone());
}

TEST_F(JournalFileTest, OneThatBecameEmptyIsNotLost) {
  folders.boot = "one";
  open().record(IntentKind::suspended, 3);
  open().strike_custody(3);
  EXPECT_THAT(names(), IsEmpty());
  EXPECT_EQ(open().lost(), "");
}

TEST_F(JournalFileTest, OneThatCouldNotBeNotedIsKeptAllTheSame) {
  folders.boot = "one";
  io.fail_kind("mkdir", EIO, 2, 1);
  open().record(IntentKind::suspended, 3);
  io.heal();
  EXPECT_FALSE(std::filesystem::exists(folders.state + "/journal.boot"));
  EXPECT_TRUE(open().custody(3));
  open().record(IntentKind::away, 3);
  EXPECT_TRUE(std::filesystem::exists(folders.state + "/journal.boot")) << "the next change did";
}

TEST_F(JournalFileTest, WhereTheNoteStaysTheJournalStaysToo) {
  folders.boot = "one";
  open().record(IntentKind::suspended, 3);
  io.fail_kind("unlink", EIO);
  open().strike_custody(3);
  io.heal();
  EXPECT_THAT(open().intents(), IsEmpty());
  EXPECT_EQ(open().lost(), "");
  open().record(IntentKind::suspended, 3);
  open().strike_custody(3);
  EXPECT_THAT(names(), IsEmpty());
}

TEST_F(JournalFileTest, WhereTheNoteCannotBeReadNobodyKnows) {
  folders.boot = "one";
  std::filesystem::create_directories(folders.state + "/journal.boot");
  EXPECT_EQ(code(), "journal_unreadable");
}

TEST_F(JournalFileTest, WhereNothingWasLostNothingIsSettled) {
  open().record(IntentKind::away, 3);
  open().record(IntentKind::away, 4);
  open().strike_custody(3);
  EXPECT_EQ(contents(path()).find("settled"), std::string::npos);
  EXPECT_EQ(open().lost(3), "");
}

TEST_F(AsideTest, WhereverThatFailsTheDamageIsNotForgotten) {
  for (std::size_t step = 1;; ++step) {
    SCOPED_TRACE("step " + std::to_string(step));
    write("{");
    FaultyIo faulty(system);
    Journal journal(faulty, folders, key, "doctor");
    const auto calls = faulty.calls();
    faulty.fail_nth(step, ENOSPC);
    bool failed = false;
    try {
      journal.set_aside();
    } catch (const Error&) {
      failed = true;
    }
    const auto again = open();
    EXPECT_TRUE(again.trouble() || !again.lost().empty());
    EXPECT_EQ(journal.trouble().has_value(), failed);
    if (!failed) {
      EXPECT_EQ(contents(again.lost()), "{");
    }
    if (faulty.calls() - calls < step) break;
    for (const auto& name : names())
      std::filesystem::remove(folders.run + "/" + name);
  }
}

TEST_F(AsideTest, WhatAnotherCommandSetAsideMeanwhileIsNotSetAsideAgain) {
  auto journal = open();
  open_other().set_aside();
  open_other().record(IntentKind::away, 4);
  EXPECT_EQ(failure_of([&] { journal.set_aside(); }).status(), ExitStatus::busy);
  EXPECT_EQ(open_other().custody(4)->kind, IntentKind::away);
}

}  // namespace
}  // namespace nvmigrate::test
