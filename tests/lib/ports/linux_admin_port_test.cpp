// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/ports/linux_admin_port.h"

#include <fcntl.h>
#include <gmock/gmock.h>

#include <array>
#include <cerrno>

#include "nvmigrate/nvme/commands.h"
#include "nvmigrate/nvme/libnvme.h"

namespace nvmigrate {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class LinuxAdminPortTest : public ::testing::Test {
 protected:
  LinuxAdminPort port(int status, int code = 0, std::uint64_t result = 0) {
    return {OpenFile::open(io_, "/dev/null", O_RDWR), "/dev/nvme0",
            [this, status, code, result](int, nvme_passthru_cmd64& command, std::uint64_t& answer) {
              sent_ = command;
              answer = result;
              errno = code;
              return status;
            }};
  }
  OsError failure(int code, const AdminCommand& command) {
    auto failing = port(-1, code);
    try {
      failing.submit(command);
    } catch (const OsError& error) {
      return error;
    }
    throw std::logic_error("the command did not fail");
  }

  SystemIo io_;
  nvme_passthru_cmd64 sent_{};
  std::array<std::byte, 64> data_{};
};

TEST_F(LinuxAdminPortTest, SendsEveryFieldOfTheCommand) {
  port(0).submit({.opcode = 0x42,
                  .nsid = 7,
                  .cdw10 = 10,
                  .cdw11 = 11,
                  .cdw12 = 12,
                  .cdw13 = 13,
                  .cdw14 = 14,
                  .cdw15 = 15,
                  .from_device = data_,
                  .timeout = std::chrono::seconds(300)});
  EXPECT_EQ(sent_.opcode, 0x42);
  EXPECT_EQ(sent_.flags, 0);
  EXPECT_EQ(sent_.nsid, 7U);
  EXPECT_EQ(sent_.cdw10, 10U);
  EXPECT_EQ(sent_.cdw11, 11U);
  EXPECT_EQ(sent_.cdw12, 12U);
  EXPECT_EQ(sent_.cdw13, 13U);
  EXPECT_EQ(sent_.cdw14, 14U);
  EXPECT_EQ(sent_.cdw15, 15U);
  EXPECT_EQ(sent_.timeout_ms, 300'000U);
  EXPECT_EQ(sent_.data_len, 64U);
  EXPECT_EQ(sent_.addr, reinterpret_cast<std::uintptr_t>(data_.data()));
}

TEST_F(LinuxAdminPortTest, TakesTheDataOfTheOpcodesDirection) {
  port(0).submit({.opcode = 0x41, .to_device = std::span{data_}.first(8)});
  EXPECT_EQ(sent_.data_len, 8U);
  port(0).submit({.opcode = 0x1C, .to_device = data_, .from_device = data_});
  EXPECT_EQ(sent_.data_len, 0U);
  EXPECT_EQ(sent_.addr, 0U);
}

TEST_F(LinuxAdminPortTest, AnswersBothDwordsOfTheCompletion) {
  const auto completion = port(0, 0, 0x1122334455667788).submit({.opcode = 0x1C});
  EXPECT_TRUE(completion.status.ok());
  EXPECT_EQ(completion.dw0, 0x55667788U);
  EXPECT_EQ(completion.dw1, 0x11223344U);
}

TEST_F(LinuxAdminPortTest, AnswersAnNvmeStatusAndThrowsNothing) {
  const auto completion = port(0x4139, EIO).submit({.opcode = 0x41});
  EXPECT_EQ(completion.status.raw, 0x4139);
  EXPECT_EQ(completion.status.code(), sc::controller_suspended);
}

TEST_F(LinuxAdminPortTest, PermissionNamesTheRightThatIsMissing) {
  for (const int code : {EACCES, EPERM}) {
    const auto error = failure(code, {.opcode = 0x41});
    EXPECT_EQ(error.status(), ExitStatus::permission);
    EXPECT_THAT(error.advice(), HasSubstr("CAP_SYS_ADMIN"));
  }
}

TEST_F(LinuxAdminPortTest, AResetThatCancelledTheCommandIsSaid) {
  const auto error = failure(EINTR, {.opcode = 0x41});
  EXPECT_EQ(error.status(), ExitStatus::io);
  EXPECT_EQ(error.error_number(), EINTR);
  EXPECT_THAT(error.what(), HasSubstr("0x41 to /dev/nvme0"));
}

TEST_F(LinuxAdminPortTest, TimeOutsEndWithTimedOut) {
  EXPECT_EQ(failure(ETIME, {.opcode = 0x41}).status(), ExitStatus::timed_out);
  EXPECT_EQ(failure(ETIMEDOUT, {.opcode = 0x41}).status(), ExitStatus::timed_out);
}

TEST_F(LinuxAdminPortTest, AfterAResetTheFunctionsAreToBeListed) {
  for (const int code : {EINTR, ETIME, ETIMEDOUT}) {
    const auto error = failure(code, {.opcode = 0x41});
    EXPECT_THAT(error.advice(), HasSubstr("offline"));
    EXPECT_EQ(error.device(), "/dev/nvme0");
    EXPECT_THAT(error.remedies(),
                ElementsAre(Remedy{.action = Remedy::Action::list, .device = "/dev/nvme0"}));
  }
}

TEST_F(LinuxAdminPortTest, ATransferThatIsTooLongIsExplained) {
  EXPECT_THAT(failure(EINVAL, {.opcode = 0x42, .from_device = data_}).advice(), HasSubstr("64 B"));
  EXPECT_EQ(failure(EINVAL, {.opcode = 0x1C}).advice(), "");
}

TEST_F(LinuxAdminPortTest, OtherErrorsNameCommandAndDevice) {
  const auto error = failure(ENODEV, {.opcode = 0x06, .from_device = data_});
  EXPECT_EQ(error.status(), ExitStatus::io);
  EXPECT_THAT(error.what(), HasSubstr("0x06 to /dev/nvme0"));
}

TEST(SubmitWithLibnvme, IsRefusedByWhatIsNoNvmeDevice) {
  SystemIo io;
  const auto file = OpenFile::open(io, "/dev/null", O_RDWR);
  nvme_passthru_cmd64 command{};
  std::uint64_t result = 1;
  EXPECT_EQ(submit_with_libnvme(file.fd(), command, result), -1);
  EXPECT_EQ(errno, ENOTTY);
  EXPECT_EQ(result, 0U);
}

}  // namespace
}  // namespace nvmigrate
