// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/nvme/identify.h"

#include "tests/plugins/sim/lab.h"

namespace nvmigrate::test {
namespace {

using command::Cns;
using testing::ElementsAre;

std::uint16_t code_of(Bench& bench, Cns cns) {
  Bytes data(wire::identify_size);
  return bench.code(command::identify(cns, 0, data));
}

TEST(SimIdentify, SaysWhoItIs) {
  Lab lab;
  lab.create("a", {.model = "Model X", .firmware = "2.5"});
  Bench bench(lab, "sim:a");
  const auto identity = read_identity(bench.port());
  EXPECT_EQ(identity.cntlid, 0);
  EXPECT_EQ(identity.model, "Model X");
  EXPECT_EQ(identity.firmware, "2.5");
  EXPECT_EQ(identity.serial, "SIM-a");
  EXPECT_EQ(identity.version, 0x00020100U);
  EXPECT_EQ(identity.max_transfer, 512U << 10U);
  EXPECT_TRUE(identity.live_migration);
  EXPECT_TRUE(identity.virtualization_management);
  EXPECT_EQ(identity.subsystem_nqn, "nqn.2025-01.invalid.nvmigrate:sim:a");
}

TEST(SimIdentify, ItsTextsMayHaveAnyBytesOrNone) {
  Lab lab;
  lab.create("a", {.serial = "S\\x001", .model = "\\xff", .firmware = ""});
  const auto identity = read_identity(Bench(lab, "sim:a").port());
  EXPECT_EQ(identity.raw_serial, std::string("S\0001                 ", 20));
  EXPECT_EQ(identity.serial, "S\\x001");
  EXPECT_EQ(identity.oddities.size(), 3U);
  EXPECT_EQ(sim::key_of(lab.folders(), "a").serial, identity.serial);
  lab.create("b", {.serial = ""});
  EXPECT_EQ(read_identity(Bench(lab, "sim:b").port()).serial, "");
}

TEST(SimIdentify, WithoutMigrationAndVfsHasNeitherListsNorOpcodes) {
  Lab lab;
  lab.create("a", {.vfs_total = 0, .migration = false});
  Bench bench(lab, "sim:a");
  const auto identity = read_identity(bench.port());
  EXPECT_FALSE(identity.live_migration);
  EXPECT_FALSE(identity.virtualization_management);
  EXPECT_EQ(code_of(bench, Cns::primary_capabilities), sc::invalid_field);
  EXPECT_EQ(code_of(bench, Cns::secondary_controllers), sc::invalid_field);
  EXPECT_EQ(code_of(bench, Cns::state_formats), sc::invalid_field);
  EXPECT_EQ(bench.suspend(1), sc::invalid_opcode);
  EXPECT_EQ(bench.online(1), sc::invalid_opcode);
  Bytes data(48);
  EXPECT_EQ(bench.get(1, 0, data).status.code(), sc::invalid_opcode);
}

TEST(SimIdentify, Lists300SecondariesInThreeParts) {
  Lab lab;
  lab.create("a", {.vfs_total = 300});
  Bench bench(lab, "sim:a");
  std::vector<std::size_t> counts;
  for (const auto from : std::initializer_list<std::uint16_t>{0, 128, 255}) {
    counts.push_back(decode_secondaries(bench.identify(Cns::secondary_controllers, from)).size());
  }
  EXPECT_THAT(counts, ElementsAre(127, 127, 46));
  const auto all = read_secondaries(bench.port());
  ASSERT_EQ(all.size(), 300U);
  EXPECT_EQ(all.back().cntlid, 300);
  EXPECT_EQ(all.back().vfn, 300);
  EXPECT_FALSE(all.back().online);
}

TEST(SimIdentify, ListsOnlyControllersThatAreThere) {
  Lab lab;
  lab.create("a", {.controlling = 2, .vfs_total = 2, .others = 1, .secondaries = 1});
  Bench bench(lab, "sim:a");
  EXPECT_THAT(read_controllers(bench.port()), ElementsAre(0, 1, 6, 7));
  bench.pci().set_enabled_vfs(bench.device().address(), 2);
  EXPECT_THAT(read_controllers(bench.port()), ElementsAre(0, 1, 2, 3, 6, 7));
  EXPECT_THAT(decode_controllers(bench.identify(Cns::controllers, 3)), ElementsAre(3, 6, 7));
}

TEST(SimIdentify, ListsTheSecondariesOfTheOneThatIsAsked) {
  Lab lab;
  lab.create("a", {.controlling = 2, .vfs_total = 2, .secondaries = 1});
  Bench first(lab, "sim:a"), second(lab, "sim:a/1");
  const auto of_first = read_secondaries(first.port());
  ASSERT_EQ(of_first.size(), 3U);
  EXPECT_EQ(of_first[2].vfn, 0);
  EXPECT_TRUE(of_first[2].online);
  EXPECT_EQ(of_first[2].queues, 2);
  const auto of_second = read_secondaries(second.port());
  ASSERT_EQ(of_second.size(), 2U);
  EXPECT_EQ(of_second[0].cntlid, 4);
  EXPECT_EQ(of_second[0].primary, 1);
}

TEST(SimIdentify, CountsFlexibleResources) {
  Lab lab;
  lab.create("a", {.vfs_total = 4, .vq = 20, .vi = 10, .vq_max = 6, .vi_max = 3, .grain = 2});
  Bench bench(lab, "sim:a");
  ASSERT_EQ(bench.assign(1, command::Resource::queues, 4), 0);
  ASSERT_EQ(bench.assign(2, command::Resource::interrupts, 2), 0);
  const auto resources = *read_primary_resources(bench.port(), 0);
  EXPECT_TRUE(resources.queues.supported);
  EXPECT_EQ(resources.queues.total, 20U);
  EXPECT_EQ(resources.queues.assigned, 4U);
  EXPECT_EQ(resources.queues.per_secondary, 6);
  EXPECT_EQ(resources.queues.granularity, 2);
  EXPECT_EQ(resources.interrupts.total, 10U);
  EXPECT_EQ(resources.interrupts.assigned, 2U);
  EXPECT_EQ(resources.interrupts.per_secondary, 3);
}

TEST(SimIdentify, HasTheCapabilitiesOfEachPrimary) {
  Lab lab;
  lab.create("a", {.controlling = 2, .vfs_total = 2});
  Bench bench(lab, "sim:a");
  EXPECT_TRUE(is_primary(bench.port(), 1));
  EXPECT_FALSE(is_primary(bench.port(), 2)) << "a VF";
  lab.create("e", {.personality = sim::Personality::emulator, .controlling = 2, .vfs_total = 2});
  Bench emulator(lab, "sim:e");
  EXPECT_FALSE(is_primary(emulator.port(), 1)) << "it answers for itself";
}

TEST(SimIdentify, AControllingFunctionOfAnotherHostIsListedAndNotHere) {
  Lab lab;
  lab.create("a", {.controlling = 2, .vfs_total = 2, .elsewhere = 1});
  EXPECT_THAT(all_sims(lab.io(), lab.folders()), ElementsAre("sim:a/0"));
  error_of([&] { lab.open("sim:a/1"); }, ExitStatus::not_found);
  Bench bench(lab, "sim:a");
  EXPECT_THAT(read_controllers(bench.port()), ElementsAre(0, 1, 4, 5)) << "its VFs are enabled";
  EXPECT_EQ(read_secondaries(bench.port()).size(), 2U);
  EXPECT_EQ(bench.pci().controllers().size(), 1U);
  EXPECT_FALSE(bench.pci().find("0000:02:00.0"));
  EXPECT_THAT(bench.pci().group_members(11), testing::IsEmpty());
}

TEST(SimIdentify, NumbersFormatsPerControllingFunction) {
  Lab lab;
  const Uuid one{{1}}, two{{2}};
  lab.create(
      "a",
      {.controlling = 2, .vendor_uuids = {one, two}, .versions = {0, 3}, .renumber_formats = true});
  Bench first(lab, "sim:a"), second(lab, "sim:a/1");
  EXPECT_THAT(read_formats(first.port()).versions, ElementsAre(0, 3));
  EXPECT_THAT(read_formats(second.port()).versions, ElementsAre(3, 0));
  EXPECT_THAT(read_formats(first.port()).vendors, ElementsAre(one, two));
  EXPECT_THAT(read_formats(second.port()).vendors, ElementsAre(two, one));
}

TEST(SimIdentify, TheEmulatorTransfersFourBytesOfTheFormats) {
  Lab lab;
  lab.create("a", {.personality = sim::Personality::emulator});
  Bench bench(lab, "sim:a");
  Bytes data(wire::identify_size, std::byte{0xAA});
  ASSERT_EQ(bench.code(command::identify(Cns::state_formats, 0, data)), 0);
  EXPECT_EQ(data[0], std::byte{1});
  EXPECT_EQ(data[1], std::byte{0});
  EXPECT_EQ(data[3], std::byte{0});
  EXPECT_EQ(data[4], std::byte{0xAA});
}

TEST(SimIdentify, RefusesWrongEncodings) {
  Lab lab;
  lab.create("a");
  Bench bench(lab, "sim:a");
  Bytes data(wire::identify_size), half(wire::identify_size / 2);
  const auto right = command::identify(Cns::controller, 0, data);
  EXPECT_EQ(bench.code(right), 0);
  EXPECT_EQ(bench.code(command::identify(Cns::controller, 0, half)), sc::invalid_field);
  EXPECT_EQ(code_of(bench, Cns{0x55}), sc::invalid_field);
  auto command = right;
  command.nsid = 1;
  EXPECT_EQ(bench.code(command), sc::invalid_field);
  command = right;
  command.cdw10 |= 0x100U;
  EXPECT_EQ(bench.code(command), sc::invalid_field);
  command = right;
  command.cdw11 = 1;
  EXPECT_EQ(bench.code(command), sc::invalid_field);
  command = right;
  command.cdw15 = 1;
  EXPECT_EQ(bench.code(command), sc::invalid_field);
  command = right;
  command.opcode = 0x77;
  EXPECT_EQ(bench.code(command), sc::invalid_opcode);
  EXPECT_TRUE(bench.submit(command).status.dnr());
}

}  // namespace
}  // namespace nvmigrate::test
