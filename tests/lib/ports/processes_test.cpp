// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/ports/processes.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "tests/support/fake_sysfs.h"

namespace nvmigrate {
namespace {

class RightsTest : public testing::Test {
 protected:
  bool with(const std::string& capabilities) {
    sysfs_.file("/proc/self/status",
                "Name:\tCapEff:\nCapPrm:\t000001ffffffffff\nCapEff:\t" + capabilities + "\n");
    return may_administrate(Sysfs(io_, sysfs_.root()));
  }

  test::FakeSysfs sysfs_;
  SystemIo io_;
};

TEST_F(RightsTest, AreThoseThatAreInEffect) {
  EXPECT_TRUE(with("000001ffffffffff"));
  EXPECT_TRUE(with("0000000000200000")) << "somebody else with CAP_SYS_ADMIN alone";
  EXPECT_FALSE(with("0000000000000000"));
  EXPECT_FALSE(with("00000000a80425fb")) << "root in a container";
  EXPECT_FALSE(with("nonsense"));
}

TEST_F(RightsTest, WithoutProcAreThoseOfRoot) {
  EXPECT_EQ(may_administrate(Sysfs(io_, sysfs_.root())), ::geteuid() == 0);
}

class OpenDevicesTest : public testing::Test {
 protected:
  OpenDevicesTest() {
    sysfs_.file("/dev/vfio/11", "c 241:11\n");
    sysfs_.process(8, "qemu", "/dev/vfio/11");
    sysfs_.process(31, "idle", "/dev/none");
  }

  [[nodiscard]] OpenDevices look() const { return OpenDevices(proc_); }

  test::FakeSysfs sysfs_;
  SystemIo system_;
  test::FakeKernelIo io_{system_, sysfs_};
  Sysfs proc_{io_, sysfs_.root()};
  DeviceNumber device_{S_IFCHR, makedev(241, 11)};
};

TEST_F(OpenDevicesTest, AreKnownByKindAndNumber) {
  EXPECT_EQ(look().holders(device_), std::vector<std::string>{"pid 8 (qemu)"});
  EXPECT_TRUE(look().holders({S_IFBLK, makedev(241, 11)}).empty());
  EXPECT_TRUE(look().holders({S_IFCHR, makedev(241, 12)}).empty());
  EXPECT_EQ(look().unseen(), "");
}

TEST_F(OpenDevicesTest, OfProcessesThatEndAreNotMissed) {
  io_.refuse("list", "/proc/31/fd/", ESRCH);
  io_.refuse("stat", "/proc/8/fd/7", ENOENT);
  EXPECT_EQ(look().unseen(), "");
}

TEST_F(OpenDevicesTest, SayWhichProcessesCouldNotBeLookedInto) {
  io_.refuse("stat", "/proc/8/fd/7", EACCES);
  EXPECT_EQ(look().unseen(), "the open files of pid 8 (qemu) cannot be read");
  io_.refuse("list", "/proc/31/fd/", EPERM);
  EXPECT_EQ(look().unseen(), "the open files of 2 processes, such as pid 8 (qemu), cannot be read");
}

TEST_F(OpenDevicesTest, OfThreadsAreSeenWhenTheFirstHasEndedOrHasOthers) {
  sysfs_.remove("/proc/8/fd");
  sysfs_.thread(8, 9, "/dev/vfio/11");
  EXPECT_EQ(look().holders(device_), std::vector<std::string>{"pid 8 (qemu)"});
  EXPECT_EQ(look().unseen(), "");
  io_.refuse("list", "/proc/8/task/9/fd/", EACCES);
  EXPECT_EQ(look().unseen(), "the open files of pid 8 (qemu) cannot be read");
  io_.refuse("list", "/proc/8/task/9/fd/", ESRCH);
  io_.refuse("list", "/proc/8/task", EACCES);
  EXPECT_EQ(look().unseen(), "the open files of pid 8 (qemu) cannot be read");
}

TEST_F(OpenDevicesTest, SayThatProcShowsAContainerOnly) {
  sysfs_.link("/proc/1/ns/pid", "pid:[4026531836]");
  EXPECT_EQ(look().unseen(), "");
  sysfs_.link("/proc/1/ns/pid", "pid:[4026532000]");
  EXPECT_EQ(look().unseen(), "/proc does not show the processes of the whole host");
  io_.refuse("readlink", "/proc/1/ns/pid", EACCES);
  EXPECT_EQ(look().unseen(), "/proc does not show the processes of the whole host");
}

TEST_F(OpenDevicesTest, NeedTheRightToLook) {
  sysfs_.file("/proc/self/status", "CapEff:\t000001fffff7ffff\n");
  EXPECT_EQ(look().unseen(), "CAP_SYS_PTRACE is needed to look into other processes");
}

}  // namespace
}  // namespace nvmigrate
