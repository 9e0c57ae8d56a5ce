// SPDX-License-Identifier: LGPL-2.1-or-later
#include <fcntl.h>
#include <unistd.h>

#include <filesystem>

#include "nvmigrate/migrate/migrate.h"
#include "nvmigrate/session/custody.h"
#include "nvmigrate/state/state.h"
#include "tests/lib/migrate/migrate_fixture.h"

namespace nvmigrate {
namespace {

using test::codes_of;
using test::refusal_of;
using test::remedy_is;
using testing::Contains;
using testing::ElementsAre;

class ImportTest : public test::MigrateTest {
 protected:
  ImportTest() {
    a->backend[1].state = test::make_state(20'000);
    export_to_file(*a->session, 1, file);
  }

  ImportResult run(const ImportOptions& options = {}) {
    return import_state(StoredState::open(io, file), *b->session, 2, options);
  }
  ExitStatus status_of_run(const ImportOptions& options = {}) {
    try {
      run(options);
    } catch (const Error& error) {
      remedies = error.remedies();
      return error.status();
    }
    return ExitStatus::ok;
  }
  bool named(IntentKind kind) { return on_disk("b", kind, 2); }
  void begin_anew() {
    b->backend[2] = {.state = test::make_state(0)};
    a->backend[1].suspended = true;
    b->journal().strike({IntentKind::suspended, IntentKind::loading}, 2);
  }
  void expect_truth(bool failed, bool resume) {
    const auto& function = b->backend[2];
    if (function.suspended) {
      EXPECT_TRUE(named(IntentKind::suspended));
    }
    if (function.half_loaded) {
      EXPECT_TRUE(function.suspended);
      EXPECT_TRUE(named(IntentKind::loading));
    }
    if (!failed) {
      EXPECT_EQ(function.suspended, !resume);
      EXPECT_FALSE(named(IntentKind::loading));
      EXPECT_EQ(named(IntentKind::suspended), !resume);
    }
  }

  std::unique_ptr<test::Host> a = host("a"), b = host("b");
  std::string file = folder / "guest";
  std::vector<Remedy> remedies;
};

TEST_F(ImportTest, LoadsTheStateAndStaysSuspended) {
  const auto result = run();
  EXPECT_EQ(b->backend[2].state, a->backend[1].state);
  EXPECT_TRUE(b->backend[2].suspended);
  EXPECT_TRUE(result.suspended);
  EXPECT_EQ(result.figures.bytes, a->backend[1].state.size());
  EXPECT_FALSE(named(IntentKind::loading));
  const auto intent = b->journal().find(IntentKind::suspended, 2);
  ASSERT_TRUE(intent);
  EXPECT_FALSE(intent->details.contains(unfinished_detail));
}

TEST_F(ImportTest, ResumesWhenAskedTo) {
  const auto result = run({.resume = true});
  EXPECT_TRUE(result.resumed);
  EXPECT_TRUE(result.figures.blackout_ended);
  EXPECT_FALSE(b->backend[2].suspended);
  EXPECT_FALSE(named(IntentKind::loading) || named(IntentKind::suspended));
}

TEST_F(ImportTest, TheIntentsAreOnDiskBeforeTheFirstCommand) {
  b->backend.hook([&](const std::string& call, std::uint16_t) {
    const bool changes = call == "suspend" || call == "load";
    EXPECT_TRUE(!changes || (named(IntentKind::loading) && named(IntentKind::suspended)));
  });
  run();
}

TEST_F(ImportTest, EndsALoadThatDied) {
  b->journal().record(IntentKind::loading, 2);
  b->backend[2].half_loaded = true;
  b->backend[2].suspended = true;
  run({.resume = true});
  EXPECT_FALSE(named(IntentKind::loading));
  EXPECT_FALSE(b->backend[2].suspended);
}

TEST_F(ImportTest, NothingIsChangedWhenABlockerStands) {
  b->fake.subsystem.model = "another";
  b->open();
  EXPECT_THAT(refusal_of([&] { run(); }), ElementsAre("model"));
  EXPECT_EQ(b->backend.count("suspend"), 0U);
  EXPECT_EQ(b->backend.count("load"), 0U);
  EXPECT_FALSE(named(IntentKind::loading));
  EXPECT_EQ(status_of_run({.allowed = {"model"}}), ExitStatus::ok);
}

TEST_F(ImportTest, RefusesWithEverythingThatStands) {
  b->fake.subsystem.model = "another";
  b->open();
  b->session->registry().unmark(2);
  a->backend[1].suspended = false;
  EXPECT_THAT(refusal_of([&] { run(); }), ElementsAre("unmarked", "model", "source_runs"));
}

TEST_F(ImportTest, TheDestinationIsJudgedBeforeTheStateIsRead) {
  check_destination(*b->session, 2);
  EXPECT_TRUE(b->backend.log().empty()) << "nothing is sent before the state is verified";
  b->session->registry().unmark(2);
  b->function(2).kernel_name = "nvme3";
  EXPECT_THAT(refusal_of([&] { check_destination(*b->session, 2); }),
              ElementsAre("unmarked", "host_driver"));
  EXPECT_THAT(refusal_of([&] { check_destination(*b->session, 2, {.allowed = {"host_driver"}}); }),
              ElementsAre("unmarked"));
}

TEST_F(ImportTest, TheRecordSaysWhereTheFileIs) {
  std::string recorded;
  b->backend.hook([&](const std::string& call, std::uint16_t) {
    if (call != "load") return;
    recorded = detail_of(b->journal().find(IntentKind::loading, 2).value(), "file");
  });
  const auto relative = std::filesystem::relative(file).string();
  import_state(StoredState::open(io, relative), *b->session, 2);
  EXPECT_EQ(std::filesystem::canonical(recorded), std::filesystem::canonical(file));
  EXPECT_TRUE(std::filesystem::path(recorded).is_absolute());

  begin_anew();
  const auto in = OpenFile::open(system, file, O_RDONLY);
  const auto stored =
      StoredState::read(io, in.fd(), "standard input", {.spool_folder = folder.path()});
  import_state(stored, *b->session, 2);
  EXPECT_EQ(recorded, "standard input");
}

TEST_F(ImportTest, NothingIsLostWhereverTheDeviceFails) {
  const std::vector<std::function<void()>> failures{
      [] { throw NvmeError({sc::internal_error | 0x4000U}, "send"); },
      [] { throw OsError(EINTR, "send", "it"); }, [] { throw std::bad_alloc(); }};
  for (const bool resume : {false, true}) {
    for (const auto& fail : failures) {
      for (std::size_t number = 1;; ++number) {
        SCOPED_TRACE("call " + std::to_string(number));
        begin_anew();
        test::FailAt at(number, fail);
        b->backend.hook(std::ref(at));
        bool failed = false;
        try {
          run({.resume = resume});
        } catch (const std::exception&) {
          failed = true;
        }
        b->backend.hook({});
        expect_truth(failed, resume);
        if (failed && !b->backend[2].half_loaded && !b->backend[2].loaded) {
          EXPECT_FALSE(b->backend[2].suspended);
        }
        if (failed) {
          run({.resume = true});
          EXPECT_EQ(b->backend[2].state, a->backend[1].state);
          EXPECT_FALSE(named(IntentKind::loading) || named(IntentKind::suspended));
        }
        if (!at.reached()) break;
      }
    }
  }
}

TEST_F(ImportTest, NothingIsLostWhereverTheSystemFails) {
  for (const bool resume : {false, true}) {
    for (std::size_t number = 1;; ++number) {
      SCOPED_TRACE("call " + std::to_string(number));
      begin_anew();
      const auto before = io.calls();
      io.heal();
      io.fail_nth(number, EIO);
      const auto status = status_of_run({.resume = resume});
      const bool reached = io.calls() - before >= number;
      io.heal();
      expect_truth(status != ExitStatus::ok, resume);
      if (!reached) break;
    }
  }
}

TEST_F(ImportTest, ALoadThatFailedSaysHowToGoOn) {
  int chunks = 0;
  b->backend.hook([&](const std::string& call, std::uint16_t) {
    if (call != "load chunk" || ++chunks < 2) return;
    throw NvmeError({sc::not_enough_resources}, "load");
  });
  EXPECT_EQ(status_of_run(), ExitStatus::device);
  ASSERT_THAT(remedies, Contains(remedy_is(Remedy::Action::import_state, "sim:b", 2)));
  EXPECT_EQ(remedies.front().object, file);
  EXPECT_THAT(remedies, Contains(remedy_is(Remedy::Action::reset, "sim:b", 2)));
  EXPECT_TRUE(named(IntentKind::loading));
}

TEST_F(ImportTest, AResumeThatFailedLeavesTheWholeStateSuspended) {
  b->backend.hook([](const std::string& call, std::uint16_t) {
    if (call == "resume") throw NvmeError({sc::internal_error}, "resume");
  });
  EXPECT_EQ(status_of_run({.resume = true}), ExitStatus::device);
  EXPECT_THAT(remedies, ElementsAre(remedy_is(Remedy::Action::resume, "sim:b", 2)));
  EXPECT_FALSE(named(IntentKind::loading));
  EXPECT_TRUE(named(IntentKind::suspended));
}

TEST_F(ImportTest, AStopSignalLeavesItSuspended) {
  b->backend.hook([](const std::string& call, std::uint16_t) {
    if (call == "load chunk") set_interrupted(true);
  });
  EXPECT_EQ(status_of_run(), ExitStatus::interrupted);
  EXPECT_TRUE(b->backend[2].suspended);
  EXPECT_TRUE(named(IntentKind::loading));
}

TEST_F(ImportTest, AFileThatChangesWhileItIsLoadedIsNotCommitted) {
  const auto stored = StoredState::open(io, file);
  auto text = test::contents(file);
  text[text.size() / 2] = static_cast<char>(text[text.size() / 2] ^ 1);
  test::put(file, text);
  EXPECT_THROW(import_state(stored, *b->session, 2), StateFileError);
  EXPECT_FALSE(b->backend[2].loaded);
}

class RawImportTest : public ImportTest {
 protected:
  RawImportTest() {
    ::unlink(file.c_str());
    export_to_file(*a->session, 1, file, {.raw = true});
  }
  ImportCheck check(const ImportOptions& options = {}) {
    return check_import(StoredState::open(io, file, {.kind = StateKind::raw}), *b->session, 2,
                        options);
  }
};

TEST_F(RawImportTest, TheOnlyVendorFormatIsTaken) {
  const Uuid vendor{{1, 2, 3}};
  b->backend.formats.vendors = {vendor};
  b->open();
  EXPECT_EQ(check().formats, (FormatChoice{.version = 0, .vendor = vendor}));
}

TEST_F(RawImportTest, AmongSeveralVendorFormatsOneMustBeNamed) {
  const Uuid first{{1}};
  const Uuid second{{2}};
  b->backend.formats.vendors = {first, second};
  b->open();
  EXPECT_EQ(test::failure_of([&] { check(); }).status(), ExitStatus::usage);
  const FormatChoice named{.version = 0, .vendor = second};
  EXPECT_EQ(check({.formats = named}).formats, named);
}

TEST_F(RawImportTest, ItIsSaidThatItsSourceIsUnknown) {
  EXPECT_THAT(codes_of(check().findings), Contains("raw"));
}

TEST_F(ImportTest, ALoadThatIsRefusedAtOnceLeavesTheFunctionAsItWas) {
  for (const bool suspended : {false, true}) {
    begin_anew();
    b->backend[2].suspended = suspended;
    b->backend.hook([&](const std::string& call, std::uint16_t) {
      if (call == "load chunk") throw NvmeError({sc::invalid_field}, "load");
    });
    EXPECT_EQ(status_of_run(), ExitStatus::device);
    EXPECT_EQ(b->backend[2].suspended, suspended);
    EXPECT_FALSE(named(IntentKind::loading));
  }
}

TEST_F(ImportTest, ALoadThatIsNotAnsweredMayHaveArrived) {
  b->backend.hook([&](const std::string& call, std::uint16_t) {
    if (call == "load chunk") throw OsError(ETIMEDOUT, "load", "it");
  });
  EXPECT_EQ(status_of_run(), ExitStatus::timed_out);
  EXPECT_TRUE(b->backend[2].suspended);
  EXPECT_TRUE(named(IntentKind::loading));
}

TEST_F(ImportTest, TheSourceIsLookedForOnThisHost) {
  const auto check = [&] { return check_import(StoredState::open(io, file), *b->session, 2); };
  EXPECT_EQ(check().source_is_suspended, true);
  EXPECT_THAT(codes_of(check().findings), Contains("source_suspended"));
  a->backend[1].suspended = false;
  EXPECT_EQ(check().source_is_suspended, false);
  EXPECT_THAT(refusal_of([&] { run(); }), ElementsAre("source_runs"));
  EXPECT_EQ(b->backend.count("suspend"), 0U);
  EXPECT_EQ(status_of_run({.allowed = {"source_runs"}}), ExitStatus::ok);
}

TEST_F(ImportTest, ASourceThatIsNotOfThisHostIsNotKnown) {
  const auto source = [&] {
    return check_import(StoredState::open(io, file), *b->session, 2).source_is_suspended;
  };
  a->fake.subsystem.at(1).online = false;
  EXPECT_EQ(source(), std::nullopt) << "offline";
  a->fake.subsystem.at(1).online = true;
  a->fake.subsystem.serial = "another";
  EXPECT_EQ(source(), std::nullopt) << "another drive of that NQN";
  a->fake.subsystem.serial = "a";
  a->fake.subsystem.subsystem_nqn = "nqn.test:c";
  EXPECT_EQ(source(), std::nullopt);
}

TEST_F(ImportTest, ADeviceThatCannotBeAskedDoesNotStopTheSearch) {
  auto& broken = lab.add("0");
  broken.subsystem.before = [](const AdminCommand&) -> std::optional<AdminCompletion> {
    throw OsError(ENODEV, "send", "it");
  };
  a->backend[1].suspended = false;
  EXPECT_THAT(refusal_of([&] { run(); }), ElementsAre("source_runs"));
  a->fake.subsystem.before = broken.subsystem.before;
  EXPECT_EQ(status_of_run(), ExitStatus::ok);
}

TEST_F(ImportTest, AStopSignalStopsTheSearch) {
  a->backend.hook([](const std::string&, std::uint16_t) { throw Interrupted("looking"); });
  EXPECT_EQ(status_of_run(), ExitStatus::interrupted);
  EXPECT_EQ(b->backend.count("suspend"), 0U);
}

class ImportWithinTest : public ImportTest {
 protected:
  ImportWithinTest() { a->backend[2] = {.state = test::make_state(0)}; }
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
    EXPECT_TRUE(call != "resume" || function != 2 || on_disk("a", IntentKind::moved, 1));
  });
  EXPECT_EQ(status_within({.resume = true}), ExitStatus::ok);
  EXPECT_TRUE(on_disk("a", IntentKind::moved, 1));
  EXPECT_FALSE(a->backend[2].suspended);
}

TEST_F(ImportWithinTest, ASourceThatRunsIsARefusal) {
  a->backend[1].suspended = false;
  EXPECT_EQ(status_within(), ExitStatus::refused);
  EXPECT_EQ(status_within({.allowed = {"source_runs"}}), ExitStatus::ok);
  EXPECT_FALSE(on_disk("a", IntentKind::moved, 1)) << "it was let run on purpose";
}

TEST_F(ImportWithinTest, TheSourceIsNotLookedForElsewhere) {
  const auto before = b->fake.subsystem.commands.size();
  EXPECT_EQ(status_within(), ExitStatus::ok);
  EXPECT_EQ(b->fake.subsystem.commands.size(), before);
}

TEST_F(ImportWithinTest, AStateOfTheFunctionItselfHasNoOtherCopy) {
  const auto check = check_import(StoredState::open(io, file), *a->session, 1);
  EXPECT_EQ(check.source_is_suspended, std::nullopt);
  EXPECT_THAT(codes_of(check.findings), Contains("same_function"));
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
