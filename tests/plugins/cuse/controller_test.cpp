// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugins/cuse/controller.h"

#include <linux/nvme_ioctl.h>
#include <sys/ioctl.h>

#include <array>
#include <cerrno>

#include "nvmigrate/nvme/wire.h"
#include "tests/plugins/sim/lab.h"

namespace nvmigrate::test {
namespace {

using cuse::Controller;
using cuse::Range;
using cuse::Reply;

constexpr std::size_t mdts_at = 77;

/// What came of an ioctl.
struct Returned {
  int value = 0, error = 0;
  bool operator==(const Returned&) const = default;
};
Returned failed_with(int error) { return {.value = -1, .error = error}; }

class CuseController : public testing::Test {
 protected:
  CuseController() { lab_.create("a", {.vfs_total = 2, .mdts = std::size_t{32} << 10U}); }

  Controller& controller() {
    if (!controller_) controller_ = std::make_unique<Controller>(lab_.open("sim:a"));
    return *controller_;
  }

  static std::byte* memory_at(const Range& range) {
    return reinterpret_cast<std::byte*>(range.address);  // NOLINT(performance-no-int-to-ptr)
  }
  static Bytes taken(const std::vector<Range>& ranges) {
    Bytes bytes;
    for (const auto& range : ranges) {
      const auto* from = memory_at(range);
      bytes.insert(bytes.end(), from, from + range.bytes);
    }
    return bytes;
  }

  /// As the kernel does: it reads the ranges that are asked for and calls again.
  Returned ioctl(unsigned long request, const void* argument, bool privileged = true) {
    std::vector<Range> read, write;
    Reply reply;
    do {
      const auto input = taken(read);
      std::size_t room = 0;
      for (const auto& range : write)
        room += range.bytes;
      reply = controller().call({.request = static_cast<unsigned>(request),
                                 .argument = reinterpret_cast<std::uintptr_t>(argument),
                                 .privileged = privileged,
                                 .input = input,
                                 .room = room});
      if (reply.error != 0) return failed_with(reply.error);
      if (reply.read.empty()) break;
      read = reply.read;
      write = reply.write;
      if (between_) between_();
    } while (true);
    auto from = reply.output.begin();
    for (const auto& range : write) {
      std::copy_n(from, range.bytes, memory_at(range));
      from += static_cast<std::ptrdiff_t>(range.bytes);
    }
    return {.value = reply.result};
  }

  template <typename Command>
  Command identify(command::Cns what) {
    Command command{};
    command.opcode = command::opcode::identify;
    command.cdw10 = static_cast<std::uint32_t>(what);
    command.addr = reinterpret_cast<std::uintptr_t>(data_.data());
    command.data_len = static_cast<std::uint32_t>(data_.size());
    command.result = 0x5A5A5A5A;
    return command;
  }

  Lab lab_;
  std::unique_ptr<Controller> controller_;
  Bytes data_ = Bytes(wire::identify_size);
  std::function<void()> between_;
};

TEST_F(CuseController, BothFormsOfACommandGetTheDataAndTheResult) {
  const auto expected = Bench(lab_, "sim:a").identify(command::Cns::secondary_controllers);
  auto narrow = identify<nvme_passthru_cmd>(command::Cns::secondary_controllers);
  EXPECT_EQ(ioctl(NVME_IOCTL_ADMIN_CMD, &narrow), Returned{});
  EXPECT_EQ(data_, expected);
  EXPECT_EQ(narrow.result, 0U);
  data_.assign(data_.size(), std::byte{1});
  auto wide = identify<nvme_passthru_cmd64>(command::Cns::secondary_controllers);
  EXPECT_EQ(ioctl(NVME_IOCTL_ADMIN64_CMD, &wide), Returned{});
  EXPECT_EQ(data_, expected);
  EXPECT_EQ(wide.result, 0U);
}

TEST_F(CuseController, ACommandWithoutDataGetsItsResult) {
  nvme_passthru_cmd64 assign{};
  assign.opcode = command::opcode::virtualization_management;
  assign.cdw10 = 1U << 16U | static_cast<unsigned>(command::VirtualizationAction::assign);
  assign.cdw11 = 3;
  EXPECT_EQ(ioctl(NVME_IOCTL_ADMIN64_CMD, &assign), Returned{});
  EXPECT_EQ(assign.result, 3U);
  EXPECT_EQ(Bench(lab_, "sim:a").secondary(1).queues, 3);
}

TEST_F(CuseController, DataGoToTheDevice) {
  lab_.create("ns", {.namespaces = 2});
  controller_ = std::make_unique<Controller>(lab_.open("sim:ns"));
  const std::array<std::uint16_t, 1> ids{0};
  data_ = encode_controllers(ids);
  auto attach = identify<nvme_passthru_cmd>(command::Cns::controller);
  attach.opcode = command::opcode::namespace_attachment;
  attach.nsid = 1;
  attach.cdw10 = 1;  // detach
  EXPECT_EQ(ioctl(NVME_IOCTL_ADMIN_CMD, &attach), Returned{});
  EXPECT_EQ(ioctl(NVME_IOCTL_ADMIN_CMD, &attach).value, 0x4000 | sc::namespace_not_attached);
}

TEST_F(CuseController, AnErrorOfTheDeviceIsReturnedAndIsNoErrno) {
  auto command = identify<nvme_passthru_cmd>(static_cast<command::Cns>(0xFF));
  EXPECT_EQ(ioctl(NVME_IOCTL_ADMIN_CMD, &command).value, 0x4000 | sc::invalid_field);
  EXPECT_EQ(command.result, 0U) << "it was written";
}

TEST_F(CuseController, WhatTheDeviceDoesNotFillStays) {
  lab_.create("e", {.personality = sim::Personality::emulator, .vfs_total = 2});
  controller_ = std::make_unique<Controller>(lab_.open("sim:e"));
  data_.assign(data_.size(), std::byte{0x77});
  auto command = identify<nvme_passthru_cmd>(command::Cns::state_formats);
  EXPECT_EQ(ioctl(NVME_IOCTL_ADMIN_CMD, &command), Returned{});
  EXPECT_EQ(data_.at(0), std::byte{1});
  EXPECT_EQ(data_.back(), std::byte{0x77});
}

TEST_F(CuseController, FlagsAndLongTransfersAreInvalid) {
  auto flags = identify<nvme_passthru_cmd>(command::Cns::controller);
  flags.flags = 1;
  EXPECT_EQ(ioctl(NVME_IOCTL_ADMIN_CMD, &flags), failed_with(EINVAL));
  EXPECT_EQ(flags.result, 0x5A5A5A5AU) << "nothing was written";
  data_.resize((std::size_t{32} << 10U) + 4);
  auto length = identify<nvme_passthru_cmd>(command::Cns::controller);
  EXPECT_EQ(ioctl(NVME_IOCTL_ADMIN_CMD, &length), failed_with(EINVAL));
}

TEST_F(CuseController, WithoutAnAddressNoDataAreCarried) {
  auto command = identify<nvme_passthru_cmd>(command::Cns::controller);
  command.addr = 0;
  EXPECT_EQ(ioctl(NVME_IOCTL_ADMIN_CMD, &command).value, 0x4000 | sc::invalid_field);
}

TEST_F(CuseController, ACommandThatChangesWhileItIsReadIsInvalid) {
  auto command = identify<nvme_passthru_cmd>(command::Cns::controller);
  unsigned reads = 0;
  between_ = [&] {
    if (++reads == 2) command.data_len = 8;
  };
  EXPECT_EQ(ioctl(NVME_IOCTL_ADMIN_CMD, &command), failed_with(EINVAL));
}

TEST_F(CuseController, TheLimitOfADeviceWithoutOneIsThatOfCuse) {
  lab_.create("big", {.mdts = 0});
  controller_ = std::make_unique<Controller>(lab_.open("sim:big"));
  auto command = identify<nvme_passthru_cmd>(command::Cns::controller);
  EXPECT_EQ(ioctl(NVME_IOCTL_ADMIN_CMD, &command), Returned{});
  EXPECT_EQ(decode_identity(data_).max_transfer, cuse::most_data);
  command.data_len = cuse::most_data + 4;
  EXPECT_EQ(ioctl(NVME_IOCTL_ADMIN_CMD, &command), failed_with(EINVAL));
}

TEST_F(CuseController, ASmallerLimitOfTheDeviceIsKept) {
  auto command = identify<nvme_passthru_cmd>(command::Cns::controller);
  EXPECT_EQ(ioctl(NVME_IOCTL_ADMIN_CMD, &command), Returned{});
  EXPECT_EQ(data_.at(mdts_at), std::byte{3});
}

TEST_F(CuseController, OnlyRootMayAdministrate) {
  auto command = identify<nvme_passthru_cmd>(command::Cns::controller);
  for (const unsigned long request :
       {NVME_IOCTL_ADMIN_CMD, NVME_IOCTL_ADMIN64_CMD, static_cast<unsigned long>(NVME_IOCTL_RESET),
        static_cast<unsigned long>(NVME_IOCTL_SUBSYS_RESET),
        static_cast<unsigned long>(NVME_IOCTL_RESCAN)}) {
    EXPECT_EQ(ioctl(request, &command, false), failed_with(EACCES)) << request;
  }
}

TEST_F(CuseController, ThereIsNothingToDoIoWith) {
  nvme_passthru_cmd command{};
  for (const unsigned long request :
       {NVME_IOCTL_IO_CMD, NVME_IOCTL_IO64_CMD, NVME_IOCTL_SUBMIT_IO,
        static_cast<unsigned long>(NVME_IOCTL_ID), static_cast<unsigned long>(TIOCGWINSZ)}) {
    EXPECT_EQ(ioctl(request, &command), failed_with(ENOTTY)) << request;
  }
}

TEST_F(CuseController, AResetIsOneOfTheController) {
  Bench bench(lab_, "sim:a");
  bench.provision(1);
  EXPECT_TRUE(bench.secondary(1).online);
  EXPECT_EQ(ioctl(NVME_IOCTL_RESCAN, nullptr), Returned{});
  EXPECT_TRUE(bench.secondary(1).online);
  EXPECT_EQ(ioctl(NVME_IOCTL_SUBSYS_RESET, nullptr), failed_with(ENOTTY));
  EXPECT_EQ(ioctl(NVME_IOCTL_RESET, nullptr), Returned{});
  EXPECT_FALSE(bench.secondary(1).online);
}

TEST_F(CuseController, ADeviceThatIsGoneAnswersSo) {
  auto command = identify<nvme_passthru_cmd>(command::Cns::controller);
  controller();
  sim::destroy(lab_.folders(), "a");
  EXPECT_EQ(ioctl(NVME_IOCTL_ADMIN_CMD, &command), failed_with(ENODEV));
  EXPECT_EQ(ioctl(NVME_IOCTL_RESET, nullptr), failed_with(ENODEV));
}

TEST_F(CuseController, TheErrnoOfTheDeviceIsThatOfTheCall) {
  auto command = identify<nvme_passthru_cmd>(command::Cns::controller);
  controller();
  auto other = lab_.open("sim:a");
  other->pci().unbind(other->address());
  EXPECT_EQ(ioctl(NVME_IOCTL_ADMIN_CMD, &command), failed_with(ENODEV));
}

}  // namespace
}  // namespace nvmigrate::test
