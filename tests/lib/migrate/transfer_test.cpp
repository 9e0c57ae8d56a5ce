// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/migrate/transfer.h"

#include "nvmigrate/migrate/control.h"
#include "tests/lib/migrate/migrate_fixture.h"

namespace nvmigrate {
namespace {

using testing::HasSubstr;

class TransferTest : public test::MigrateTest {
 protected:
  TransferTest() { set_up(20'000); }

  void set_up(std::size_t size) {
    a->backend[1] = {.state = test::make_state(size)};
    b->backend[2] = {.state = test::make_state(0)};
    for (const auto kind : {IntentKind::suspended, IntentKind::loading, IntentKind::moved}) {
      a->shared.strike({kind}, 1);
      b->shared.strike({kind}, 2);
    }
  }
  TransferResult run(const TransferOptions& options = {}) {
    auto source = a->side();
    auto destination = b->side();
    return transfer_state(source, 1, destination, 2, options);
  }
  ExitStatus status_of_run(const TransferOptions& options = {}) {
    try {
      run(options);
    } catch (const Error& error) {
      hint = error.hint();
      return error.status();
    }
    return ExitStatus::ok;
  }
  [[nodiscard]] bool source_runs() { return !a->backend[1].frozen; }
  [[nodiscard]] bool copy_runs() { return b->backend[2].loaded && !b->backend[2].frozen; }
  void expect_truth() {
    EXPECT_FALSE(source_runs() && copy_runs());
    if (!source_runs()) {
      EXPECT_TRUE(on_disk("a", IntentKind::suspended, 1) || on_disk("a", IntentKind::moved, 1));
    }
    if (copy_runs()) {
      EXPECT_TRUE(on_disk("a", IntentKind::moved, 1));
    }
    if (b->backend[2].frozen) {
      EXPECT_TRUE(on_disk("b", IntentKind::suspended, 2));
    }
    if (b->backend[2].half_loaded) {
      EXPECT_TRUE(on_disk("b", IntentKind::loading, 2));
    }
    if (on_disk("a", IntentKind::moved, 1)) {
      EXPECT_TRUE(b->backend[2].loaded);
    }
  }
  /// One of the two can be brought to run with the command that the journal recommends.
  void expect_repairable() {
    auto source = a->side();
    auto destination = b->side();
    if (on_disk("a", IntentKind::moved, 1)) {
      EXPECT_THROW(resume_function(io, folder.folders(), source, 1, {}, false), Error);
      resume_function(io, folder.folders(), destination, 2, {}, false);
      EXPECT_TRUE(copy_runs());
      EXPECT_FALSE(source_runs());
      EXPECT_FALSE(on_disk("b", IntentKind::loading, 2));
    } else {
      resume_function(io, folder.folders(), source, 1, {}, false);
      EXPECT_TRUE(source_runs());
    }
    EXPECT_FALSE(source_runs() && copy_runs());
  }

  std::unique_ptr<test::Host> a = host("a"), b = host("b");
  std::string hint;
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
    EXPECT_TRUE(on_disk("a", IntentKind::moved, 1));
    EXPECT_FALSE(on_disk("a", IntentKind::suspended, 1));
    EXPECT_FALSE(on_disk("b", IntentKind::suspended, 2) || on_disk("b", IntentKind::loading, 2));
  }
}

TEST_F(TransferTest, KeepsTheDestinationSuspendedWhenAskedTo) {
  EXPECT_FALSE(run({.resume = false}).resumed);
  EXPECT_TRUE(b->backend[2].frozen);
  EXPECT_TRUE(on_disk("b", IntentKind::suspended, 2));
  EXPECT_FALSE(on_disk("b", IntentKind::loading, 2));
  expect_repairable();
}

TEST_F(TransferTest, NothingIsWrittenBetweenSuspendAndResumeButOneRename) {
  std::size_t at_suspend = 0;
  std::size_t at_resume = 0;
  a->backend.hook([&](const std::string& call, std::uint16_t) {
    if (call == "freeze") at_suspend = io.log().size();
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

TEST_F(TransferTest, BothMayBeOfOneSubsystem) {
  auto side = a->side();
  transfer_state(side, 1, side, 3, {});
  EXPECT_EQ(a->backend[3].state, a->backend[1].state);
  EXPECT_TRUE(a->backend[1].frozen);
  EXPECT_FALSE(a->backend[3].frozen);
  EXPECT_TRUE(on_disk("a", IntentKind::moved, 1));
  EXPECT_FALSE(on_disk("a", IntentKind::loading, 3) || on_disk("a", IntentKind::suspended, 3));
}

TEST_F(TransferTest, AFunctionIsNotMovedToItself) {
  auto side = a->side();
  EXPECT_THROW(transfer_state(side, 1, side, 1, {}), Error);
  EXPECT_TRUE(a->backend.log().empty());
}

TEST_F(TransferTest, RefusesBeforeAnythingIsSent) {
  a->topology.functions[0].marked = false;
  EXPECT_EQ(status_of_run(), ExitStatus::refused);
  a->topology.functions[0].marked = true;
  b->topology.functions[1].marked = false;
  EXPECT_EQ(status_of_run(), ExitStatus::refused);
  b->topology.functions[1].marked = true;
  a->shared.record(IntentKind::moved, 1, {{"destination", "b 2"}});
  EXPECT_EQ(status_of_run(), ExitStatus::refused);
  a->shared.strike({IntentKind::moved}, 1);
  b->topology.identity.firmware = "2";
  a->backend.formats.vendors = b->backend.formats.vendors = {Uuid{{7}}};
  EXPECT_EQ(status_of_run(), ExitStatus::bad_state);
  EXPECT_EQ(a->backend.count("freeze") + b->backend.count("freeze"), 0U);
  EXPECT_EQ(status_of_run({.allowed = {"firmware"}}), ExitStatus::ok);
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
        SCOPED_TRACE(broken->topology.device + " call " + std::to_string(number));
        set_up(size);
        test::FailAt at(number, [] { throw NvmeError({sc::internal_error}, "send"); });
        broken->backend.hook(std::ref(at));
        status_of_run();
        broken->backend.hook({});
        expect_truth();
        EXPECT_TRUE(source_runs() || on_disk("a", IntentKind::moved, 1));
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
  EXPECT_THAT(hint, HasSubstr("nvmigrate resume b 2"));
  EXPECT_THAT(hint, HasSubstr("never resume"));
  b->backend.hook({});
  expect_repairable();
}

TEST_F(TransferTest, ALoadCountsAsWholeOnceTheSourceIsCalledMoved) {
  b->shared.record(IntentKind::loading, 2, {{"transfer", "1"}, {"source_nqn", "nqn.test:a"}});
  const auto loading = b->shared.find(IntentKind::loading, 2);
  EXPECT_FALSE(load_was_committed(io, folder.folders(), *loading));
  a->shared.record(IntentKind::moved, 1, {{"transfer", "2"}});
  EXPECT_FALSE(load_was_committed(io, folder.folders(), *loading));
  a->shared.record(IntentKind::moved, 1, {{"transfer", "1"}});
  EXPECT_TRUE(load_was_committed(io, folder.folders(), *loading));
}

}  // namespace
}  // namespace nvmigrate
