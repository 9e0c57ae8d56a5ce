// SPDX-License-Identifier: LGPL-2.1-or-later
#include <fcntl.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>

#include "nvmigrate/migrate/migrate.h"
#include "nvmigrate/nvme/wire.h"
#include "nvmigrate/session/backend.h"
#include "nvmigrate/session/custody.h"
#include "nvmigrate/state/state.h"
#include "tests/lib/migrate/import_fixture.h"
#include "tests/support/find_intent.h"

namespace nvmigrate {
namespace {

using test::codes_of;
using test::ImportTest;
using test::refusal_of;
using test::remedy_is;
using testing::Contains;
using testing::ElementsAre;
using testing::SizeIs;

TEST_F(ImportTest, LoadsTheStateAndStaysSuspended) {
  const auto result = run();
  EXPECT_EQ(b->backend[2].state, a->backend[1].state);
  EXPECT_TRUE(b->backend[2].suspended);
  EXPECT_TRUE(result.suspended);
  EXPECT_EQ(result.figures.bytes, a->backend[1].state.size());
  const auto intent = recorded("b", 2);
  ASSERT_EQ(now(), IntentKind::loaded);
  EXPECT_FALSE(test::is_unfinished_on(intent));
  EXPECT_EQ(intent->details.at("file"), file);
  EXPECT_EQ(intent->details.at(digest_detail), digest);
}

TEST_F(ImportTest, LeavesALineInTheLedger) {
  run();
  ASSERT_THAT(ledger(), SizeIs(1));
  const auto line = ledger().front();
  EXPECT_EQ(line.kind, LedgerLine::Kind::loaded);
  EXPECT_EQ(line.sha256, digest);
  EXPECT_EQ(line.source, test::Lab::key_of("a"));
  EXPECT_EQ(line.source_cntlid, 1);
  EXPECT_EQ(line.place, test::Lab::key_of("b"));
  EXPECT_EQ(line.cntlid, 2);
  EXPECT_EQ(line.device, "sim:b");
}

TEST_F(ImportTest, ResumesWhenAskedTo) {
  const auto result = run({.resume = true});
  EXPECT_TRUE(result.resumed);
  EXPECT_TRUE(result.figures.blackout_ended);
  EXPECT_FALSE(b->backend[2].suspended);
  EXPECT_FALSE(now());
  EXPECT_THAT(ledger(), SizeIs(1));
}

TEST_F(ImportTest, TheJournalSaysWhatComesNext) {
  b->backend.hook([&](const std::string& call, std::uint16_t) {
    EXPECT_TRUE(now() == IntentKind::loading || (call != "suspend" && call != "load"));
    if (call != "resume") return;
    EXPECT_EQ(now(), IntentKind::loaded);
    EXPECT_TRUE(test::is_unfinished_on(recorded("b", 2)));
    EXPECT_EQ(of_source(), IntentKind::away);
  });
  run({.resume = true});
}

TEST_F(ImportTest, EndsALoadThatDied) {
  b->journal().record(IntentKind::loading, 2);
  b->backend[2].half_loaded = true;
  b->backend[2].suspended = true;
  run({.resume = true});
  EXPECT_FALSE(now());
  EXPECT_FALSE(b->backend[2].suspended);
}

TEST_F(ImportTest, AFunctionWhoseOwnGuestWasExportedIsNotOverwritten) {
  b->backend[2].suspended = true;
  b->journal().record(IntentKind::exported, 2);
  EXPECT_THAT(refusal_of([&] { run(); }), ElementsAre("exported"));
  EXPECT_EQ(status_of_run({.allowed = {"exported"}}), ExitStatus::ok);
}

TEST_F(ImportTest, AStateIsResumedOnlyWhileSomebodyHoldsTheFunction) {
  b->hold(2, false);
  EXPECT_THAT(refusal_of([&] { run({.resume = true}); }), ElementsAre("not_open"));
  EXPECT_EQ(b->backend.count("load"), 0U);
  EXPECT_THAT(codes_of(run().findings), Contains("not_open"));
  EXPECT_THAT(refusal_of([&] { resume_function(*b->session, 2); }), ElementsAre("not_open"));
  b->hold(2, true);
  resume_function(*b->session, 2);
  EXPECT_FALSE(b->backend[2].suspended);
}

TEST_F(ImportTest, NothingIsChangedWhenABlockerStands) {
  b->fake.subsystem.model = "another";
  b->open();
  EXPECT_THAT(refusal_of([&] { run(); }), ElementsAre("model"));
  EXPECT_EQ(b->backend.count("suspend"), 0U);
  EXPECT_EQ(b->backend.count("load"), 0U);
  EXPECT_FALSE(now());
  EXPECT_EQ(status_of_run({.allowed = {"model"}}), ExitStatus::ok);
}

TEST_F(ImportTest, RefusesWithEverythingThatStands) {
  b->fake.subsystem.model = "another";
  b->open();
  b->session->registry().unmark(2);
  a->backend[1].suspended = false;
  EXPECT_THAT(refusal_of([&] { run(); }), ElementsAre("unmarked", "model", "source_runs"));
}

// --- what cannot be loaded is refused, and the check alone says so

TEST_F(ImportTest, AStateThatTheBackendCannotLoadIsTooLarge) {
  b->backend.largest = a->backend[1].state.size() - 1;
  EXPECT_THAT(codes_of_check(), Contains("state_too_large"));
  EXPECT_THAT(refusal_of([&] { run(); }), ElementsAre("state_too_large"));
  EXPECT_EQ(b->backend.count("suspend"), 0U);
  ++b->backend.largest;
  b->open();
  EXPECT_EQ(status_of_run(), ExitStatus::ok);
}

/// Every function gives the same state.
struct Carrier final : SubsystemStateCarrier {
  bool has(std::uint16_t) override { return true; }
  [[nodiscard]] std::uint64_t largest() const override { return most; }
  std::vector<std::byte> save(std::uint16_t) override {
    wire::SubsystemStateHeader header;
    header.csattr = wire::csattr_suspended;
    header.nvmecss = 2;
    std::vector<std::byte> state(sizeof header + 8);
    std::memcpy(state.data(), &header, sizeof header);
    state[sizeof header] = std::byte{wire::subsystem_state_version};
    return state;
  }
  void load(std::uint16_t, std::span<const std::byte> state) override { loaded = state.size(); }

  std::uint64_t most = 71;
  std::size_t loaded = 0;
};

TEST_F(ImportTest, SoIsTheStateOfAnExportedSubsystem) {
  Carrier carrier;
  a->backend.carrier = b->backend.carrier = &carrier;
  export_again({.overwrite = true, .allowed = {"exported"}});
  EXPECT_THAT(codes_of_check(), Contains("state_too_large"));
  EXPECT_THAT(refusal_of([&] { run(); }), ElementsAre("state_too_large"));
  carrier.most = 72;
  EXPECT_EQ(status_of_run(), ExitStatus::ok);
  EXPECT_EQ(carrier.loaded, 72U);
}

TEST_F(ImportTest, TheDestinationIsJudgedBeforeTheStateIsRead) {
  check_destination(*b->session, 2);
  EXPECT_THAT(b->backend.log(), ElementsAre("look")) << "nothing is changed";
  b->session->registry().unmark(2);
  b->function(2).kernel_name = "nvme3";
  EXPECT_THAT(refusal_of([&] { check_destination(*b->session, 2); }),
              ElementsAre("unmarked", "host_driver"));
  EXPECT_THAT(refusal_of([&] { check_destination(*b->session, 2, {.allowed = {"host_driver"}}); }),
              ElementsAre("unmarked"));
}

TEST_F(ImportTest, NamespacesAreComparedBeforeTheStateIsRead) {
  const auto identity = [&] {
    auto first = *StoredState::open(io, file).identity();
    first.namespaces = {{1, 1024, 512, 0}};
    return first;
  }();
  check_identity(identity, *b->session, 2);
  b->fake.subsystem.namespaces = test::FakeSubsystem::Attached{{1, {0}}};
  b->open();
  EXPECT_THAT(refusal_of([&] { check_identity(identity, *b->session, 2); }),
              ElementsAre("namespaces_differ"));
  check_identity(identity, *b->session, 2, {.allowed = {"namespaces_differ"}});
  EXPECT_EQ(b->backend.count("suspend"), 0U);
}

TEST_F(ImportTest, TheRecordSaysWhereTheFileIs) {
  std::string recorded;
  b->backend.hook([&](const std::string& call, std::uint16_t) {
    if (call != "load") return;
    recorded = detail_of(test::find(b->journal(), IntentKind::loading, 2).value(), "file");
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
        EXPECT_EQ(of_source() == IntentKind::away, b->backend[2].loaded);
        if (failed && !b->backend[2].half_loaded && !b->backend[2].loaded) {
          EXPECT_FALSE(b->backend[2].suspended);
        }
        if (failed) go_on();
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
  EXPECT_EQ(now(), IntentKind::loading);
  EXPECT_EQ(of_source(), IntentKind::exported) << "its guest is nowhere else";
}

TEST_F(ImportTest, AResumeThatFailedLeavesTheWholeStateSuspended) {
  b->backend.hook([](const std::string& call, std::uint16_t) {
    if (call == "resume") throw NvmeError({sc::internal_error}, "resume");
  });
  EXPECT_EQ(status_of_run({.resume = true}), ExitStatus::device);
  EXPECT_THAT(remedies, ElementsAre(remedy_is(Remedy::Action::resume, "sim:b", 2)));
  EXPECT_EQ(now(), IntentKind::loaded);
  EXPECT_TRUE(test::is_unfinished_on(recorded("b", 2)));
  b->backend.hook({});
  go_on();
}

TEST_F(ImportTest, AStopSignalLeavesItSuspended) {
  b->backend.hook([](const std::string& call, std::uint16_t) {
    if (call == "load chunk") set_interrupted(true);
  });
  EXPECT_EQ(status_of_run(), ExitStatus::interrupted);
  EXPECT_TRUE(b->backend[2].suspended);
  EXPECT_EQ(now(), IntentKind::loading);
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
  RawImportTest() { export_again({.raw = true, .overwrite = true, .allowed = {"exported"}}); }
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

/// It does not say which backend read it.
TEST_F(RawImportTest, AStateOfAnotherLayoutIsNotLoaded) {
  using enum StateLayout;
  const auto refused = [&](StateLayout told, StateLayout taken) {
    b->backend.bytes = taken;
    b->open();
    const auto state = StoredState::open(io, file, {.kind = StateKind::raw, .raw_layout = told});
    const auto found = codes_of(check_import(state, *b->session, 2).findings);
    const bool refuses = std::find(found.begin(), found.end(), "state_layout") != found.end();
    EXPECT_EQ(status_of([&] { import_state(state, *b->session, 2); }) == ExitStatus::bad_state,
              refuses);
    return refuses;
  };
  EXPECT_TRUE(refused(nvme, opaque));
  EXPECT_TRUE(refused(opaque, opaque)) << "its bytes are those of a controller state";
  std::ofstream(file, std::ios::binary) << "something else";
  EXPECT_TRUE(refused(opaque, nvme));
  EXPECT_FALSE(refused(opaque, opaque));
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
    EXPECT_FALSE(now());
  }
}

TEST_F(ImportTest, ALoadThatIsNotAnsweredMayHaveArrived) {
  b->backend.hook([&](const std::string& call, std::uint16_t) {
    if (call == "load chunk") throw OsError(ETIMEDOUT, "load", "it");
  });
  EXPECT_EQ(status_of_run(), ExitStatus::timed_out);
  EXPECT_TRUE(b->backend[2].suspended);
  EXPECT_EQ(now(), IntentKind::loading);
}

}  // namespace
}  // namespace nvmigrate
