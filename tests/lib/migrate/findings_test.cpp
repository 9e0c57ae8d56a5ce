// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/migrate/findings.h"

#include "nvmigrate/migrate/source_identity.h"
#include "tests/lib/migrate/migrate_fixture.h"

namespace nvmigrate {
namespace {

using testing::HasSubstr;

class FindingsTest : public test::MigrateTest {
 protected:
  FindingsTest() {
    const auto side = a->side();
    identity = identity_of(side, 1, {});
  }

  std::vector<Finding> look(const std::vector<std::string>& allowed = {}) {
    const auto side = b->side();
    return find_obstacles({.identity = &identity,
                           .decoded = &decoded,
                           .formats = identity.formats,
                           .source_frozen = source_frozen,
                           .destination = destination},
                          side, 2, allowed);
  }
  /// The finding of that name; the test fails when there is none.
  Finding the(const std::string& name, const std::vector<std::string>& allowed = {}) {
    for (const auto& found : look(allowed)) {
      if (found.name == name) return found;
    }
    ADD_FAILURE() << "no finding " << name;
    return {};
  }
  void expect_blocker(const std::string& name) {
    EXPECT_TRUE(the(name).stands());
    EXPECT_TRUE(the(name, {"another"}).stands());
    EXPECT_FALSE(the(name, {name}).stands());
  }
  void expect_final(const std::string& name) { EXPECT_TRUE(the(name, {name}).stands()); }
  static DecodedState decode(const std::vector<std::byte>& state) {
    StateDecoder decoder;
    decoder.feed(state);
    return decoder.finish();
  }

  std::unique_ptr<test::Host> a = host("a"), b = host("b");
  StateIdentity identity;
  std::optional<bool> source_frozen;
  std::optional<FunctionState> destination = FunctionState{.frozen = true, .bytes = 104};
  DecodedState decoded = decode(test::make_state(0));
};

TEST_F(FindingsTest, NothingStandsAgainstAFittingState) { EXPECT_TRUE(look().empty()); }

TEST_F(FindingsTest, QueuesThatTheDestinationHasAlready) {
  destination->queues = 4;
  expect_blocker("queues_exist");
  EXPECT_EQ(the("queues_exist").status, ExitStatus::refused);
  EXPECT_THAT(the("queues_exist").remedy, HasSubstr("reset"));
  b->topology.functions[1].pci.emplace().address = "0000:01:00.2";
  EXPECT_THAT(the("queues_exist").remedy,
              HasSubstr("echo 1 > /sys/bus/pci/devices/0000:01:00.2/reset"));
  destination->queues = 0;
  EXPECT_TRUE(look().empty());
}

TEST_F(FindingsTest, AVendorPartLargerThanAllThatTheDestinationHas) {
  decoded.header.vendor_bytes = 105;
  EXPECT_FALSE(the("state_size").blocker);
  destination->bytes = 105;
  EXPECT_TRUE(look().empty());
}

TEST_F(FindingsTest, QueuesThatAreTooDeepWhereTheDepthIsKnown) {
  b->topology.max_queue_entries = 63;
  expect_blocker("queue_depth");
  b->topology.max_queue_entries = 64;
  EXPECT_TRUE(look().empty());
}

TEST_F(FindingsTest, AStateWithoutFormats) {
  identity.formats = {.version = std::nullopt, .vendor = std::nullopt};
  expect_final("no_formats");
}

TEST_F(FindingsTest, TheDestinationItself) {
  b->topology.functions[1].marked = false;
  expect_final("unmarked");
  EXPECT_EQ(the("unmarked").status, ExitStatus::refused);
  b->topology.functions[1].online = false;
  expect_final("offline");
  b->topology.functions[1].kernel_name = "nvme3";
  expect_blocker("host_driver");
  b->topology.functions[1].controls = true;
  expect_final("controlling_function");
}

TEST_F(FindingsTest, TheKindOfDevice) {
  identity.backend = "other";
  expect_final("backend");
  identity.simulated = true;
  expect_blocker("simulated");
  identity.vendor_id = 1;
  expect_blocker("model");
}

TEST_F(FindingsTest, FirmwareMattersToVendorStateOnly) {
  identity.firmware = "2";
  EXPECT_FALSE(the("firmware").blocker);
  b->backend.formats.vendors = {Uuid{{1}}};
  identity.formats.vendor = Uuid{{1}};
  expect_blocker("firmware");
}

TEST_F(FindingsTest, FormatsAreComparedByValue) {
  identity.formats.version = 3;
  expect_final("version");
  b->backend.formats.versions = {0, 3};
  identity.formats.vendor = Uuid{{1}};
  expect_final("vendor_format");
  b->backend.formats.vendors = {Uuid{{9}}, Uuid{{1}}};
  EXPECT_TRUE(look().empty());
}

TEST_F(FindingsTest, QueuesAndInterrupts) {
  b->topology.functions[1].queues = 1;
  expect_blocker("queues");
  b->topology.functions[1].queues = 2;
  b->topology.functions[1].interrupts = 1;
  expect_blocker("interrupts");
  b->topology.functions[1].interrupts = 2;
  EXPECT_TRUE(look().empty());
}

TEST_F(FindingsTest, ResourcesOfFunctionsThatAreNoSecondariesAreNotKnown) {
  b->topology.functions[1].queues = b->topology.functions[1].interrupts = 0;
  b->topology.functions[1].secondary = false;
  EXPECT_TRUE(look().empty());
}

TEST_F(FindingsTest, WhatTheStateItselfSays) {
  decoded.findings = {{.name = "odd", .message = "odd", .blocker = true},
                      {.name = "strange", .message = "strange", .blocker = false}};
  expect_blocker("odd");
  EXPECT_FALSE(the("strange").blocker);
  for (const std::string name : {"too_short", "one_dword_short", "too_long"}) {
    decoded.findings = {{.name = name, .message = name, .blocker = true}};
    expect_final(name);
  }
}

TEST_F(FindingsTest, TheSourceMustNotRunWhereItIsKnown) {
  source_frozen = false;
  expect_blocker("source_runs");
  EXPECT_EQ(the("source_runs").status, ExitStatus::refused);
  source_frozen = true;
  EXPECT_FALSE(the("source_suspended").blocker);
}

TEST_F(FindingsTest, AStateOfTheSameFunctionIsWorthKnowing) {
  identity.subsystem_nqn = b->topology.identity.subsystem_nqn;
  identity.controller = 2;
  EXPECT_FALSE(the("same_function").blocker);
}

TEST_F(FindingsTest, TheRefusalNamesEveryBlockerAndEveryWay) {
  b->topology.functions[1].marked = false;
  identity.model = "x";
  identity.simulated = true;
  try {
    refuse_if_any_stands(look({"simulated"}), "import it");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.status(), ExitStatus::refused);
    EXPECT_THAT(error.what(), HasSubstr("not marked"));
    EXPECT_THAT(error.what(), HasSubstr("'x'"));
    EXPECT_THAT(error.what(), testing::Not(HasSubstr("simulated")));
    EXPECT_THAT(error.hint(), HasSubstr("nvmigrate mark b 2"));
    EXPECT_THAT(error.hint(), HasSubstr("--allow model"));
  }
}

}  // namespace
}  // namespace nvmigrate
