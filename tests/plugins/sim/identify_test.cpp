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

std::vector<unsigned> restrictions(Bench& bench) {
  std::vector<unsigned> all;
  for (const auto& one : read_effects(bench.port()))
    all.push_back(one.supported ? one.restriction : 8U);
  return all;
}

TEST(SimEffects, AreAsTheParametersSay) {
  Lab lab;
  lab.create("free", {.effects = sim::Effects::free});
  lab.create("same", {.effects = sim::Effects::same_namespace});
  lab.create("any", {.vfs_total = 0, .effects = sim::Effects::any_namespace});
  Bench free(lab, "sim:free"), same(lab, "sim:same"), any(lab, "sim:any");
  EXPECT_TRUE(read_identity(free.port()).effects_log);
  EXPECT_THAT(restrictions(free), ElementsAre(0, 0, 0));
  EXPECT_THAT(restrictions(same), ElementsAre(1, 1, 1));
  EXPECT_THAT(restrictions(any), ElementsAre(8, 2, 2));
}

TEST(SimEffects, MayBeAbsentOrUnreadable) {
  Lab lab;
  lab.create("absent");
  lab.create("unreadable", {.effects = sim::Effects::unreadable});
  Bench absent(lab, "sim:absent"), unreadable(lab, "sim:unreadable");
  EXPECT_FALSE(read_identity(absent.port()).effects_log);
  EXPECT_TRUE(read_identity(unreadable.port()).effects_log);
  Bytes data(wire::identify_size);
  EXPECT_EQ(absent.code(command::effects_log(data)), sc::invalid_log_page);
  EXPECT_EQ(unreadable.code(command::effects_log(data)), sc::internal_error);
}

TEST(SimEffects, AWrongLogPageCommandFails) {
  Lab lab;
  lab.create("a", {.effects = sim::Effects::free});
  Bench bench(lab, "sim:a");
  Bytes data(wire::identify_size);
  auto command = command::effects_log(data);
  command.cdw10 = 0x03FF0002;
  EXPECT_EQ(bench.code(command), sc::invalid_log_page);
  command.cdw10 = 0x03FE0005;
  EXPECT_EQ(bench.code(command), sc::invalid_field);
  command = command::effects_log(data);
  command.nsid = 1;
  EXPECT_EQ(bench.code(command), sc::invalid_field);
  command = command::effects_log(data);
  command.cdw12 = 4096;
  EXPECT_EQ(bench.code(command), sc::invalid_field);
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
