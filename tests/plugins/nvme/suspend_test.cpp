// SPDX-License-Identifier: LGPL-2.1-or-later
#include <gmock/gmock.h>

#include "plugins/nvme/nvme_backend.h"
#include "tests/plugins/nvme/target.h"
#include "tests/support/error_of.h"

namespace nvmigrate::nvme {
namespace {

using namespace std::chrono_literals;
using test::error_of;
using testing::HasSubstr;

class NvmeSuspendTest : public testing::Test {
 protected:
  void answer(std::uint16_t status) {
    target.fault = [status](std::size_t, const AdminCommand&) {
      return AdminCompletion{{status}, 0, 0};
    };
  }

  test::Target target;
  NvmeBackend backend{target.port, target.identity(), BackendOptions{.suspend_timeout = 7min}};
};

TEST_F(NvmeSuspendTest, QuiesceSendsTheNotification) {
  backend.quiesce(5);
  EXPECT_EQ(target.sent().at(0).command.opcode, 0x41);
  EXPECT_EQ(target.sent().at(0).command.cdw10, 0U);
  EXPECT_EQ(target.sent().at(0).command.cdw11, 0x00000005U);
}

TEST_F(NvmeSuspendTest, SuspendHasALongTimeout) {
  backend.suspend(5);
  EXPECT_EQ(target.sent().at(0).command.cdw11, 0x00010005U);
  EXPECT_EQ(target.sent().at(0).command.timeout, 7min);
  EXPECT_EQ(target.sent().size(), 1U) << "no query, which would lengthen the blackout";
}

TEST_F(NvmeSuspendTest, NoTimeoutIsShortEnoughToResetTheControllingFunction) {
  NvmeBackend hasty{target.port, target.identity(), BackendOptions{.suspend_timeout = 1s}};
  hasty.suspend(5);
  EXPECT_EQ(target.sent().at(0).command.timeout, command::minimum_timeout);
}

TEST_F(NvmeSuspendTest, ResumeTellsWhetherItWasSuspended) {
  EXPECT_TRUE(backend.resume(5));
  EXPECT_EQ(target.sent().at(0).command.cdw10, 1U);
  target.tells_in_dw0 = false;
  test::change_header(target.state, [](wire::StateHeader& header) { header.csattr = 0; });
  target.fault = [](std::size_t, const AdminCommand& command) -> std::optional<AdminCompletion> {
    if (command.opcode != command::opcode::migration_send) return std::nullopt;
    return AdminCompletion{{0x413A}, 0, 0};
  };
  EXPECT_FALSE(backend.resume(5));
}

TEST_F(NvmeSuspendTest, AFunctionIsNotTakenToRunWhileItsHeaderSaysSuspended) {
  target.fault = [](std::size_t, const AdminCommand& command) -> std::optional<AdminCompletion> {
    if (command.opcode != command::opcode::migration_send) return std::nullopt;
    return AdminCompletion{{0x413A}, 0, 0};
  };
  EXPECT_THROW(backend.resume(5), NvmeError);
}

TEST_F(NvmeSuspendTest, AFunctionWithAPartOfAStateIsNotResumed) {
  answer(sc::command_sequence_error);
  error_of([&] { backend.resume(5); }, ExitStatus::device);
}

TEST_F(NvmeSuspendTest, AnUnknownControllerIsNamedWhateverTheDeviceCallsIt) {
  for (const std::uint16_t status :
       {sc::invalid_controller_identifier, sc::invalid_field, sc::invalid_controller_data_queue}) {
    answer(status);
    for (const auto& act : std::initializer_list<std::function<void()>>{
             [&] { backend.quiesce(5); }, [&] { backend.suspend(5); }, [&] { backend.resume(5); },
             [&] { backend.is_suspended(5, {}); }}) {
      EXPECT_THAT(error_of(act, ExitStatus::device), HasSubstr("controller 5: "));
    }
  }
}

TEST_F(NvmeSuspendTest, ItIsSuspendedWhenTheCompletionOrTheHeaderSaysSo) {
  EXPECT_TRUE(backend.is_suspended(5, {}));
  target.tells_in_dw0 = false;
  EXPECT_TRUE(backend.is_suspended(5, {}));
  test::change_header(target.state, [](wire::StateHeader& header) { header.csattr = 0; });
  EXPECT_FALSE(backend.is_suspended(5, {}));
  target.tells_in_dw0 = true;
  EXPECT_TRUE(backend.is_suspended(5, {}));
}

TEST_F(NvmeSuspendTest, PassesErrorsOfTheKernelOn) {
  target.fault = [](std::size_t, const AdminCommand&) -> std::optional<AdminCompletion> {
    throw OsError(ETIMEDOUT, "submit to", "/dev/nvme0");
  };
  error_of([&] { backend.suspend(5); }, ExitStatus::timed_out);
}

}  // namespace
}  // namespace nvmigrate::nvme
