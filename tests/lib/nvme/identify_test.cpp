// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/nvme/identify.h"

#include <endian.h>
#include <gmock/gmock.h>

#include <cstring>
#include <string_view>

#include "nvmigrate/base/error.h"
#include "nvmigrate/nvme/commands.h"
#include "nvmigrate/nvme/libnvme.h"
#include "nvmigrate/nvme/wire.h"
#include "tests/support/scripted_port.h"

namespace nvmigrate {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

using Bytes = std::vector<std::byte>;

template <typename Structure>
Bytes bytes_of(const Structure& structure) {
  Bytes bytes(sizeof structure);
  std::memcpy(bytes.data(), &structure, sizeof structure);
  return bytes;
}

template <std::size_t size>
void pad(char (&field)[size], std::string_view text) {
  std::memset(field, ' ', size);
  std::copy(text.begin(), text.end(), field);
}

nvme_id_ctrl controller() {
  nvme_id_ctrl wire{};
  wire.vid = htole16(0x1B36);
  wire.ssvid = htole16(0x1AF4);
  pad(wire.sn, "S1");
  pad(wire.mn, "A Model");
  pad(wire.fr, "1.0");
  wire.cntlid = htole16(3);
  wire.ver = htole32(0x00020100);
  wire.oacs = htole16(0x0880);
  std::memcpy(wire.subnqn, "nqn.2019-08.org.x:a", 20);
  return wire;
}

Bytes secondaries(std::uint16_t first, unsigned count, unsigned step = 1) {
  nvme_secondary_ctrl_list list{};
  list.num = static_cast<std::uint8_t>(count);
  for (unsigned i = 0; i < count && i < NVME_ID_SECONDARY_CTRL_MAX; ++i) {
    list.sc_entry[i].scid = htole16(static_cast<std::uint16_t>(first + i * step));
    list.sc_entry[i].vfn = htole16(static_cast<std::uint16_t>(i + 1));
  }
  return bytes_of(list);
}

ExitStatus status_of(const std::function<void()>& act) {
  try {
    act();
  } catch (const Error& error) {
    return error.status();
  }
  return ExitStatus::ok;
}

TEST(DecodeIdentity, TakesEveryField) {
  const auto identity = decode_identity(bytes_of(controller()));
  EXPECT_EQ(identity.cntlid, 3);
  EXPECT_EQ(identity.vendor, 0x1B36);
  EXPECT_EQ(identity.subsystem_vendor, 0x1AF4);
  EXPECT_EQ(identity.serial, "S1");
  EXPECT_EQ(identity.model, "A Model");
  EXPECT_EQ(identity.firmware, "1.0");
  EXPECT_EQ(identity.subsystem_nqn, "nqn.2019-08.org.x:a");
  EXPECT_EQ(identity.version, 0x00020100U);
  EXPECT_TRUE(identity.virtualization_management);
  EXPECT_TRUE(identity.live_migration);
  EXPECT_EQ(identity.max_transfer, 0U);
}

TEST(DecodeIdentity, TurnsMdtsIntoBytes) {
  auto wire = controller();
  wire.mdts = 5;
  EXPECT_EQ(decode_identity(bytes_of(wire)).max_transfer, 128U << 10U);
  wire.mdts = 255;
  EXPECT_GT(decode_identity(bytes_of(wire)).max_transfer, std::size_t{1} << 40U);
}

TEST(DecodeIdentity, TellsTheTwoCapabilitiesApart) {
  auto wire = controller();
  wire.oacs = htole16(0x0080);
  EXPECT_FALSE(decode_identity(bytes_of(wire)).live_migration);
  wire.oacs = htole16(0x0800);
  EXPECT_FALSE(decode_identity(bytes_of(wire)).virtualization_management);
}

TEST(DecodeIdentity, SaysWhetherThereIsALogOfCommandEffects) {
  auto wire = controller();
  EXPECT_FALSE(decode_identity(bytes_of(wire)).effects_log);
  wire.lpa = 0x02;
  EXPECT_TRUE(decode_identity(bytes_of(wire)).effects_log);
}

TEST(DecodeEffects, TakesAllThreeBitsOfTheRestriction) {
  nvme_cmd_effects_log wire{};
  wire.acs[0x1C] = htole32(0x00000001);
  wire.acs[0x41] = htole32(0x00010001);
  wire.acs[0x42] = htole32(0xFFF4FFFE);
  wire.iocs[0x41] = htole32(0x00020001);
  const auto effects = decode_effects(bytes_of(wire));
  ASSERT_EQ(effects.size(), 3U);
  EXPECT_EQ(effects[0].opcode, 0x1C);
  EXPECT_TRUE(effects[0].supported);
  EXPECT_EQ(effects[0].restriction, 0);
  EXPECT_EQ(effects[1].opcode, 0x41);
  EXPECT_EQ(effects[1].restriction, 1);
  EXPECT_FALSE(effects[2].supported);
  EXPECT_EQ(effects[2].restriction, 4);
  EXPECT_EQ(status_of([] { decode_effects(std::vector<std::byte>(4095)); }), ExitStatus::device);
}

TEST(DecodeIdentity, CleansTextAndKeepsItRawForKeys) {
  auto wire = controller();
  pad(wire.sn, "  S\xff ");
  pad(wire.mn, std::string_view{"A\x1b[2J\xff\0B", 8});
  const auto identity = decode_identity(bytes_of(wire));
  EXPECT_EQ(identity.serial, "S\\xff");
  EXPECT_EQ(identity.model, "A?[2J?");
  EXPECT_EQ(identity.raw_serial, "  S\xff                ");
  EXPECT_EQ(identity.raw_model, std::string(wire.mn, 40));
}

TEST(DecodeIdentity, NoTwoDrivesGetOneSerialNumber) {
  const auto serial_of = [](std::string_view text) {
    auto wire = controller();
    pad(wire.sn, text);
    return decode_identity(bytes_of(wire)).serial;
  };
  EXPECT_NE(serial_of("S\xfe"), serial_of("S\xff"));
  EXPECT_NE(serial_of({"S\0A", 3}), serial_of({"S\0B", 3}));
  EXPECT_NE(serial_of("S\x01\\x02"), serial_of("S\\x01\x02")) << "what looks like an escape";
  EXPECT_EQ(serial_of({"S\0\0", 3}), "S") << "NULs are padding too";
}

TEST(DecodeIdentity, TellsWhatIsOddInItsTexts) {
  auto wire = controller();
  EXPECT_THAT(decode_identity(bytes_of(wire)).oddities, IsEmpty());
  std::memset(wire.sn, 0, sizeof wire.sn);
  pad(wire.mn, "\xff");
  pad(wire.fr, {"1\0A", 3});
  const auto oddities = decode_identity(bytes_of(wire)).oddities;
  ASSERT_THAT(oddities, SizeIs(3));
  EXPECT_EQ(oddities[0].what, "the serial number is empty");
  EXPECT_EQ(oddities[1].what, "the model has bytes that are not printable ASCII");
  EXPECT_EQ(oddities[2].what, "the firmware revision has bytes that are not printable ASCII");
}

TEST(DecodeIdentity, TextOfPaddingAloneIsEmpty) {
  auto wire = controller();
  pad(wire.sn, "");
  std::memset(wire.mn, 0, sizeof wire.mn);
  pad(wire.fr, std::string_view{"\0 1", 3});
  const auto identity = decode_identity(bytes_of(wire));
  EXPECT_EQ(identity.serial + identity.model + identity.firmware, "");
  EXPECT_EQ(identity.raw_serial, std::string(20, ' '));
  EXPECT_EQ(identity.raw_model, std::string(40, '\0'));
}

TEST(DecodeIdentity, TakesTheSubnqnsThatLinuxTakes) {
  auto wire = controller();
  const auto nqn_of = [&](const std::string& text) {
    std::memset(wire.subnqn, 0, sizeof wire.subnqn);
    std::copy(text.begin(), text.end(), wire.subnqn);
    return decode_identity(bytes_of(wire)).subsystem_nqn;
  };
  EXPECT_EQ(nqn_of(std::string(222, 'n')), std::string(222, 'n'));
  EXPECT_EQ(nqn_of("n\xff"), "n?");
  EXPECT_EQ(nqn_of(""), "");
  EXPECT_EQ(nqn_of("   "), "");
  EXPECT_EQ(nqn_of(std::string(223, 'n')), "");
  EXPECT_EQ(nqn_of(std::string(256, 'n')), "");
}

TEST(DefaultNqn, IsThatOfLinux) {
  const auto identity = decode_identity(bytes_of(controller()));
  EXPECT_EQ(default_nqn(identity), "nqn.2014.08.org.nvmexpress:1b361af4" + std::string{"S1"} +
                                       std::string(18, ' ') + "A Model" + std::string(33, ' '));
}

TEST(DefaultNqn, KeepsWhatCannotBePrintedAndEndsAtANul) {
  auto wire = controller();
  wire.vid = htole16(0x1);
  pad(wire.sn, "\xff");
  pad(wire.mn, std::string_view{"M\0N", 3});
  EXPECT_EQ(default_nqn(decode_identity(bytes_of(wire))),
            "nqn.2014.08.org.nvmexpress:00011af4\xff" + std::string(19, ' ') + "M");
}

TEST(DecodePrimaryResources, TakesEveryField) {
  nvme_primary_ctrl_cap wire{};
  wire.crt = 1;
  wire.vqfrt = htole32(20);
  wire.vqrfa = htole32(6);
  wire.vqrfap = htole16(4);
  wire.vqprt = htole16(2);
  wire.vqfrsm = htole16(8);
  wire.vqgran = htole16(1);
  wire.vifrt = htole32(7);
  wire.virfa = htole32(9);
  const auto resources = decode_primary_resources(bytes_of(wire));
  EXPECT_TRUE(resources.queues.supported);
  EXPECT_FALSE(resources.interrupts.supported);
  EXPECT_EQ(resources.queues.free(), 10U);
  EXPECT_EQ(resources.queues.private_, 2);
  EXPECT_EQ(resources.queues.per_secondary, 8);
  EXPECT_EQ(resources.queues.granularity, 1);
  EXPECT_EQ(resources.interrupts.free(), 0U) << "more assigned than there are";
}

TEST(DecodeSecondaries, TakesEveryField) {
  nvme_secondary_ctrl_list list{};
  list.num = 1;
  auto& entry = list.sc_entry[0];
  entry.scid = htole16(5);
  entry.pcid = htole16(1);
  entry.scs = 0xFF;
  entry.vfn = htole16(2);
  entry.nvq = htole16(3);
  entry.nvi = htole16(4);
  EXPECT_THAT(decode_secondaries(bytes_of(list)),
              ElementsAre(SecondaryController{5, 1, true, 2, 3, 4}));
}

TEST(Decoders, RefuseCountsBeyondTheData) {
  nvme_ctrl_list list{};
  list.num = htole16(2048);
  Bytes formats(wire::identify_size);
  formats[0] = std::byte{255};
  formats[1] = std::byte{255};
  EXPECT_EQ(status_of([] { decode_secondaries(secondaries(1, 128)); }), ExitStatus::device);
  EXPECT_EQ(status_of([&] { decode_controllers(bytes_of(list)); }), ExitStatus::device);
  EXPECT_EQ(status_of([&] { decode_formats(formats); }), ExitStatus::device);
}

TEST(Decoders, RefuseShortData) {
  for (const std::size_t size : {0U, 1U, 31U, 4095U}) {
    const Bytes bytes(size);
    EXPECT_EQ(status_of([&] { decode_identity(bytes); }), ExitStatus::device);
    EXPECT_EQ(status_of([&] { decode_primary_resources(bytes); }), ExitStatus::device);
    EXPECT_EQ(status_of([&] { decode_secondaries(bytes); }), ExitStatus::device);
    EXPECT_EQ(status_of([&] { decode_controllers(bytes); }), ExitStatus::device);
    EXPECT_EQ(status_of([&] { decode_formats(bytes); }), ExitStatus::device);
  }
}

TEST(DecodeFormats, NumbersVersionsAndVendorsFromOne) {
  Bytes bytes(4096);
  bytes[0] = std::byte{2};
  bytes[1] = std::byte{1};
  bytes[2] = std::byte{7};
  bytes[6] = std::byte{0xAA};
  bytes[21] = std::byte{0xBB};
  const auto table = decode_formats(bytes);
  EXPECT_THAT(table.versions, ElementsAre(7, 0));
  ASSERT_THAT(table.vendors, SizeIs(1));
  EXPECT_EQ(table.vendors[0].bytes.front(), 0xAA);
  EXPECT_EQ(table.vendors[0].bytes.back(), 0xBB);
  EXPECT_EQ(table.index_of(7), 1);
  EXPECT_EQ(table.index_of(0), 2);
  EXPECT_EQ(table.index_of(1), 0);
  EXPECT_EQ(table.index_of(table.vendors[0]), 1);
  EXPECT_EQ(table.index_of(Uuid{}), 0);
}

TEST(DecodeFormats, TakesTheFourBytesOfAnEmulator) {
  Bytes bytes(4096);
  bytes[0] = std::byte{1};
  const auto table = decode_formats(bytes);
  EXPECT_THAT(table.versions, ElementsAre(0));
  EXPECT_THAT(table.vendors, IsEmpty());
}

TEST(DecodeFormats, HoldsAsManyAsFit) {
  Bytes bytes(4096);
  bytes[0] = std::byte{7};
  bytes[1] = std::byte{255};
  EXPECT_THAT(decode_formats(bytes).vendors, SizeIs(255));
  bytes[0] = std::byte{8};
  EXPECT_EQ(status_of([&] { decode_formats(bytes); }), ExitStatus::device);
}

TEST(ReadSecondaries, ContinuesAfterAFullList) {
  test::ScriptedPort port;
  port.then(secondaries(1, 127)).then(secondaries(128, 127)).then(secondaries(255, 46));
  EXPECT_THAT(read_secondaries(port), SizeIs(300));
  ASSERT_THAT(port.sent(), SizeIs(3));
  EXPECT_EQ(port.sent()[0].command.cdw10, 0x00000015U);
  EXPECT_EQ(port.sent()[1].command.cdw10, 0x00800015U);
  EXPECT_EQ(port.sent()[2].command.cdw10, 0x00FF0015U);
}

TEST(ReadSecondaries, AsksAgainAfterAListThatIsJustFull) {
  test::ScriptedPort port;
  port.then(secondaries(1, 127)).then(secondaries(0, 0));
  EXPECT_THAT(read_secondaries(port), SizeIs(127));
}

TEST(ReadSecondaries, EndsAtTheHighestId) {
  test::ScriptedPort port;
  port.then(secondaries(0xFFFF - 126, 127));
  EXPECT_EQ(read_secondaries(port).back().cntlid, 0xFFFF);
}

using Entries = std::vector<std::pair<int, int>>;

/// Controller ids and VF numbers of a list as it is read, and what is odd.
struct Read {
  Entries entries;
  Oddities oddities;

  explicit Read(const Entries& given) {
    nvme_secondary_ctrl_list list{};
    for (const auto& [id, vfn] : given) {
      auto& entry = list.sc_entry[list.num++];
      entry.scid = htole16(static_cast<std::uint16_t>(id));
      entry.vfn = htole16(static_cast<std::uint16_t>(vfn));
    }
    test::ScriptedPort port;
    port.then(bytes_of(list));
    for (const auto& entry : read_secondaries(port, &oddities))
      entries.emplace_back(entry.cntlid, entry.vfn);
  }
};

TEST(ReadSecondaries, SortsAListThatIsNot) {
  const Read read({{5, 2}, {4, 1}});
  EXPECT_EQ(read.entries, (Entries{{4, 1}, {5, 2}}));
  ASSERT_THAT(read.oddities, SizeIs(1));
  EXPECT_FALSE(read.oddities[0].hides);
}

TEST(ReadSecondaries, TakesADoubleOnce) {
  const Read read({{4, 1}, {5, 2}, {4, 1}});
  EXPECT_EQ(read.entries, (Entries{{4, 1}, {5, 2}}));
  EXPECT_THAT(read.oddities, SizeIs(2)) << "not sorted, and twice";
}

TEST(ReadSecondaries, TakesNoneOfTwoControllersForTheirVf) {
  const Read read({{4, 1}, {5, 1}, {6, 2}});
  EXPECT_EQ(read.entries, (Entries{{4, 0}, {5, 0}, {6, 2}}));
  ASSERT_THAT(read.oddities, SizeIs(1));
  EXPECT_TRUE(read.oddities[0].hides);
}

TEST(ReadSecondaries, TakesAControllerOfTwoVfsForNone) {
  const Read read({{4, 1}, {4, 2}, {6, 3}});
  EXPECT_EQ(read.entries, (Entries{{4, 0}, {6, 3}}));
  ASSERT_THAT(read.oddities, SizeIs(1));
  EXPECT_TRUE(read.oddities[0].hides);
}

TEST(ReadSecondaries, EndsWhenTheDeviceBeginsAnew) {
  test::ScriptedPort port([](const AdminCommand& command) {
    test::ScriptedPort::copy(secondaries(1, 127), command.from_device);
    return AdminCompletion{};
  });
  Oddities oddities;
  EXPECT_THAT(read_secondaries(port, &oddities), SizeIs(127));
  EXPECT_THAT(port.sent(), SizeIs(2));
  EXPECT_FALSE(oddities.empty());
}

TEST(ReadSecondaries, RefusesAFullListThatIsNotSortedUnlessItIsWhole) {
  auto list = secondaries(1, 127);
  std::swap_ranges(list.begin() + 32, list.begin() + 64, list.begin() + 64);
  for (const auto& more : {secondaries(2, 127), secondaries(120, 100)}) {
    test::ScriptedPort port;
    port.then(list).then(more);
    EXPECT_EQ(status_of([&] { read_secondaries(port); }), ExitStatus::device);
  }
  test::ScriptedPort port;
  port.then(list).then(secondaries(2, 126));
  EXPECT_THAT(read_secondaries(port), SizeIs(127));
  EXPECT_EQ(port.sent().back().command.cdw10, 0x00020015U);
}

TEST(ReadSecondaries, TakesVfsOfTwoPrimariesForTwo) {
  nvme_secondary_ctrl_list list{};
  list.num = 2;
  for (std::uint16_t i = 0; i < 2; ++i) {
    list.sc_entry[i].scid = htole16(static_cast<std::uint16_t>(i + 4));
    list.sc_entry[i].pcid = htole16(i);
    list.sc_entry[i].vfn = htole16(1);
  }
  test::ScriptedPort port;
  port.then(bytes_of(list));
  Oddities oddities;
  const auto read = read_secondaries(port, &oddities);
  ASSERT_THAT(read, SizeIs(2));
  EXPECT_EQ(read[0].vfn, 1);
  EXPECT_EQ(read[1].vfn, 1);
  EXPECT_THAT(oddities, IsEmpty());
}

TEST(ReadLists, AreEmptyWhereTheDeviceSaysSoInAnOddWay) {
  test::ScriptedPort port([](const AdminCommand&) { return AdminCompletion{{0x4137}, 0, 0}; });
  Oddities oddities;
  EXPECT_THAT(read_secondaries(port, &oddities), IsEmpty());
  EXPECT_THAT(read_controllers(port, &oddities), IsEmpty());
  EXPECT_FALSE(read_primary_resources(port, 0, &oddities));
  ASSERT_THAT(oddities, SizeIs(3));
  EXPECT_TRUE(oddities[0].hides) << "VFs may be there";
  EXPECT_FALSE(oddities[1].hides);
}

TEST(ReadLists, AreEmptyWhereTheDeviceHasNone) {
  test::ScriptedPort port([](const AdminCommand&) { return AdminCompletion{{0x4002}, 0, 0}; });
  EXPECT_THAT(read_secondaries(port), IsEmpty());
  EXPECT_THAT(read_controllers(port), IsEmpty());
  EXPECT_FALSE(read_primary_resources(port, 0));
}

TEST(ReadControllers, ContinuesAfterAFullList) {
  nvme_ctrl_list full{};
  full.num = htole16(2047);
  for (std::uint16_t i = 0; i < 2047; ++i)
    full.identifier[i] = htole16(i);
  nvme_ctrl_list rest{};
  rest.num = htole16(1);
  rest.identifier[0] = htole16(3000);
  test::ScriptedPort port;
  port.then(bytes_of(full)).then(bytes_of(rest));
  EXPECT_THAT(read_controllers(port), SizeIs(2048));
  EXPECT_EQ(port.sent()[1].command.cdw10, 2047U << 16U | 0x13U);
}

TEST(Readers, PassOtherErrorsOn) {
  test::ScriptedPort port([](const AdminCommand&) { return AdminCompletion{{0x0006}, 0, 0}; });
  for (const auto& read : std::initializer_list<std::function<void()>>{
           [&] { read_identity(port); }, [&] { read_primary_resources(port, 0); },
           [&] { read_secondaries(port); }, [&] { read_controllers(port); },
           [&] { read_formats(port); }}) {
    EXPECT_EQ(status_of(read), ExitStatus::device);
  }
}

TEST(ReadFormats, AreUnsupportedWhereTheDeviceDoesNotKnowThem) {
  for (const std::uint16_t status : {sc::invalid_field, sc::invalid_opcode}) {
    test::ScriptedPort port;
    port.then(status);
    EXPECT_EQ(status_of([&] { read_formats(port); }), ExitStatus::unsupported);
  }
}

}  // namespace
}  // namespace nvmigrate
