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
  NvmeBackend backend() { return {port, identity, BackendOptions{}}; }
};

TEST_F(NvmeSubsystemState, IsAskedForOnlyFromVersion24On) {
  EXPECT_TRUE(NvmeBackend(port, identity, {}).has_subsystem_state(5));
  EXPECT_EQ(port.sent().size(), 1U);
  identity.version = 0x00020300;
  EXPECT_FALSE(NvmeBackend(port, identity, {}).has_subsystem_state(5));
  identity.version = 0x00020400;
  identity.live_migration = false;
  EXPECT_FALSE(NvmeBackend(port, identity, {}).has_subsystem_state(5));
  EXPECT_EQ(port.sent().size(), 1U) << "nothing more was sent";
}

TEST_F(NvmeSubsystemState, ARejectedSelectMeansThatThereIsNone) {
  NvmeBackend one(port, identity, {});
  port.then(sc::invalid_field).then(sc::invalid_opcode);
  EXPECT_FALSE(one.has_subsystem_state(5));
  EXPECT_FALSE(one.has_subsystem_state(5));
  port.then(sc::internal_error);
  error_of([&] { static_cast<void>(one.has_subsystem_state(5)); }, ExitStatus::device);
}

TEST_F(NvmeSubsystemState, AnotherAnswerIsNotTakenForIt) {
  port.then(test::state_of(104));
  EXPECT_FALSE(NvmeBackend(port, identity, {}).has_subsystem_state(5));
}

TEST_F(NvmeSubsystemState, IsReadWholeOfASuspendedFunction) {
  NvmeBackend one(port, identity, {});
  EXPECT_EQ(one.save_subsystem_state(5), state());
  header.csattr = 0;
  EXPECT_THAT(error_of([&] { one.save_subsystem_state(5); }, ExitStatus::device),
              HasSubstr("not suspended"));
}

TEST_F(NvmeSubsystemState, OneThatNoCommandCarriesIsNotRead) {
  header.nvmecss = 0x2000;
  NvmeBackend one(port, identity, BackendOptions{.most = 8192});
  error_of([&] { one.save_subsystem_state(5); }, ExitStatus::unsupported);
}

TEST_F(NvmeSubsystemState, ARejectedLoadIsAnError) {
  NvmeBackend one(port, identity, {});
  one.load_subsystem_state(5, state());
  EXPECT_EQ(port.sent().back().data, state());
  port.then(sc::exported_subsystem_state);
  error_of([&] { one.load_subsystem_state(5, state()); }, ExitStatus::device);
  port.then(sc::invalid_controller_identifier);
  error_of([&] { one.load_subsystem_state(5, state()); }, ExitStatus::device);
}

}  // namespace
}  // namespace nvmigrate::nvme
