// SPDX-License-Identifier: LGPL-2.1-or-later
#include <gmock/gmock.h>

#include <algorithm>

#include "tests/plugins/sim/lab.h"

namespace nvmigrate {
namespace {

namespace opcode = command::opcode;
namespace vf = command::vf;
using test::Bytes;

/// A subsystem with the vendor commands, of four VFs, two of them enabled.
class RfcTest : public testing::Test {
 protected:
  explicit RfcTest(sim::Personality personality = sim::Personality::rfc) {
    lab.create("a", {.personality = personality, .vfs_total = 4, .state_size = 10004});
    bench.emplace(lab, "sim:a");
    bench->provision(2);
    sim::start_guest(lab.folders(), "sim:a", "vf1", 2);
  }
  std::uint16_t control(std::uint8_t code, std::uint16_t index) {
    return bench->code(vf::control(code, index));
  }
  std::uint16_t save(std::uint16_t index, std::size_t room) {
    Bytes bytes(room);
    return bench->code(vf::save(index, bytes));
  }
  Bytes state() {
    Bytes bytes(10004);
    EXPECT_EQ(bench->code(vf::save(1, bytes)), 0);
    return bytes;
  }
  std::uint16_t load(std::uint16_t index, const Bytes& bytes) {
    return bench->code(vf::load(index, bytes));
  }
  void empty(std::uint16_t index) {
    const auto name = "vf" + std::to_string(index);
    sim::stop_guest(lab.folders(), "sim:a", name);
    sim::start_guest(lab.folders(), "sim:a", name, 0);
  }

  test::Lab lab;
  std::optional<test::Bench> bench;
};

TEST_F(RfcTest, AnnouncesItselfInTheFirstVendorSpecificByteAlone) {
  const auto identity = decode_identity(bench->identify(command::Cns::controller));
  EXPECT_EQ(identity.vendor, 0x8086);
  EXPECT_EQ(identity.first_vendor_byte, 1);
  EXPECT_FALSE(identity.live_migration);
  EXPECT_EQ(bench->suspend(1), sc::invalid_opcode);
  Bytes header(48);
  EXPECT_EQ(bench->get(1, 0, header).status.code(), sc::invalid_opcode);
  Bytes formats(wire::identify_size);
  EXPECT_NE(bench->code(command::identify(command::Cns::state_formats, 0, formats)), 0);
}

TEST_F(RfcTest, ItsFunctionsAreOfTheSameVendor) {
  const auto found = bench->pci().find("0000:01:00.1");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->vendor, 0x8086);
}

TEST_F(RfcTest, OthersDoNotHaveItsCommands) {
  lab.create("b", {.personality = sim::Personality::rfc, .migration = false});
  lab.create("c", {});
  for (const auto* device : {"sim:b", "sim:c"}) {
    test::Bench other(lab, device);
    EXPECT_EQ(decode_identity(other.identify(command::Cns::controller)).first_vendor_byte, 0);
    EXPECT_EQ(other.code(vf::control(opcode::vf_state_size, 1)), sc::invalid_opcode);
  }
}

TEST_F(RfcTest, VfsAreNamedFromOneUpToTheEnabledOnes) {
  for (const auto code : {opcode::vf_state_size, opcode::vf_suspend, opcode::vf_resume}) {
    EXPECT_EQ(control(code, 0), sc::invalid_field);
    EXPECT_EQ(control(code, 3), sc::invalid_field);
    EXPECT_EQ(control(code, 2), 0);
  }
  EXPECT_EQ(control(0xC0, 1), sc::invalid_opcode);
}

TEST_F(RfcTest, ItsStatesAreNotThoseOfTheStandardCommands) {
  lab.create("c", {.state_size = 10004});
  test::Bench other(lab, "sim:c");
  other.provision(2);
  EXPECT_EQ(other.suspend(1) + other.suspend(2), 0);
  const auto standard = other.image(1);
  EXPECT_EQ(control(opcode::vf_suspend, 1), 0);
  const auto own = state();
  empty(2);
  EXPECT_EQ(control(opcode::vf_suspend, 2), 0);
  EXPECT_EQ(load(2, standard), sc::invalid_field);
  EXPECT_EQ(other.set(2, own), sc::invalid_field);
  EXPECT_EQ(load(2, own), 0);
  EXPECT_EQ(other.set(2, standard), 0);
}

TEST_F(RfcTest, ReservedFieldsAreZero) {
  for (const auto field : {&AdminCommand::nsid, &AdminCommand::cdw11, &AdminCommand::cdw12,
                           &AdminCommand::cdw13, &AdminCommand::cdw14, &AdminCommand::cdw15}) {
    auto command = vf::control(opcode::vf_suspend, 1);
    command.*field = 1;
    EXPECT_EQ(bench->code(command), sc::invalid_field);
  }
  auto command = vf::control(opcode::vf_suspend, 1);
  command.cdw10 |= 0x10000U;
  EXPECT_EQ(bench->code(command), sc::invalid_field);
}

TEST_F(RfcTest, TheSizeIsInBytesInTheCompletion) {
  const auto completion = bench->submit(vf::control(opcode::vf_state_size, 1));
  EXPECT_TRUE(completion.status.ok());
  EXPECT_EQ(completion.dw0, 10004U);
}

TEST_F(RfcTest, OnlyASuspendedFunctionIsSavedAndLoaded) {
  EXPECT_EQ(save(1, 10004), sc::command_sequence_error);
  EXPECT_EQ(control(opcode::vf_suspend, 1), 0);
  const auto bytes = state();
  EXPECT_EQ(load(2, bytes), sc::command_sequence_error);
  empty(2);
  EXPECT_EQ(control(opcode::vf_suspend, 2), 0);
  EXPECT_EQ(load(2, bytes), 0);
  EXPECT_EQ(control(opcode::vf_resume, 2), 0);
  EXPECT_EQ(sim::discontinuities(sim::guest_report(lab.folders(), "sim:a", "vf1"),
                                 sim::guest_report(lab.folders(), "sim:a", "vf2")),
            std::vector<std::string>{});
}

TEST_F(RfcTest, WrongSizesAreRefused) {
  EXPECT_EQ(control(opcode::vf_suspend, 1), 0);
  EXPECT_EQ(save(1, 10000), sc::invalid_field);
  EXPECT_EQ(save(1, 0), sc::invalid_field);
  EXPECT_EQ(save(1, 12288), 0) << "the command carries no length";
  const auto bytes = state();
  empty(2);
  EXPECT_EQ(control(opcode::vf_suspend, 2), 0);
  auto command = vf::load(2, bytes);
  for (const std::uint32_t size : {0U, 10000U, 10008U, (256U << 10U) + 4}) {
    command.cdw11 = size;
    EXPECT_EQ(bench->code(command), sc::invalid_field) << size;
  }
  EXPECT_EQ(load(2, Bytes((256U << 10U) + 4)), sc::invalid_field);
  EXPECT_EQ(load(2, bytes), 0);
}

TEST_F(RfcTest, ALargerStateThanOneCommandCarriesIsNotMade) {
  for (const auto personality : {sim::Personality::rfc, sim::Personality::both}) {
    test::error_of([&] { lab.create("b", {.personality = personality, .state_size = 1U << 20U}); },
                   ExitStatus::usage);
  }
}

/// The same with the commands of the specification as well.
class BothTest : public RfcTest {
 protected:
  BothTest() : RfcTest(sim::Personality::both) {}
  [[nodiscard]] bool is_suspended() {
    return (std::uint8_t{bench->header(1).csattr} & wire::csattr_suspended) != 0;
  }
};

TEST_F(BothTest, AnnouncesBothCommandSets) {
  const auto identity = decode_identity(bench->identify(command::Cns::controller));
  EXPECT_EQ(identity.vendor, 0x8086);
  EXPECT_EQ(identity.first_vendor_byte, 1);
  EXPECT_TRUE(identity.live_migration);
}

TEST_F(BothTest, AFunctionThatOneCommandSetSuspendedIsSuspendedForTheOther) {
  EXPECT_EQ(control(opcode::vf_suspend, 1), 0);
  EXPECT_TRUE(is_suspended());
  EXPECT_EQ(bench->resume(1), 0);
  EXPECT_EQ(save(1, 10004), sc::command_sequence_error);
  EXPECT_EQ(bench->suspend(1), 0);
  const auto own = state();
  const auto standard = bench->image(1);
  EXPECT_NE(own, standard);  // by the version of their headers
  EXPECT_TRUE(std::equal(own.begin() + 2, own.end(), standard.begin() + 2, standard.end()));
  EXPECT_EQ(control(opcode::vf_resume, 1), 0);
  EXPECT_FALSE(is_suspended());
  EXPECT_EQ(bench->resume(1), sc::controller_not_suspended);
}

TEST_F(BothTest, ALoadByOneEndsTheSequenceOfTheOther) {
  EXPECT_EQ(bench->suspend(1), 0);
  const auto own = state();
  const auto bytes = bench->image(1);
  empty(2);
  EXPECT_EQ(bench->suspend(2), 0);
  EXPECT_EQ(bench->set_part(2, command::Sequence::first, bytes, 0, 4096), 0);
  EXPECT_EQ(load(2, own), 0);
  EXPECT_NE(bench->set_part(2, command::Sequence::last, bytes, 4096, bytes.size() - 4096), 0);
  EXPECT_EQ(control(opcode::vf_resume, 2), 0);
}

}  // namespace
}  // namespace nvmigrate
