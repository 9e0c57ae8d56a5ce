// SPDX-License-Identifier: LGPL-2.1-or-later
#include <endian.h>
#include <gmock/gmock.h>

#include <cstring>

#include "nvmigrate/base/error.h"
#include "nvmigrate/nvme/identify.h"
#include "nvmigrate/nvme/libnvme.h"
#include "tests/support/scripted_port.h"

namespace nvmigrate {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

template <typename Structure>
std::vector<std::byte> answer_of(const Structure& structure) {
  const auto bytes = std::as_bytes(std::span{&structure, 1});
  return {bytes.begin(), bytes.end()};
}

std::vector<std::byte> list_from(std::uint32_t first, unsigned count) {
  nvme_ns_list list{};
  for (unsigned i = 0; i < count; ++i)
    list.ns[i] = htole32(first + i);
  return answer_of(list);
}

nvme_id_ns namespace_in(std::uint8_t flbas) {
  nvme_id_ns wire{};
  wire.nsze = htole64(0x1'0000'0001);
  wire.nmic = 1;
  wire.flbas = flbas;
  wire.lbaf[0].ds = 9;
  wire.lbaf[3] = {.ms = htole16(8), .ds = 12, .rp = 0};
  wire.lbaf[0x23] = {.ms = htole16(64), .ds = 13, .rp = 0};
  return wire;
}

TEST(DecodeNamespace, TakesTheFormatInUse) {
  const auto found = decode_namespace(answer_of(namespace_in(3)), 7);
  EXPECT_EQ(found.shape, (NamespaceShape{7, 0x1'0000'0001, 4096, 8}));
  EXPECT_TRUE(found.shared);
  EXPECT_EQ(decode_namespace(answer_of(namespace_in(0)), 7).shape.block_size, 512U);
}

TEST(DecodeNamespace, TakesTheUpperBitsOfTheFormat) {
  // FLBAS bit 4 is not one of them: it says where the metadata is.
  const auto found = decode_namespace(answer_of(namespace_in(0x40 | 0x10 | 3)), 7);
  EXPECT_EQ(found.shape, (NamespaceShape{7, 0x1'0000'0001, 8192, 64}));
}

TEST(DecodeNamespace, MakesNoBlockSizeUp) {
  auto wire = namespace_in(1);
  wire.nmic = 0;
  EXPECT_EQ(decode_namespace(answer_of(wire), 7).shape.block_size, 0U);
  EXPECT_FALSE(decode_namespace(answer_of(wire), 7).shared);
  wire.lbaf[1].ds = 200;
  EXPECT_EQ(decode_namespace(answer_of(wire), 7).shape.block_size, 0U);
}

TEST(ReadNamespaces, ContinuesBehindTheLastOfAFullList) {
  test::ScriptedPort port;
  port.then(list_from(1, 1024)).then(list_from(2000, 2));
  const auto all = read_namespaces(port);
  ASSERT_TRUE(all);
  EXPECT_EQ(all->size(), 1026U);
  EXPECT_EQ(all->back(), 2001U);
  EXPECT_EQ(port.sent()[0].command.nsid, 0U);
  EXPECT_EQ(port.sent()[1].command.nsid, 1024U);
  EXPECT_EQ(port.sent()[1].command.cdw10, 0x10U);
}

TEST(ReadNamespaces, TellsNoneFromNotKnown) {
  test::ScriptedPort port;
  port.then(list_from(1, 0)).then(0x4002);
  EXPECT_THAT(*read_namespaces(port), IsEmpty());
  EXPECT_FALSE(read_namespaces(port));
}

TEST(ReadNamespaces, EndsWhereAFullListComesAgain) {
  test::ScriptedPort port;
  port.then(list_from(1, 1024)).then(list_from(1, 1024));
  Oddities oddities;
  EXPECT_EQ(read_namespaces(port, &oddities)->size(), 1024U);
  ASSERT_FALSE(oddities.empty());
  EXPECT_THAT(oddities[0].what, HasSubstr("the list of namespaces has the same entries again"));
}

TEST(ReadNamespaces, SortsAListThatDoesNotAscendUnlessItMustBeContinued) {
  nvme_ns_list list{};
  list.ns[0] = htole32(3);
  list.ns[1] = htole32(1);
  test::ScriptedPort port;
  port.then(answer_of(list));
  Oddities oddities;
  EXPECT_THAT(*read_namespaces(port, &oddities), ElementsAre(1, 3));
  ASSERT_EQ(oddities.size(), 1U);
  EXPECT_EQ(oddities[0].what, "the list of namespaces is not sorted");
  for (std::uint32_t i = 0; i < 1024; ++i)
    list.ns[i] = htole32(1024 - i);
  port.then(answer_of(list)).then(answer_of(list));
  try {
    (void)read_namespaces(port);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.status(), ExitStatus::device);
  }
}

TEST(ReadAttached, NamesTheNamespaceInEachPart) {
  nvme_ctrl_list full{};
  full.num = htole16(most_controllers);
  for (std::uint16_t i = 0; i < most_controllers; ++i)
    full.identifier[i] = htole16(i);
  test::ScriptedPort port;
  port.then(answer_of(full)).then(encode_controllers(std::vector<std::uint16_t>{2100}));
  EXPECT_EQ(read_attached(port, 5).size(), most_controllers + 1);
  EXPECT_EQ(port.sent()[1].command.nsid, 5U);
  EXPECT_EQ(port.sent()[1].command.cdw10, most_controllers << 16U | 0x12U);
}

TEST(EncodeControllers, IsWhatIsDecoded) {
  const std::vector<std::uint16_t> ids{0, 1, 0x102, 0xFFEF};
  const auto list = encode_controllers(ids);
  EXPECT_EQ(list.size(), 4096U);
  EXPECT_EQ(list[0], std::byte{4});
  EXPECT_EQ(list[6], std::byte{2}) << "little-endian";
  EXPECT_EQ(decode_controllers(list), ids);
}

TEST(ReadNamespace, AsksAboutOneThatIsAllocated) {
  test::ScriptedPort port;
  port.then(answer_of(namespace_in(0)));
  EXPECT_EQ(read_namespace(port, 9).shape.nsid, 9U);
  EXPECT_EQ(port.sent()[0].command.nsid, 9U);
  EXPECT_EQ(port.sent()[0].command.cdw10, 0x11U);
}

}  // namespace
}  // namespace nvmigrate
