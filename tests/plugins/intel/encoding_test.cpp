// SPDX-License-Identifier: LGPL-2.1-or-later
#include <fmt/core.h>
#include <gmock/gmock.h>

#include "nvmigrate/nvme/commands.h"
#include "nvmigrate/nvme/endian.h"
#include "plugins/intel/intel_backend.h"
#include "tests/support/error_of.h"
#include "tests/support/memory_streams.h"
#include "tests/support/scripted_port.h"

namespace nvmigrate::intel {
namespace {

using namespace std::chrono_literals;
using test::error_of;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

using Bytes = std::vector<std::byte>;

/// The 64 bytes that the kernel makes of a command, without identifier and PRPs: what differs from
/// 0, as `offset:value`.
std::vector<std::string> sqe_of(const AdminCommand& command) {
  struct Entry {
    std::uint8_t opcode = 0, flags = 0;
    Le16 cid;
    Le32 nsid;
    std::array<Le32, 8> before{};
    std::array<Le32, 6> dwords{};
  } entry;
  static_assert(sizeof(Entry) == 64);
  entry.opcode = command.opcode;
  entry.nsid = command.nsid;
  entry.dwords = {Le32{command.cdw10}, Le32{command.cdw11}, Le32{command.cdw12},
                  Le32{command.cdw13}, Le32{command.cdw14}, Le32{command.cdw15}};
  std::vector<std::string> bytes;
  const auto all = std::as_bytes(std::span{&entry, 1});
  for (std::size_t at = 0; at < all.size(); ++at) {
    if (all[at] != std::byte{}) bytes.push_back(fmt::format("{}:{:02x}", at, unsigned(all[at])));
  }
  return bytes;
}

/// The backend on a port that answers by script. Controller 7 is VF 258, controller 9 is not a VF.
class IntelTest : public testing::Test {
 protected:
  IntelTest() {
    identity.vendor = 0x8086;
    identity.first_vendor_byte = 1;
    topology.functions.resize(2);
    topology.functions[0].cntlid = 7;
    topology.functions[0].vfn = 258;
    topology.functions[1].cntlid = 9;
    port.otherwise([](const AdminCommand&) { return AdminCompletion{}; });
  }
  IntelBackend backend(std::size_t most = 0) {
    return IntelBackend({.device = device,
                         .identity = identity,
                         .options = {.suspend_timeout = 7min, .most = most},
                         .topology = [this]() -> const Topology& { return topology; }});
  }
  void load(std::size_t bytes) {
    test::MemorySource source{Bytes(bytes)};
    backend().load(7, {}, source);
  }
  [[nodiscard]] const AdminCommand& sent(std::size_t at) const {
    return port.sent().at(at).command;
  }

  test::ScriptedPort port;
  test::PortDevice device{port};
  ControllerIdentity identity;
  Topology topology;
};

TEST_F(IntelTest, CommandsWithoutData) {
  backend().suspend(7);
  backend().resume(7);
  EXPECT_THAT(sqe_of(sent(0)), ElementsAre("0:c8", "40:02", "41:01"));
  EXPECT_THAT(sqe_of(sent(1)), ElementsAre("0:cc", "40:02", "41:01"));
  EXPECT_EQ(sent(0).timeout, 7min);
  EXPECT_EQ(sent(1).timeout, command::minimum_timeout);
}

TEST_F(IntelTest, SaveAsksForTheSizeAndReadsThatMuch) {
  std::vector<std::size_t> room;
  port.then(0, 5003).then([&](const AdminCommand& command) {
    room = {command.from_device.size(), command.to_device.size(),
            reinterpret_cast<std::uintptr_t>(command.from_device.data()) % 4096};
    std::fill(command.from_device.begin(), command.from_device.end(), std::byte{0x5A});
    return AdminCompletion{};
  });
  test::MemorySink sink(4096);
  backend().save(7, {}, sink);
  EXPECT_THAT(sqe_of(sent(0)), ElementsAre("0:c4", "40:02", "41:01"));
  EXPECT_THAT(sqe_of(sent(1)), ElementsAre("0:d2", "40:02", "41:01"));
  EXPECT_THAT(room, ElementsAre(8192, 0, 0));
  EXPECT_EQ(sink.announced, 5003U);
  EXPECT_EQ(sink.bytes, Bytes(5003, std::byte{0x5A}));
}

TEST_F(IntelTest, LoadSendsItsSizeInBytes) {
  load(0x12345);
  EXPECT_THAT(sqe_of(sent(0)), ElementsAre("0:d5", "40:02", "41:01", "44:45", "45:23", "46:01"));
  EXPECT_EQ(port.sent()[0].data.size(), 0x12345U);
  load(256U << 10U);
  EXPECT_THAT(sqe_of(sent(1)), ElementsAre("0:d5", "40:02", "41:01", "46:04"));
}

TEST_F(IntelTest, AStateOfASizeThatCannotBeIsNotMoved) {
  for (const std::uint32_t size : {0U, (256U << 10U) + 1, 0xFFFFFFFFU}) {
    test::MemorySink sink;
    port.then(0, size);
    error_of([&] { backend().save(7, {}, sink); }, ExitStatus::device);
    EXPECT_FALSE(sink.announced);
  }
  EXPECT_EQ(port.sent().size(), 3U);
  error_of([&] { load((256U << 10U) + 1); }, ExitStatus::bad_state);
  error_of([&] { load(0); }, ExitStatus::bad_state);
  EXPECT_EQ(port.sent().size(), 3U);
  port.then(0, 8192);
  test::MemorySink sink;
  error_of([&] { backend(4096).save(7, {}, sink); }, ExitStatus::device);
}

TEST_F(IntelTest, OnlyVfsCanBeNamed) {
  test::MemorySink sink;
  test::MemorySource source(Bytes(8));
  for (const auto id : std::initializer_list<std::uint16_t>{9, 2}) {
    for (const auto& act : std::initializer_list<std::function<void()>>{
             [&] { backend().check(id); }, [&] { backend().quiesce(id); },
             [&] { backend().suspend(id); }, [&] { backend().resume(id); },
             [&] { backend().look(id, {}); }, [&] { backend().save(id, {}, sink); },
             [&] { backend().load(id, {}, source); }}) {
      EXPECT_THAT(error_of(act, ExitStatus::unsupported), HasSubstr("not a VF"));
    }
  }
  EXPECT_THAT(port.sent(), IsEmpty());
}

TEST_F(IntelTest, NeedsItsVendorAndItsFlag) {
  EXPECT_THAT(backend().query().formats.versions, IsEmpty());
  identity.first_vendor_byte = 2;
  EXPECT_THAT(error_of([&] { backend().query(); }, ExitStatus::unsupported), HasSubstr("3072"));
  identity.first_vendor_byte = 1;
  identity.vendor = 0x144D;
  EXPECT_THAT(error_of([&] { backend().query(); }, ExitStatus::unsupported), HasSubstr("144dh"));
  EXPECT_THAT(port.sent(), IsEmpty());
}

TEST_F(IntelTest, EveryStatusIsNamedWithTheNextStep) {
  for (const auto status :
       std::initializer_list<std::uint16_t>{0x4001, 0x4002, 0x400C, 0x4006, 0x01C0}) {
    for (const auto& act : std::initializer_list<std::function<void()>>{
             [&] { backend().suspend(7); }, [&] { backend().resume(7); }, [&] { load(8); }}) {
      port.then(status);
      try {
        act();
        ADD_FAILURE() << status;
      } catch (const NvmeError& error) {
        EXPECT_THAT(error.what(), HasSubstr("controller 7"));
        EXPECT_EQ(error.advice().empty(), status == 0x4006 || status == 0x01C0);
      }
    }
  }
}

}  // namespace
}  // namespace nvmigrate::intel
