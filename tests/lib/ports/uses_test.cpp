// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/ports/uses.h"

#include <gmock/gmock.h>

#include "nvmigrate/base/error.h"
#include "nvmigrate/ports/sysfs_pci_bus.h"
#include "tests/support/fake_sysfs.h"

namespace nvmigrate {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class UsesTest : public ::testing::Test {
 protected:
  UsesTest() {
    sysfs_.function("0000:01:00.1");
    sysfs_.controller(1, "0000:01:00.1", 1);
    sysfs_.folder("/sys/class/nvme/nvme1/nvme1n1");
    sysfs_.folder("/sys/class/nvme/nvme1/hwmon2");
    sysfs_.block("nvme1n1", 4);
    sysfs_.partition("nvme1n1", "nvme1n1p2", 6);
    sysfs_.file("/proc/swaps", "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n");
    mounts("");
  }

  void mounts(const std::string& lines) {
    sysfs_.file("/proc/self/mountinfo",
                "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n" + lines);
  }
  std::vector<std::string> uses(const std::string& address = "0000:01:00.1") {
    std::vector<std::string> lines;
    for (const auto& use : SysfsPciBus(io_, sysfs_.root()).host_uses(address)) {
      lines.push_back(use.object + " " + use.how);
    }
    return lines;
  }

  test::FakeSysfs sysfs_;
  SystemIo system_;
  test::FakeKernelIo io_{system_, sysfs_};
};

TEST_F(UsesTest, UnusedNamespacesHaveNone) {
  EXPECT_THAT(uses(), IsEmpty());
  EXPECT_THAT(uses("0000:09:00.0"), IsEmpty());
}

TEST_F(UsesTest, SeesLoopDevices) {
  sysfs_.file("/sys/block/loop0/loop/backing_file", "/dev/nvme1n1\n");
  sysfs_.file("/sys/block/loop1/loop/backing_file", "/dev/nvme1n1p2\n");
  sysfs_.file("/sys/block/loop2/loop/backing_file", "/srv/nvme1n1\n");
  sysfs_.folder("/sys/block/loop3");
  EXPECT_THAT(uses(), ElementsAre("/dev/nvme1n1 backs loop0", "/dev/nvme1n1p2 backs loop1"));
}

TEST_F(UsesTest, AsksTheKernelWhatALoopDeviceIsOver) {
  sysfs_.process(8, "idle", "/dev/none");
  sysfs_.file("/sys/block/loop0/loop/backing_file", "/dev/nvme1n1 (deleted)\n");
  sysfs_.file("/sys/block/loop1/loop/backing_file", "/srv/image (deleted)\n");
  sysfs_.file("/dev/loop0", "");
  sysfs_.file("/dev/loop1", "");
  io_.loop("/dev/loop0", makedev(259, 4));
  io_.loop("/dev/loop1", 0);
  EXPECT_THAT(uses(), ElementsAre("/dev/nvme1n1 backs loop0"));
  io_.loop("/dev/loop0", makedev(259, 9));
  SysfsPciBus bus(io_, sysfs_.root());
  EXPECT_THAT(bus.host_uses("0000:01:00.1"), IsEmpty());
  EXPECT_EQ(bus.unseen("0000:01:00.1"), "");
}

TEST_F(UsesTest, DoNotKnowWhatAPathOfElsewhereIs) {
  sysfs_.process(8, "idle", "/dev/none");
  const std::string target = "/sys/kernel/config/nvmet/subsystems/nqn.a/namespaces/1/";
  sysfs_.file("/srv/image", "");
  const auto unseen = [&] {
    SysfsPciBus bus(io_, sysfs_.root());
    EXPECT_THAT(bus.host_uses("0000:01:00.1"), IsEmpty());
    return bus.unseen("0000:01:00.1");
  };
  sysfs_.file(target + "enable", "1\n");
  sysfs_.file(target + "device_path", "/srv/image\n");
  EXPECT_EQ(unseen(), "");
  sysfs_.file(target + "device_path", "/dev/nvme1n1 (deleted)\n");
  EXPECT_EQ(unseen(),
            "the NVMe target nqn.a serves /dev/nvme1n1 (deleted), and it cannot be seen which "
            "device that is");
  sysfs_.file(target + "enable", "0\n");
  sysfs_.file("/sys/block/loop2/loop/backing_file", "/run/elsewhere/disk\n");
  EXPECT_THAT(unseen(), testing::HasSubstr("loop2 is over /run/elsewhere/disk"));
  sysfs_.file("/dev/loop2", "");
  EXPECT_EQ(unseen(), "") << "it was detached meanwhile";
}

TEST_F(UsesTest, ANamespaceThatTheKernelHidesHasNoNode) {
  sysfs_.process(8, "idle", "/dev/none");
  SysfsPciBus bus(io_, sysfs_.root());
  sysfs_.remove("/dev/nvme1n1");
  static_cast<void>(bus.host_uses("0000:01:00.1"));
  EXPECT_NE(bus.unseen("0000:01:00.1"), "");
  bus.look_again();
  sysfs_.file("/sys/block/nvme1n1/hidden", "1\n");
  EXPECT_THAT(bus.host_uses("0000:01:00.1"), IsEmpty());
  EXPECT_EQ(bus.unseen("0000:01:00.1"), "");
}

TEST_F(UsesTest, SeesWhatExportsADiskWithoutClaimingIt) {
  const std::string core = "/sys/kernel/config/target/core/";
  const std::string status = "Status: ACTIVATED  Max Queue Depth: 0  SectorSize: 512\n";
  const std::string info = "        TCM FILEIO ID: 0        File: ";
  sysfs_.file(core + "fileio_0/a/info",
              status + info + "/dev/nvme1n1  Size: 4096  Mode: O_DSYNC Async: 0\n");
  sysfs_.file(core + "fileio_0/b/info", status + "TCM FILEIO ID: 1\n");
  sysfs_.file(core + "rd_mcp_1/c/info", status);
  sysfs_.file("/sys/kernel/config/usb_gadget/g1/functions/mass_storage.0/lun.0/file",
              "/dev/nvme1n1p2\n");
  sysfs_.file("/sys/kernel/config/usb_gadget/g2/functions/mass_storage.0/lun.0/file", "\n");
  sysfs_.link("/sys/class/rnbd-server/ctl/devices/nvme1n1/block_dev", "../../nvme1n1");
  EXPECT_THAT(uses(),
              testing::UnorderedElementsAre("/dev/nvme1n1 is exported by the LIO backstore a",
                                            "/dev/nvme1n1p2 is exported by the USB gadget g1",
                                            "/dev/nvme1n1 is exported by RNBD"));
}

TEST_F(UsesTest, SeesTheKernelsTarget) {
  const std::string target = "/sys/kernel/config/nvmet/subsystems/nqn.a";
  sysfs_.file(target + "/namespaces/1/device_path", "/dev/disk/by-id/x\n");
  sysfs_.file(target + "/namespaces/1/enable", "1\n");
  sysfs_.link("/dev/disk/by-id/x", "../../nvme1n1");
  sysfs_.file(target + "/namespaces/2/device_path", "/dev/nvme1n1p2\n");
  sysfs_.file(target + "/namespaces/2/enable", "0\n");
  sysfs_.file(target + "/namespaces/3/device_path", "(null)\n");
  sysfs_.file(target + "/passthru/enable", "0\n");
  EXPECT_THAT(uses(), ElementsAre("/dev/nvme1n1 is namespace 1 of the NVMe target nqn.a"));
  sysfs_.file(target + "/namespaces/1/enable", "0\n");
  EXPECT_THAT(uses(), IsEmpty());
  sysfs_.file(target + "/passthru/device_path", "/dev/nvme1\n");
  sysfs_.file(target + "/passthru/enable", "1\n");
  EXPECT_THAT(uses(), ElementsAre("/dev/nvme1 is passed through by the NVMe target nqn.a"));
}

TEST_F(UsesTest, SeesAMountByTheDevicesNumber) {
  mounts("40 22 259:4 / /srv/a\\040b rw - ext4 /dev/by-other-name rw\n");
  EXPECT_THAT(uses(), ElementsAre("/dev/nvme1n1 is mounted on /srv/a b"));
}

TEST_F(UsesTest, TakesOtherBackslashesAsTheyAre) {
  mounts("40 22 259:4 / /a\\134b\\04\\089 rw - ext4 /dev/nvme1n1 rw\n");
  EXPECT_THAT(uses(), ElementsAre("/dev/nvme1n1 is mounted on /a\\b\\04\\089"));
}

TEST_F(UsesTest, SeesAMountOfAPartitionBehindOptionalFields) {
  mounts(
      "40 22 259:6 / /srv rw shared:7 master:1 - xfs /dev/nvme1n1p2 rw\n"
      "41 22 259:6 /sub /srv rw - xfs /dev/nvme1n1p2 rw\n");
  EXPECT_THAT(uses(), ElementsAre("/dev/nvme1n1p2 is mounted on /srv"));
}

TEST_F(UsesTest, SeesAFileSystemThatShowsANumberOfItsOwn) {
  mounts("40 22 0:33 / /pool rw - btrfs /dev/nvme1n1 rw\n");
  EXPECT_THAT(uses(), ElementsAre("/dev/nvme1n1 is mounted on /pool"));
}

TEST_F(UsesTest, SeesSwap) {
  sysfs_.file("/proc/swaps", "Filename Type\n/dev/nvme1n1p2   partition 1 0 -2\n");
  EXPECT_THAT(uses(), ElementsAre("/dev/nvme1n1p2 is used as swap"));
}

TEST_F(UsesTest, SeesHoldersByTheirName) {
  sysfs_.folder("/sys/block/nvme1n1/holders/md0");
  sysfs_.folder("/sys/block/nvme1n1/nvme1n1p2/holders/dm-3");
  sysfs_.file("/sys/block/dm-3/dm/name", "vg-data\n");
  EXPECT_THAT(uses(), ElementsAre("/dev/nvme1n1 is held by md0",
                                  "/dev/nvme1n1p2 is held by dm-3 (vg-data)"));
}

TEST_F(UsesTest, SeesProcessesThatHaveThemOpen) {
  sysfs_.process(31, "dd", "/dev/nvme1n1p2");
  sysfs_.file("/dev/ng1n1", "c 234:1\n");
  sysfs_.process(8, "fio", "/dev/ng1n1");
  EXPECT_THAT(uses(), ElementsAre("/dev/nvme1n1 is open in pid 8 (fio)",
                                  "/dev/nvme1n1p2 is open in pid 31 (dd)"));
}

TEST_F(UsesTest, SeesAClaimOfTheKernelThatNothingElseShows) {
  io_.refuse("open", "/dev/nvme1n1", EBUSY);
  EXPECT_THAT(uses(), ElementsAre("/dev/nvme1n1 is claimed by the kernel"));
  io_.refuse("open", "/dev/nvme1n1", ENXIO);
  EXPECT_THAT(uses(), IsEmpty());
}

TEST_F(UsesTest, SaysThatANamespaceCouldNotBeTried) {
  sysfs_.process(8, "idle", "/dev/none");
  SysfsPciBus bus(io_, sysfs_.root());
  EXPECT_THAT(bus.host_uses("0000:01:00.1"), IsEmpty());
  EXPECT_EQ(bus.unseen("0000:01:00.1"), "");
  io_.refuse("open", "/dev/nvme1n1", EACCES);
  EXPECT_THAT(bus.host_uses("0000:01:00.1"), IsEmpty());
  EXPECT_EQ(bus.unseen("0000:01:00.1"), "cannot open /dev/nvme1n1: Permission denied");
}

TEST_F(UsesTest, LooksAtTheProcessesOnceForAllFunctions) {
  sysfs_.process(8, "idle", "/dev/none");
  SysfsPciBus bus(io_, sysfs_.root());
  static_cast<void>(bus.host_uses("0000:01:00.1"));
  io_.refuse("list", "/proc", EIO);
  static_cast<void>(bus.host_uses("0000:01:00.1"));
  bus.look_again();
  EXPECT_THROW(static_cast<void>(bus.host_uses("0000:01:00.1")), OsError);
}

TEST_F(UsesTest, FollowsMultipathToTheSharedNamespace) {
  sysfs_.folder("/sys/class/nvme/nvme1/nvme0c1n3");
  sysfs_.block("nvme0n3", 9);
  mounts("40 22 259:9 / /shared rw - ext4 /dev/nvme0n3 rw\n");
  EXPECT_THAT(uses(), ElementsAre("/dev/nvme0n3 is mounted on /shared"));
}

TEST_F(UsesTest, ProcessesThatEndOrHideAreNoFailure) {
  sysfs_.process(31, "dd", "/dev/nvme1n1");
  sysfs_.process(32, "dd", "/dev/nvme1n1");
  sysfs_.process(33, "dd", "/dev/nvme1n1");
  io_.refuse("list", "/proc/31/fd/", EACCES);
  io_.refuse("stat", "/proc/32/fd/7", ENOENT);
  sysfs_.remove("/proc/33/comm");
  EXPECT_THAT(uses(), ElementsAre("/dev/nvme1n1 is open in pid 33 (?)"));
}

TEST_F(UsesTest, WhatCannotBeLookedAtIsAnErrorAndNotTakenForUnused) {
  io_.refuse("open", "/proc/self/mountinfo", EACCES);
  EXPECT_THROW(uses(), OsError);
  io_.refuse("open", "/proc/self/mountinfo", EMFILE);
  EXPECT_THROW(uses(), OsError);
  io_.refuse("list", "/sys/block/nvme1n1/holders", EIO);
  EXPECT_THROW(uses(), OsError);
}

TEST_F(UsesTest, AControllerThatCannotBeReadMayBeOfAFunctionOfTheDriver) {
  io_.refuse("open", "/sys/class/nvme/nvme1/address", EIO);
  SysfsPciBus bus(io_, sysfs_.root());
  EXPECT_THAT(bus.host_uses("0000:01:00.1"), IsEmpty());
  EXPECT_THAT(bus.unseen("0000:01:00.1"), testing::HasSubstr("nvme1/address"));
  sysfs_.remove("/sys/bus/pci/devices/0000:01:00.1/driver");
  bus.look_again();
  EXPECT_THAT(bus.host_uses("0000:01:00.1"), IsEmpty());
  EXPECT_EQ(bus.unseen("0000:01:00.1"), "") << "without the driver it has no controller";
}

}  // namespace
}  // namespace nvmigrate
