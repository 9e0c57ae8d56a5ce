// SPDX-License-Identifier: LGPL-2.1-or-later
#include <gmock/gmock.h>

#include <array>

#include "plugins/nvme/nvme_backend.h"
#include "tests/plugins/nvme/target.h"
#include "tests/support/error_of.h"

namespace nvmigrate::nvme {
namespace {

using test::error_of;
using testing::HasSubstr;

/// A device of NVMe 2.4 that answers SEL 1h as told.
class NvmeSubsystemState : public testing::Test {
 protected:
  NvmeSubsystemState() {
    identity.version = 0x00020400;
    header.csattr = 1;
    header.nvmecss = 2;
  }
  ControllerIdentity identity = test::Target().identity();
  wire::SubsystemStateHeader header;

  [[nodiscard]] std::vector<std::byte> state() const {
    std::vector<std::byte> bytes(sizeof header + 8);
    std::memcpy(bytes.data(), &header, sizeof header);
    bytes[64] = std::byte{1};
    return bytes;
  }
  test::ScriptedPort port{[this](const AdminCommand& command) {
    test::ScriptedPort::copy(state(), command.from_device);
    return AdminCompletion{};
  }};
  bool has() {
    NvmeBackend backend(port, identity, {});
    auto* const asked = backend.subsystem_state_carrier();
    return asked != nullptr && asked->has(5);
  }
  NvmeSubsystemStateCarrier carrier{port, 8192};
};

TEST_F(NvmeSubsystemState, IsAskedForOnlyFromVersion24On) {
  EXPECT_TRUE(has());
  EXPECT_EQ(port.sent().size(), 1U);
  identity.version = 0x00020300;
  EXPECT_FALSE(has());
  identity.version = 0x00020400;
  identity.live_migration = false;
  EXPECT_FALSE(has());
  EXPECT_EQ(port.sent().size(), 1U) << "nothing more was sent";
}

TEST_F(NvmeSubsystemState, ARejectedSelectMeansThatThereIsNone) {
  port.then(sc::invalid_field).then(sc::invalid_opcode);
  EXPECT_FALSE(carrier.has(5));
  EXPECT_FALSE(carrier.has(5));
  port.then(sc::internal_error);
  error_of([&] { static_cast<void>(carrier.has(5)); }, ExitStatus::device);
}

TEST_F(NvmeSubsystemState, AnotherAnswerIsNotTakenForIt) {
  port.then(test::state_of(104));
  EXPECT_FALSE(has());
}

TEST_F(NvmeSubsystemState, IsReadWholeOfASuspendedFunction) {
  EXPECT_EQ(carrier.save(5), state());
  header.csattr = 0;
  EXPECT_THAT(error_of([&] { carrier.save(5); }, ExitStatus::device), HasSubstr("not suspended"));
}

TEST_F(NvmeSubsystemState, OneThatNoCommandCarriesIsNotRead) {
  header.nvmecss = 0x2000;
  error_of([&] { carrier.save(5); }, ExitStatus::unsupported);
}

TEST_F(NvmeSubsystemState, ARejectedLoadIsAnError) {
  carrier.load(5, state());
  EXPECT_EQ(port.sent().back().data, state());
  port.then(sc::exported_subsystem_state);
  error_of([&] { carrier.load(5, state()); }, ExitStatus::device);
  port.then(sc::invalid_controller_identifier);
  error_of([&] { carrier.load(5, state()); }, ExitStatus::device);
}

}  // namespace
}  // namespace nvmigrate::nvme
