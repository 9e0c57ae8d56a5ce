// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/migrate/import.h"

#include <unistd.h>

#include "nvmigrate/migrate/export.h"
#include "tests/lib/migrate/migrate_fixture.h"

namespace nvmigrate {
namespace {

using testing::HasSubstr;

class ImportTest : public test::MigrateTest {
 protected:
  ImportTest() {
    a->backend[1].state = test::make_state(20'000);
    auto side = a->side();
    export_to_file(system, side, 1, file, {});
  }

  ImportResult run(const ImportOptions& options = {}) {
    auto side = b->side();
    return import_state(StoredState::open(io, file), side, 2, options);
  }
  ExitStatus status_of_run(const ImportOptions& options = {}) {
    try {
      run(options);
    } catch (const Error& error) {
      hint = error.hint();
      return error.status();
    }
    return ExitStatus::ok;
  }
  bool named(IntentKind kind) { return on_disk("b", kind, 2); }
  void begin_anew() {
    b->backend[2] = {.state = test::make_state(0)};
    b->shared.strike({IntentKind::suspended, IntentKind::loading}, 2);
  }
  void expect_truth(bool failed, bool resume) {
    const auto& function = b->backend[2];
    if (function.frozen) {
      EXPECT_TRUE(named(IntentKind::suspended));
    }
    if (function.half_loaded) {
      EXPECT_TRUE(function.frozen);
      EXPECT_TRUE(named(IntentKind::loading));
    }
    if (!failed) {
      EXPECT_EQ(function.frozen, !resume);
      EXPECT_FALSE(named(IntentKind::loading));
      EXPECT_EQ(named(IntentKind::suspended), !resume);
    }
  }

  std::unique_ptr<test::Host> a = host("a"), b = host("b");
  std::string file = folder / "state";
  std::string hint;
};

TEST_F(ImportTest, LoadsTheStateAndStaysSuspended) {
  const auto result = run();
  EXPECT_EQ(b->backend[2].state, a->backend[1].state);
  EXPECT_TRUE(b->backend[2].frozen);
  EXPECT_TRUE(result.suspended);
  EXPECT_EQ(result.figures.bytes, a->backend[1].state.size());
  EXPECT_FALSE(named(IntentKind::loading));
  const auto intent = b->shared.find(IntentKind::suspended, 2);
  ASSERT_TRUE(intent);
  EXPECT_FALSE(intent->details.contains(unfinished_detail));
}

TEST_F(ImportTest, ResumesWhenAskedTo) {
  const auto result = run({.resume = true});
  EXPECT_TRUE(result.resumed);
  EXPECT_TRUE(result.figures.blackout_ended);
  EXPECT_FALSE(b->backend[2].frozen);
  EXPECT_FALSE(named(IntentKind::loading) || named(IntentKind::suspended));
}

TEST_F(ImportTest, TheIntentsAreOnDiskBeforeTheFirstCommand) {
  b->backend.hook([&](const std::string& call, std::uint16_t) {
    const bool changes = call == "freeze" || call == "load";
    EXPECT_TRUE(!changes || (named(IntentKind::loading) && named(IntentKind::suspended)));
  });
  run();
}

TEST_F(ImportTest, EndsALoadThatDied) {
  b->shared.record(IntentKind::loading, 2);
  b->backend[2].half_loaded = true;
  b->backend[2].frozen = true;
  run({.resume = true});
  EXPECT_FALSE(named(IntentKind::loading));
  EXPECT_FALSE(b->backend[2].frozen);
}

TEST_F(ImportTest, NothingIsSentWhenABlockerStands) {
  b->topology.identity.model = "another";
  EXPECT_EQ(status_of_run(), ExitStatus::bad_state);
  EXPECT_THAT(hint, HasSubstr("--allow model"));
  EXPECT_EQ(b->backend.count("freeze"), 0U);
  EXPECT_EQ(b->backend.count("load"), 0U);
  EXPECT_FALSE(named(IntentKind::loading));
  EXPECT_EQ(status_of_run({.allowed = {"model"}}), ExitStatus::ok);
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
          EXPECT_FALSE(b->backend[2].frozen);
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
  EXPECT_THAT(hint, HasSubstr("stays suspended without a usable state"));
  EXPECT_THAT(hint, HasSubstr("import again"));
  EXPECT_TRUE(named(IntentKind::loading));
}

TEST_F(ImportTest, AResumeThatFailedLeavesTheWholeStateSuspended) {
  b->backend.hook([](const std::string& call, std::uint16_t) {
    if (call == "resume") throw NvmeError({sc::internal_error}, "resume");
  });
  EXPECT_EQ(status_of_run({.resume = true}), ExitStatus::device);
  EXPECT_THAT(hint, HasSubstr("the state is loaded; nvmigrate resume b 2"));
  EXPECT_FALSE(named(IntentKind::loading));
  EXPECT_TRUE(named(IntentKind::suspended));
}

TEST_F(ImportTest, AStopSignalLeavesItSuspended) {
  b->backend.hook([](const std::string& call, std::uint16_t) {
    if (call == "load chunk") set_interrupted(true);
  });
  EXPECT_EQ(status_of_run(), ExitStatus::interrupted);
  EXPECT_TRUE(b->backend[2].frozen);
  EXPECT_TRUE(named(IntentKind::loading));
}

TEST_F(ImportTest, AFileThatChangesWhileItIsLoadedIsNotCommitted) {
  const auto stored = StoredState::open(io, file);
  auto text = test::contents(file);
  text[text.size() / 2] = static_cast<char>(text[text.size() / 2] ^ 1);
  test::put(file, text);
  auto side = b->side();
  EXPECT_THROW(import_state(stored, side, 2, {}), StateFileError);
  EXPECT_FALSE(b->backend[2].loaded);
}

class RawImportTest : public ImportTest {
 protected:
  RawImportTest() {
    ::unlink(file.c_str());
    auto side = a->side();
    export_to_file(system, side, 1, file, {.raw = true});
  }
  ImportCheck check(const ImportOptions& options = {}) {
    auto side = b->side();
    return check_import(StoredState::open(io, file, {.kind = StateKind::raw}), side, 2, options);
  }
};

TEST_F(RawImportTest, TheOnlyVendorFormatIsTaken) {
  const Uuid vendor{{1, 2, 3}};
  b->backend.formats.vendors = {vendor};
  EXPECT_EQ(check().formats, (FormatChoice{.version = 0, .vendor = vendor}));
}

TEST_F(RawImportTest, AmongSeveralVendorFormatsOneMustBeNamed) {
  const Uuid first{{1}};
  const Uuid second{{2}};
  b->backend.formats.vendors = {first, second};
  EXPECT_THROW(check(), Error);
  const FormatChoice named{.version = 0, .vendor = second};
  EXPECT_EQ(check({.formats = named}).formats, named);
}

TEST_F(RawImportTest, ItIsSaidThatItsSourceIsUnknown) {
  EXPECT_THAT(check().findings, testing::Contains(testing::Field(&Finding::name, "raw")));
}

TEST_F(ImportTest, ALoadThatIsRefusedAtOnceLeavesTheFunctionAsItWas) {
  for (const bool frozen : {false, true}) {
    begin_anew();
    b->backend[2].frozen = frozen;
    b->backend.hook([&](const std::string& call, std::uint16_t) {
      if (call == "load chunk") throw NvmeError({sc::invalid_field}, "load");
    });
    EXPECT_EQ(status_of_run(), ExitStatus::device);
    EXPECT_EQ(b->backend[2].frozen, frozen);
    EXPECT_FALSE(named(IntentKind::loading));
  }
}

TEST_F(ImportTest, ALoadThatIsNotAnsweredMayHaveArrived) {
  b->backend.hook([&](const std::string& call, std::uint16_t) {
    if (call == "load chunk") throw OsError(ETIMEDOUT, "load", "it");
  });
  EXPECT_EQ(status_of_run(), ExitStatus::timed_out);
  EXPECT_TRUE(b->backend[2].frozen);
  EXPECT_TRUE(named(IntentKind::loading));
}

TEST_F(ImportTest, ASourceOfAnotherSubsystemIsAskedAfter) {
  ImportOptions options;
  std::optional<bool> answer = false;
  options.ask_source = [&](const StateIdentity& identity) {
    EXPECT_EQ(identity.controller, 1);
    return answer;
  };
  EXPECT_EQ(status_of_run(options), ExitStatus::refused);
  EXPECT_EQ(b->backend.count("freeze"), 0U);
  answer = std::nullopt;
  EXPECT_EQ(status_of_run(options), ExitStatus::ok);
}

class ImportWithinTest : public ImportTest {
 protected:
  ImportWithinTest() { a->backend[2] = {.state = test::make_state(0)}; }
  ExitStatus status_within(const ImportOptions& options = {}) {
    auto side = a->side();
    try {
      import_state(StoredState::open(io, file), side, 2, options);
    } catch (const Error& error) {
      hint = error.hint();
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
  EXPECT_FALSE(a->backend[2].frozen);
}

TEST_F(ImportWithinTest, ASourceThatRunsIsARefusal) {
  a->backend[1].frozen = false;
  EXPECT_EQ(status_within(), ExitStatus::refused);
  EXPECT_EQ(status_within({.allowed = {"source_runs"}}), ExitStatus::ok);
  EXPECT_FALSE(on_disk("a", IntentKind::moved, 1)) << "it was let run on purpose";
}

TEST_F(ImportWithinTest, WhenTheSourceCannotBeHeldBackTheCopyStaysSuspended) {
  a->backend.hook([&](const std::string& call, std::uint16_t) {
    if (call == "load") io.fail_kind("open", EIO);
  });
  EXPECT_EQ(status_within({.resume = true}), ExitStatus::io);
  EXPECT_TRUE(a->backend[2].frozen);
  EXPECT_TRUE(on_disk("a", IntentKind::loading, 2));
}

}  // namespace
}  // namespace nvmigrate
