// SPDX-License-Identifier: LGPL-2.1-or-later
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <filesystem>
#include <mutex>

#include "nvmigrate/migrate/migrate.h"
#include "nvmigrate/migrate/suspension.h"
#include "nvmigrate/state/state.h"
#include "tests/lib/migrate/migrate_fixture.h"

namespace nvmigrate {
namespace {

using test::refusal_of;
using test::remedy_is;
using testing::Contains;
using testing::ElementsAre;

class ExportTest : public test::MigrateTest {
 protected:
  ExportTest() { a->backend[1].state = test::make_state(20'000); }

  ExportResult run(const ExportOptions& options = {}) {
    return export_to_file(*a->session, 1, file, options);
  }
  ExitStatus status_of_run(const ExportOptions& options = {}) {
    return status_of([&] { run(options); });
  }
  bool there() { return exists(system, file); }
  void begin_anew() {
    sweep();
    ::unlink(file.c_str());
    a->backend[1].suspended = false;
    EXPECT_TRUE(a->journal().try_to_rewrite());
    a->journal().strike_custody(1);
    std::filesystem::remove(folder.folders().run + "/journal.json");
  }
  void expect_whole_or_absent() {
    if (there()) {
      EXPECT_EQ(StoredState::open(system, file).end().size, a->backend[1].state.size());
    }
    std::vector<std::string> names;
    system.list(folder.path(), names);
    for (const auto& name : names)
      EXPECT_FALSE(name.starts_with(".nvmigrate")) << name;
  }

  std::unique_ptr<test::Host> a = host("a");
  std::string file = folder / "guest";
};

TEST_F(ExportTest, WritesTheStateAndStaysSuspended) {
  const auto result = run();
  EXPECT_TRUE(result.suspended);
  EXPECT_FALSE(result.resumed);
  EXPECT_EQ(result.figures.bytes, a->backend[1].state.size());
  EXPECT_GT(result.figures.commands, 0U);
  EXPECT_FALSE(result.figures.blackout_ended);
  EXPECT_TRUE(a->backend[1].suspended);
  const auto intent = recorded("a", 1);
  ASSERT_TRUE(intent);
  EXPECT_EQ(intent->kind, IntentKind::exported);
  EXPECT_EQ(intent->details.at("file"), file);
  EXPECT_EQ(intent->details.at(digest_detail), to_string(*result.sha256));

  const auto stored = StoredState::open(system, file);
  EXPECT_EQ(stored.end().sha256, *result.sha256);
  EXPECT_EQ(stored.identity()->controller, 1);
  EXPECT_EQ(stored.identity()->queues, 4);
  EXPECT_EQ(stored.file_size(), result.file_bytes);
}

TEST_F(ExportTest, ResumesAsSoonAsAllWasRead) {
  bool published = true;
  a->backend.hook([&](const std::string& call, std::uint16_t) {
    if (call == "resume") published = there();
  });
  const auto result = run({.resume = true});
  EXPECT_FALSE(published);
  EXPECT_TRUE(result.resumed);
  EXPECT_TRUE(result.figures.blackout_ended);
  EXPECT_GT(result.figures.blackout.count(), 0);
  EXPECT_FALSE(a->backend[1].suspended);
  EXPECT_FALSE(custody("a", 1));
}

TEST_F(ExportTest, AFunctionThatWasSuspendedStaysSo) {
  a->backend[1].suspended = true;
  const auto result = run();
  EXPECT_TRUE(result.suspended_before);
  EXPECT_EQ(a->backend.count("suspend"), 0U);
  EXPECT_TRUE(a->backend[1].suspended);
}

TEST_F(ExportTest, GivesNoticeWhenAskedTo) {
  run({.notice = true});
  EXPECT_EQ(a->backend.count("quiesce"), 1U);
  EXPECT_LT(std::find(a->backend.log().begin(), a->backend.log().end(), "quiesce"),
            std::find(a->backend.log().begin(), a->backend.log().end(), "suspend"));
}

TEST_F(ExportTest, WritesTheBareStateWhenAskedTo) {
  run({.raw = true});
  const auto text = test::contents(file);
  EXPECT_EQ(std::memcmp(text.data(), a->backend[1].state.data(), text.size()), 0);
  EXPECT_EQ(text.size(), a->backend[1].state.size());
}

TEST_F(ExportTest, ADryRunDoesNothing) {
  const auto result = run({.dry_run = true});
  EXPECT_TRUE(result.suspended);
  EXPECT_FALSE(there());
  EXPECT_THAT(a->backend.log(), ElementsAre("look"));
}

TEST_F(ExportTest, RefusesWhatMayNotBeExportedBeforeAnythingIsChanged) {
  const auto refused_with = [&](const std::string& code) {
    for (const bool dry_run : {false, true})
      EXPECT_THAT(refusal_of([&] { run({.dry_run = dry_run}); }), ElementsAre(code));
    EXPECT_EQ(a->backend.count("suspend"), 0U);
    EXPECT_FALSE(there());
  };
  a->session->registry().unmark(1);
  refused_with("unmarked");
  a->session->registry().mark(1);
  a->function(1).online = false;
  refused_with("offline");
  a->function(1).online = true;
  a->function(1).controls = true;
  refused_with("controlling_function");
  a->function(1).controls = false;
  a->backend[1].suspended = true;
  a->journal().record(IntentKind::away, 1, {{"destination", "b 2"}});
  refused_with("away");
  a->journal().record(IntentKind::exported, 1);
  refused_with("exported");
  a->journal().record(IntentKind::loading, 1);
  refused_with("loading");
  a->journal().record(IntentKind::exported, 1);
  a->backend[1].suspended = false;
  refused_with("two_copies");
}

TEST_F(ExportTest, RefusesWithEverythingThatStands) {
  a->session->registry().unmark(1);
  a->backend[1].suspended = true;
  a->journal().record(IntentKind::away, 1, {{"destination", "b 2"}});
  EXPECT_THAT(refusal_of([&] { run(); }), ElementsAre("unmarked", "away"));
}

TEST_F(ExportTest, ARecordThatTheDeviceContradictsIsOver) {
  a->backend[1].queues = 0;
  a->journal().record(IntentKind::away, 1, {{"destination", "b 2"}});
  run();
  EXPECT_EQ(custody("a", 1), IntentKind::exported);
  EXPECT_FALSE(recorded("a", 1)->details.contains("destination"));
}

TEST_F(ExportTest, WhatIsAllowedByNameIsDone) {
  a->backend[1].suspended = true;
  a->journal().record(IntentKind::away, 1, {{"destination", "b 2"}});
  EXPECT_EQ(status_of_run({.allowed = {"loading"}}), ExitStatus::refused);
  EXPECT_EQ(status_of_run({.allowed = {"away"}}), ExitStatus::ok);
}

TEST_F(ExportTest, AFileThatIsThereIsReplacedOnlyWhenAsked) {
  test::put(file, "mine");
  for (const bool dry_run : {true, false}) {
    const auto failure = test::failure_of([&] { run({.dry_run = dry_run}); });
    EXPECT_EQ(failure.code(), "file_exists");
    EXPECT_EQ(failure.status(), ExitStatus::refused);
  }
  EXPECT_EQ(test::contents(file), "mine");
  EXPECT_EQ(a->backend.count("suspend"), 0U);
  EXPECT_FALSE(custody("a", 1));
  EXPECT_EQ(status_of_run({.overwrite = true}), ExitStatus::ok);
  expect_whole_or_absent();
}

TEST_F(ExportTest, AFileThatAppearsMeanwhileIsKeptAndTheGuestGoesOn) {
  a->backend.hook([&](const std::string& call, std::uint16_t) {
    if (call == "save") test::put(file, "of another");
  });
  EXPECT_EQ(test::failure_of([&] { run(); }).code(), "file_exists");
  EXPECT_EQ(test::contents(file), "of another");
  EXPECT_FALSE(a->backend[1].suspended);
  EXPECT_FALSE(custody("a", 1));
}

TEST_F(ExportTest, SendsIdentifyControllerOnce) {
  a->fake.subsystem.commands.clear();
  a->open();
  run();
  EXPECT_EQ(a->fake.subsystem.count_of("identify 01"), 1U);
}

TEST_F(ExportTest, RefusesFormatsTheDeviceDoesNotHave) {
  const auto code_of = [&](const FormatChoice& formats) {
    const auto failure = test::failure_of([&] { run({.formats = formats}); });
    EXPECT_EQ(failure.status(), ExitStatus::unsupported);
    return failure.code();
  };
  EXPECT_EQ(code_of({.version = 7, .vendor = {}}), "version");
  EXPECT_EQ(code_of({.version = 0, .vendor = Uuid{}}), "vendor_format");
  EXPECT_TRUE(a->backend.log().empty());
}

TEST_F(ExportTest, AStateNoDestinationWouldTakeIsNotPublished) {
  a->backend[1].state[sizeof(wire::StateHeader) + 8 + 10] = std::byte{0};  // queue id 0
  try {
    run();
    FAIL();
  } catch (const Refusal& refusal) {
    EXPECT_EQ(refusal.status(), ExitStatus::device);
    EXPECT_EQ(refusal.code(), "queue_id");
    EXPECT_TRUE(refusal.findings().front().overridable);
  }
  EXPECT_FALSE(there());
  EXPECT_FALSE(a->backend[1].suspended);
  EXPECT_EQ(test::codes_of(run({.allowed = {"queue_id", "queue_order"}}).findings).front(),
            "queue_id");
}

TEST_F(ExportTest, NothingIsLostWhereverTheDeviceFails) {
  const std::vector<std::function<void()>> failures{
      [] { throw NvmeError({sc::internal_error | 0x4000U}, "send"); },
      [] { throw OsError(EINTR, "send", "it"); }, [] { throw std::bad_alloc(); }};
  for (const bool resume : {false, true}) {
    for (const auto& fail : failures) {
      for (std::size_t number = 1;; ++number) {
        SCOPED_TRACE("call " + std::to_string(number));
        test::FailAt at(number, fail);
        a->backend.hook(std::ref(at));
        bool failed = false;
        try {
          run({.resume = resume});
        } catch (const std::exception&) {
          failed = true;
        }
        a->backend.hook({});
        expect_whole_or_absent();
        EXPECT_EQ(there(), !failed);
        EXPECT_EQ(a->backend[1].suspended, !failed && !resume);
        EXPECT_EQ(on_disk("a", IntentKind::exported, 1), !failed && !resume);
        EXPECT_TRUE(!failed || !custody("a", 1));
        begin_anew();
        if (!at.reached()) break;
      }
    }
  }
}

TEST_F(ExportTest, NothingIsLostWhereverTheSystemFails) {
  for (const bool resume : {false, true}) {
    for (const bool for_good : {false, true}) {
      for (std::size_t number = 1;; ++number) {
        SCOPED_TRACE("call " + std::to_string(number) + (for_good ? " and all after it" : ""));
        const auto before = io.calls();
        io.heal();
        if (for_good) {
          io.fail_kind("", ENOSPC, number);
        } else {
          io.fail_nth(number, ENOSPC);
        }
        const auto status = status_of_run({.resume = resume});
        const bool reached = io.calls() - before >= number;
        io.heal();
        EXPECT_EQ(a->backend[1].suspended, there() && !resume);
        EXPECT_TRUE(there() || status != ExitStatus::ok);
        if (there()) {
          EXPECT_EQ(StoredState::open(system, file).end().size, 20'000U);
        }
        if (a->backend[1].suspended) {
          EXPECT_EQ(custody("a", 1), IntentKind::exported);
        } else if (!for_good) {
          EXPECT_FALSE(custody("a", 1));
        }
        begin_anew();
        if (!reached) break;
      }
    }
  }
}

TEST_F(ExportTest, WhenTheFunctionCannotBeResumedTheErrorSaysWhatToDo) {
  a->backend.hook([](const std::string& call, std::uint16_t) {
    if (call == "save chunk" || call == "resume") throw OsError(EIO, "send", "it");
  });
  EXPECT_EQ(status_of_run(), ExitStatus::io);
  EXPECT_THAT(remedies, Contains(remedy_is(Remedy::Action::resume, "sim:a", 1)));
  EXPECT_EQ(custody("a", 1), IntentKind::exporting);
}

TEST_F(ExportTest, AStopSignalResumesTheFunction) {
  a->backend.hook([](const std::string& call, std::uint16_t) {
    if (call == "save chunk") set_interrupted(true);
  });
  EXPECT_EQ(status_of_run(), ExitStatus::interrupted);
  EXPECT_FALSE(there());
  EXPECT_FALSE(a->backend[1].suspended);
}

TEST_F(ExportTest, TheFileTellsTheBlackoutSinceTheFirstSuspend) {
  a->backend[1].suspended = true;
  const std::chrono::nanoseconds long_ago = Suspension::Clock::now().time_since_epoch() / 2;
  a->journal().record(IntentKind::suspended, 1, {{"since_ns", std::to_string(long_ago.count())}});
  const auto result = run();
  EXPECT_GE(result.figures.blackout, long_ago);
  const auto stored = StoredState::open(system, file);
  EXPECT_GE(stored.identity()->blackout_ns, static_cast<std::uint64_t>(long_ago.count()));
  EXPECT_GE(stored.end().blackout_ns, stored.identity()->blackout_ns);
}

TEST_F(ExportTest, TellsTheProgress) {
  std::uint64_t last = 0;
  std::uint64_t total = 0;
  run({.progress = [&](const ProgressReport& report) {
    EXPECT_GT(report.done, last);
    EXPECT_EQ(report.cntlid, 1);
    last = report.done;
    total = report.total;
  }});
  EXPECT_EQ(last, a->backend[1].state.size());
  EXPECT_EQ(total, last);
}

TEST_F(ExportTest, ManyAreExportedAndOneFailureDoesNotStopTheOthers) {
  a->backend[2].state = test::make_state(3U << 20U);
  a->backend[3].state = test::make_state(50'000);
  a->backend.hook([](const std::string& call, std::uint16_t function) {
    if (function == 3 && call == "save") throw NvmeError({sc::internal_error}, "read");
  });
  const auto outcomes = export_many(
      *a->session, {{1, folder / "1"}, {2, folder / "2"}, {3, folder / "3"}}, 4, {.resume = true});
  ASSERT_EQ(outcomes.size(), 3U);
  EXPECT_TRUE(outcomes[0].result && outcomes[1].result);
  EXPECT_FALSE(outcomes[2].result);
  EXPECT_TRUE(outcomes[2].failure);
  EXPECT_EQ(StoredState::open(system, folder / "2").identity()->controller, 2);
  EXPECT_FALSE(exists(system, folder / "3"));
  for (const std::uint16_t id : std::vector<std::uint16_t>{1, 2, 3}) {
    EXPECT_FALSE(a->backend[id].suspended);
    EXPECT_FALSE(custody("a", id));
  }
}

TEST_F(ExportTest, OfManyThoseThatAreRefusedDoNotStopTheOthers) {
  a->session->registry().unmark(2);
  const auto outcomes =
      export_many(*a->session, {{1, folder / "1"}, {2, folder / "2"}, {9, folder / "9"}}, 4);
  ASSERT_EQ(outcomes.size(), 3U);
  EXPECT_TRUE(outcomes[0].result);
  EXPECT_THROW(std::rethrow_exception(outcomes[1].failure), Refusal);
  EXPECT_EQ(test::failure_of([&] { std::rethrow_exception(outcomes[2].failure); }).status(),
            ExitStatus::not_found);
}

TEST_F(ExportTest, NoMoreAreReadAtOnceThanAsked) {
  std::atomic<int> now{0};
  std::atomic<int> most{0};
  a->backend.hook([&](const std::string& call, std::uint16_t) {
    if (call == "save") most = std::max(most.load(), ++now);
    if (call == "resume") --now;
  });
  export_many(*a->session, {{1, folder / "1"}, {2, folder / "2"}, {3, folder / "3"}}, 1,
              {.resume = true});
  EXPECT_EQ(most, 1);
}

TEST_F(ExportTest, AsManyAreReadAtOnceAsAsked) {
  std::mutex mutex;
  std::condition_variable entered;
  int inside = 0;
  a->backend.hook([&](const std::string& call, std::uint16_t) {
    if (call != "save") return;
    std::unique_lock lock(mutex);
    ++inside;
    entered.notify_all();
    if (!entered.wait_for(lock, std::chrono::seconds(30), [&] { return inside == 2; })) {
      throw Error(ExitStatus::timed_out, "the other function is not being read");
    }
  });
  const auto outcomes =
      export_many(*a->session, {{1, folder / "1"}, {2, folder / "2"}}, 2, {.resume = true});
  ASSERT_EQ(outcomes.size(), 2U);
  for (const auto& outcome : outcomes)
    EXPECT_FALSE(outcome.failure) << outcome.cntlid;
}

}  // namespace
}  // namespace nvmigrate
