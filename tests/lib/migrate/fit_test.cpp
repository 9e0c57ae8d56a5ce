// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/migrate/fit.h"

#include "nvmigrate/migrate/function.h"
#include "tests/lib/migrate/migrate_fixture.h"

namespace nvmigrate {
namespace {

class FitTest : public test::MigrateTest {
 protected:
  FitTest() { identity = identity_of(*a->session, 1, {}); }

  Findings look(const std::vector<std::string>& allowed = {}) {
    Judge judge(Verb::import_state, *b->session, allowed);
    Fit(judge, *b->session, 2)
        .look_at({.identity = raw ? nullptr : &identity,
                  .decoded = &decoded,
                  .end = end ? &*end : nullptr,
                  .formats = identity.formats,
                  .origin = origin ? &*origin : nullptr,
                  .destination = destination});
    return judge.findings();
  }
  /// The finding of that code; the test fails without one.
  Finding the(const std::string& code, const std::vector<std::string>& allowed = {}) {
    for (const auto& found : look(allowed)) {
      if (found.code == code) return found;
    }
    ADD_FAILURE() << "no finding " << code;
    return {};
  }
  void expect_blocker(const std::string& code) {
    EXPECT_TRUE(the(code).stands());
    EXPECT_EQ(the(code).device, "sim:b");
    EXPECT_EQ(the(code).cntlid, 2);
    EXPECT_TRUE(the(code, {"another"}).stands());
    EXPECT_FALSE(the(code, {code}).stands());
  }
  void expect_final(const std::string& code) { EXPECT_TRUE(the(code, {code}).stands()); }
  void expect_warning(const std::string& code) { EXPECT_EQ(the(code).severity, Severity::warning); }
  static DecodedState decode(const std::vector<std::byte>& state) {
    StateDecoder decoder;
    decoder.feed(state);
    return decoder.finish();
  }

  std::unique_ptr<test::Host> a = host("a"), b = host("b");
  StateIdentity identity;
  bool raw = false;
  std::optional<StateEnd> end;
  std::optional<Origin> origin;
  std::optional<FunctionState> destination = FunctionState{.suspended = true, .bytes = 104};
  DecodedState decoded = decode(test::make_state(0));
};

TEST_F(FitTest, NothingStandsAgainstAFittingState) { EXPECT_TRUE(look().empty()); }

TEST_F(FitTest, QueuesThatTheDestinationHasAlready) {
  destination->queues = 4;
  expect_blocker("queues_exist");
  EXPECT_EQ(the("queues_exist").status, ExitStatus::refused);
  EXPECT_TRUE(the("queues_exist").remedies.empty()) << "a reset would end the guest there";
  destination->queues = 0;
  EXPECT_TRUE(look().empty());
}

TEST_F(FitTest, AVendorPartLargerThanAllThatTheDestinationHas) {
  decoded.header.vendor_bytes = 105;
  expect_warning("state_size");
  destination->bytes = 105;
  EXPECT_TRUE(look().empty());
}

TEST_F(FitTest, QueuesThatAreTooDeepWhereTheDepthIsKnown) {
  b->session->topology().max_queue_entries = 63;
  expect_blocker("queue_depth");
  b->session->topology().max_queue_entries = 64;
  EXPECT_TRUE(look().empty());
}

TEST_F(FitTest, AStateWithoutFormats) {
  identity.formats = {.version = std::nullopt, .vendor = std::nullopt};
  expect_final("no_formats");
}

TEST_F(FitTest, TheKindOfDevice) {
  identity.backend = "other";
  expect_final("backend");
  identity.simulated = false;
  expect_blocker("simulated");
  identity.vendor_id = 1;
  expect_blocker("model");
}

TEST_F(FitTest, FirmwareMattersToVendorStateOnly) {
  identity.firmware = "2";
  expect_warning("firmware");
  b->backend.formats.vendors = {Uuid{{1}}};
  b->open();
  identity.formats.vendor = Uuid{{1}};
  expect_blocker("firmware");
}

/// With namespaces of their own, attached to functions 1 of `a` and 2 of `b`.
class NamespaceFitTest : public FitTest {
 protected:
  NamespaceFitTest() {
    a->fake.subsystem.namespaces = test::FakeSubsystem::Attached{{1, {0, 1}}, {2, {0}}};
    b->fake.subsystem.namespaces = test::FakeSubsystem::Attached{{1, {0, 1, 2}}};
    meet();
  }
  void meet() {
    a->open();
    b->open();
    identity = identity_of(*a->session, 1, {});
  }
};

TEST_F(NamespaceFitTest, TheSameNamespacesFit) {
  EXPECT_EQ(identity.namespaces, (std::vector<NamespaceShape>{{1, 1024, 512, 0}}));
  EXPECT_TRUE(look().empty());
}

TEST_F(NamespaceFitTest, OtherIdsAndOtherSizesDoNot) {
  b->fake.subsystem.blocks = 2048;
  meet();
  expect_blocker("namespaces_differ");
  EXPECT_EQ(the("namespaces_differ").status, ExitStatus::bad_state);
  b->fake.subsystem.blocks = 1024;
  b->fake.subsystem.namespaces = test::FakeSubsystem::Attached{{2, {2}}};
  meet();
  expect_blocker("namespaces_differ");
  b->fake.subsystem.namespaces = test::FakeSubsystem::Attached{{1, {1}}};
  meet();
  EXPECT_THAT(the("namespaces_differ").message, testing::HasSubstr("are none"));
}

TEST_F(NamespaceFitTest, ADeviceThatDoesNotKnowItsOwnListIsNotTakenToFit) {
  b->fake.subsystem.before = [](const AdminCommand& command) -> std::optional<AdminCompletion> {
    const bool lists = command.opcode == command::opcode::identify &&
                       (command.cdw10 & 0xFFU) == static_cast<unsigned>(command::Cns::namespaces);
    return lists ? std::optional(test::FakeSubsystem::error(sc::invalid_field)) : std::nullopt;
  };
  meet();
  EXPECT_THAT(the("namespaces_differ").message, testing::HasSubstr("are not known"));
}

TEST_F(NamespaceFitTest, WhatIsNotKnownIsNotCompared) {
  b->fake.subsystem.blocks = 2048;
  b->fake.subsystem.namespaces.reset();
  meet();
  EXPECT_TRUE(look().empty());
  b->fake.subsystem.namespaces = test::FakeSubsystem::Attached{{1, {2}}};
  a->fake.subsystem.namespaces.reset();
  meet();
  EXPECT_FALSE(identity.namespaces);
  EXPECT_TRUE(look().empty()) << "as a file of a former version";
}

TEST_F(NamespaceFitTest, WhatTheSourceFailsToTellIsNotComparedAndWhatTheDestinationDoesStops) {
  for (const unsigned cns : {0x10U, 0x11U, 0x12U}) {
    SCOPED_TRACE(cns);
    const auto fails = [cns](const AdminCommand& sent) -> std::optional<AdminCompletion> {
      const bool hit = sent.opcode == command::opcode::identify && (sent.cdw10 & 0xFFU) == cns;
      return hit ? std::optional(test::FakeSubsystem::error(sc::internal_error)) : std::nullopt;
    };
    a->fake.subsystem.before = fails;
    meet();
    EXPECT_FALSE(identity.namespaces);
    EXPECT_TRUE(look().empty());
    a->fake.subsystem.before = nullptr;
    meet();
    b->fake.subsystem.before = fails;
    EXPECT_THROW(look(), NvmeError);
    b->fake.subsystem.before = nullptr;
  }
}

TEST_F(NamespaceFitTest, MoreThanFitIntoTheFirstRecordAreNotKnown) {
  for (std::uint32_t nsid = 1; nsid <= 512; ++nsid)
    a->fake.subsystem.namespaces->insert_or_assign(nsid, std::set<std::uint16_t>{1});
  meet();
  ASSERT_TRUE(identity.namespaces);
  EXPECT_EQ(identity.namespaces->size(), 512U);
  identity.namespaces->back().blocks = ~std::uint64_t{0};
  EXPECT_LT(encode(identity).size(), state_file::max_json);
  (*a->fake.subsystem.namespaces)[513] = {1};
  meet();
  EXPECT_FALSE(identity.namespaces);
}

TEST_F(FitTest, FormatsAreComparedByValue) {
  identity.formats.version = 3;
  expect_final("version");
  b->backend.formats.versions = {0, 3};
  identity.formats.vendor = Uuid{{1}};
  b->open();
  expect_final("vendor_format");
  b->backend.formats.vendors = {Uuid{{9}}, Uuid{{1}}};
  b->open();
  EXPECT_TRUE(look().empty());
}

TEST_F(FitTest, QueuesAndInterrupts) {
  b->function(2).queues = 1;
  expect_blocker("queues");
  b->function(2).queues = 2;
  b->function(2).interrupts = 1;
  expect_blocker("interrupts");
  b->function(2).interrupts = 2;
  EXPECT_TRUE(look().empty());
}

TEST_F(FitTest, ResourcesOfFunctionsThatAreNotSecondariesAreNotKnown) {
  b->function(2).queues = b->function(2).interrupts = 0;
  b->function(2).secondary = false;
  EXPECT_TRUE(look().empty());
}

TEST_F(FitTest, WhatTheStateItselfSays) {
  decoded.findings = {{.code = "queue_pointer", .status = ExitStatus::bad_state, .offset = 7},
                      {.code = "reserved", .severity = Severity::warning}};
  expect_blocker("queue_pointer");
  EXPECT_EQ(the("queue_pointer").offset, 7U);
  expect_warning("reserved");
  for (const std::string code : {"too_short", "one_dword_short", "too_long"}) {
    decoded.findings = {{.code = code}};
    expect_final(code);
  }
}

TEST_F(FitTest, AStateOfTheSameFunctionIsWorthKnowing) {
  identity.subsystem_nqn = "nqn.test:b";
  identity.controller = 2;
  EXPECT_TRUE(look().empty()) << "a drive of that NQN, but of another serial number";
  identity.serial = "b";
  expect_warning("same_function");
}

// --- where the source is ---

class OriginTest : public FitTest {
 protected:
  OriginTest() {
    origin = Origin{{}, a->session.get(), 1};
    a->backend[1].suspended = true;
  }
};

TEST_F(OriginTest, ThatIsSuspendedIsNoFinding) {
  EXPECT_TRUE(look().empty());
  a->journal().record(IntentKind::exported, 1);
  EXPECT_TRUE(look().empty());
}

TEST_F(OriginTest, MustNotRun) {
  a->backend[1].suspended = false;
  expect_blocker("source_runs");
  EXPECT_EQ(the("source_runs").status, ExitStatus::refused);
  a->backend[1].queues = 4;
  expect_blocker("source_runs");
  a->backend[1].queues = 0;
  EXPECT_TRUE(look().empty()) << "it was reset";
}

TEST_F(OriginTest, MustNotBeElsewhere) {
  a->journal().record(IntentKind::away, 1);
  expect_blocker("source_away");
}

TEST_F(OriginTest, MustBeTold) {
  a->backend.hook([](const std::string&, std::uint16_t) { throw OsError(EIO, "look", "it"); });
  expect_blocker("source_unknown");
}

TEST_F(OriginTest, ThatIsOfflineHoldsNothing) {
  a->function(1).online = false;
  EXPECT_TRUE(look().empty());
}

// --- what became of the state ---

class PastTest : public FitTest {
 protected:
  PastTest() { end.emplace(); }

  void note(LedgerLine::Kind kind, std::optional<SubsystemKey> from,
            std::optional<std::uint16_t> cntlid) {
    JournalChange()
        .note(a->journal(), {.kind = kind,
                             .sha256 = to_string(end->sha256),
                             .source = std::move(from),
                             .source_cntlid = cntlid,
                             .cntlid = 3,
                             .device = "sim:a"})
        .write();
  }
  const SubsystemKey source = test::Lab::key_of("a");
};

TEST_F(PastTest, OfAnUnknownStateIsNoFinding) {
  EXPECT_TRUE(look().empty());
  end->source_resumed = false;
  EXPECT_TRUE(look().empty());
}

TEST_F(PastTest, ALoadIsToldOnce) {
  note(LedgerLine::Kind::loaded, source, 1);
  expect_blocker("loaded_before");
  EXPECT_THAT(the("loaded_before").message, testing::HasSubstr("controller 3 of sim:a"));
}

TEST_F(PastTest, WhatAnEarlierVersionWroteOfAnOddSerialNumberIsOfTheSameSource) {
  identity.serial = "A\\xff";
  note(LedgerLine::Kind::loaded, SubsystemKey{source.nqn, "A?"}, 1);
  expect_blocker("loaded_before");
  identity.serial = "A\\xfe?";
  EXPECT_TRUE(look().empty());
}

TEST_F(PastTest, ASnapshotSaysSoItselfOrTheLedgerDoes) {
  end->source_resumed = true;
  expect_blocker("source_resumed");
  note(LedgerLine::Kind::resumed, source, 1);
  note(LedgerLine::Kind::resumed, source, 1);
  EXPECT_EQ(look().size(), 1U) << "it is told once";
  end->source_resumed.reset();
  expect_blocker("source_resumed");
}

TEST_F(PastTest, EqualBytesOfTwoFunctionsAreNotTheSameState) {
  note(LedgerLine::Kind::loaded, source, 2);
  note(LedgerLine::Kind::loaded, SubsystemKey{source.nqn, "another"}, 1);
  note(LedgerLine::Kind::loaded, SubsystemKey{"nqn.other", source.serial}, 1);
  EXPECT_TRUE(look().empty());
  end->sha256[0] = 1;
  note(LedgerLine::Kind::loaded, source, 1);
  end->sha256[0] = 2;
  EXPECT_TRUE(look().empty()) << "another state of that function";
}

TEST_F(PastTest, WhereASourceIsNotKnownTheBytesDecide) {
  note(LedgerLine::Kind::loaded, std::nullopt, std::nullopt);
  expect_blocker("loaded_before");
  raw = true;
  EXPECT_THAT(test::codes_of(look()), testing::UnorderedElementsAre("loaded_before", "raw"));
}

}  // namespace
}  // namespace nvmigrate
