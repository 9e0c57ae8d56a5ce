// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/ports/linux_device.h"

#include <gmock/gmock.h>

#include "nvmigrate/base/error.h"
#include "tests/support/fake_sysfs.h"

namespace nvmigrate {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class LinuxDeviceTest : public ::testing::Test {
 protected:
  LinuxDeviceTest() {
    sysfs_.physical("0000:01:00.0", 4, 1);
    sysfs_.controller(0, "0000:01:00.0", 0);
    io_.device("/dev/nvme0", S_IFCHR, 240, 0);
    sysfs_.virtual_function("0000:01:00.0", 1, "0000:01:00.1");
    sysfs_.controller(1, "0000:01:00.1", 1);
    io_.device("/dev/nvme1", S_IFCHR, 240, 1);
  }

  std::unique_ptr<Device> open(const std::string& device) {
    return open_linux_device(io_, sysfs_.root(), device);
  }
  Error failure(const std::string& device) {
    try {
      open(device);
    } catch (const Error& error) {
      return error;
    }
    throw std::logic_error("it was opened: " + device);
  }
  void expect_not_found(const std::string& device, const std::string& sentence) {
    const auto error = failure(device);
    EXPECT_EQ(error.status(), ExitStatus::not_found) << device;
    EXPECT_EQ(error.advice(), "") << "a second line";
    EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos);
    EXPECT_THAT(error.what(), HasSubstr(sentence));
  }

  test::FakeSysfs sysfs_;
  SystemIo system_;
  test::FakeKernelIo io_{system_, sysfs_};
};

TEST_F(LinuxDeviceTest, OpensByPathNameAndAddress) {
  for (const std::string name : {"/dev/nvme0", "nvme0", "0000:01:00.0", "01:00.0"}) {
    const auto device = open(name);
    EXPECT_EQ(device->name(), "/dev/nvme0");
    EXPECT_EQ(device->address(), "0000:01:00.0");
    EXPECT_FALSE(device->simulated());
    EXPECT_EQ(device->pci().sriov("0000:01:00.0").total, 4U);
  }
}

TEST_F(LinuxDeviceTest, OpensALinkToTheCharacterDevice) {
  sysfs_.link("/dev/disk", "nvme0");
  io_.device("/dev/disk", S_IFCHR, 240, 0);
  EXPECT_EQ(open("/dev/disk")->address(), "0000:01:00.0");
}

TEST_F(LinuxDeviceTest, OpensAVirtualFunctionAndLeavesTheRefusalToTheCommand) {
  EXPECT_EQ(open("0000:01:00.1")->name(), "/dev/nvme1");
}

TEST_F(LinuxDeviceTest, AControllerThatIsNoPciFunctionHasNoAddress) {
  sysfs_.file("/sys/class/nvme/nvme0/transport", "tcp\n");
  EXPECT_EQ(open("nvme0")->address(), "");
}

TEST_F(LinuxDeviceTest, ACharacterDeviceOfAProgramIsASimulation) {
  sysfs_.folder("/sys/class/cuse/nvme9");
  sysfs_.file("/dev/nvme9", "");
  io_.device("/dev/nvme9", S_IFCHR, 244, 0);
  sysfs_.link("/sys/dev/char/244:0", "../../devices/virtual/cuse/nvme9");
  const auto device = open("nvme9");
  EXPECT_TRUE(device->simulated());
  EXPECT_EQ(device->address(), "");
  EXPECT_THAT(all_linux_devices(io_, sysfs_.root()), Not(Contains("/dev/nvme9")));
}

TEST_F(LinuxDeviceTest, WhatIsNoControllerIsNeverOpened) {
  sysfs_.folder("/dev/shm");
  sysfs_.file("/dev/plain", "");
  sysfs_.file("/dev/null", "");
  io_.device("/dev/null", S_IFCHR, 1, 3);
  sysfs_.link("/sys/dev/char/1:3", "../../devices/virtual/mem/null");
  sysfs_.file("/dev/nvme0n1", "");
  io_.device("/dev/nvme0n1", S_IFBLK, 259, 0);
  sysfs_.file("/dev/ng0n1", "");
  io_.device("/dev/ng0n1", S_IFCHR, 238, 0);
  sysfs_.link("/sys/dev/char/238:0", "../../devices/x/nvme0/ng0n1");
  sysfs_.file("/dev/odd", "");
  io_.device("/dev/odd", S_IFCHR, 99, 0);

  expect_not_found("/dev/shm", "/dev/shm ");
  expect_not_found("/dev/plain", "/dev/plain ");
  expect_not_found("/dev/null", "/dev/null ");
  expect_not_found("/dev/nvme0n1", "/dev/nvme0n1 ");
  expect_not_found("/dev/ng0n1", "/dev/ng0n1 ");
  expect_not_found("/dev/odd", "/dev/odd ");
  for (const auto& opened : io_.opened())
    EXPECT_NE(opened.substr(0, 5), "/dev/");
}

TEST_F(LinuxDeviceTest, AMissingDeviceIsNotFound) {
  expect_not_found("/dev/nvme7", "/dev/nvme7");
  expect_not_found("nvme7", "/dev/nvme7");
  expect_not_found("/dev/nvme0/x", "/dev/nvme0/x");
}

TEST_F(LinuxDeviceTest, OtherWordsAreNotFoundAndTheFormsAreNamed) {
  for (const std::string word : {"", ".", "foo", "nvme", "nvme0n1", "nvme0c0n1", "nvme00"}) {
    expect_not_found(word, word);
    EXPECT_THAT(failure(word).what(), HasSubstr("0000:01:00.0"));
  }
}

TEST_F(LinuxDeviceTest, AnAddressWithoutControllerSaysWhatIsThere) {
  expect_not_found("0000:02:00.0", "0000:02:00.0");
  sysfs_.function("0000:02:00.0");
  expect_not_found("0000:02:00.0", "0000:02:00.0");
  sysfs_.bind("0000:02:00.0", "vfio-pci");
  expect_not_found("0000:02:00.0", "vfio-pci");
  sysfs_.bind("0000:02:00.0", "nvme");
  expect_not_found("0000:02:00.0", "0000:02:00.0");
}

TEST_F(LinuxDeviceTest, NoPermissionSaysWhatToDo) {
  io_.refuse("open", "/dev/nvme0", EACCES);
  EXPECT_EQ(failure("/dev/nvme0").status(), ExitStatus::permission);
  EXPECT_THAT(failure("/dev/nvme0").what(), HasSubstr("/dev/nvme0"));
  io_.refuse("stat", "/dev/nvme0", EACCES);
  EXPECT_EQ(failure("/dev/nvme0").status(), ExitStatus::permission);
}

TEST_F(LinuxDeviceTest, OtherFailuresOfOpeningAreToldApart) {
  io_.refuse("open", "/dev/nvme0", ENODEV);
  EXPECT_EQ(failure("/dev/nvme0").status(), ExitStatus::io);
  io_.refuse("open", "/dev/nvme0", EMFILE);
  EXPECT_EQ(failure("/dev/nvme0").status(), ExitStatus::io);
  io_.refuse("stat", "/dev/nvme0", EIO);
  EXPECT_EQ(failure("/dev/nvme0").status(), ExitStatus::io);
}

TEST_F(LinuxDeviceTest, ADeviceThatChangedWhileItWasOpenedIsNotUsed) {
  io_.hook([this](std::size_t, const test::FaultyIo::Call& call) {
    if (call.kind == "open" && call.object == sysfs_.path("/dev/nvme0")) {
      io_.device("/dev/nvme0", S_IFCHR, 1, 3);
    }
  });
  EXPECT_EQ(failure("/dev/nvme0").status(), ExitStatus::io);
}

TEST_F(LinuxDeviceTest, AControllerThatWentAwayIsNotFound) {
  sysfs_.remove("/sys/class/nvme/nvme0/state");
  expect_not_found("/dev/nvme0", "/dev/nvme0");
}

TEST_F(LinuxDeviceTest, AllAreThePcieControllersThatAreNoVirtualFunctions) {
  sysfs_.function("0000:02:00.0");
  sysfs_.controller(10, "0000:02:00.0", 5);
  sysfs_.function("0000:03:00.0");
  sysfs_.controller(2, "0000:03:00.0", 6);
  EXPECT_THAT(all_linux_devices(io_, sysfs_.root()),
              ElementsAre("/dev/nvme0", "/dev/nvme2", "/dev/nvme10"));
  sysfs_.file("/sys/class/nvme/nvme10/transport", "tcp\n");
  for (const std::string state : {"new", "resetting", "connecting", "dead"}) {
    sysfs_.file("/sys/class/nvme/nvme2/state", state + "\n");
    EXPECT_THAT(all_linux_devices(io_, sysfs_.root()), ElementsAre("/dev/nvme0", "/dev/nvme2"));
  }
  for (const std::string state : {"deleting", "deleting (no IO)"}) {
    sysfs_.file("/sys/class/nvme/nvme2/state", state + "\n");
    EXPECT_THAT(all_linux_devices(io_, sysfs_.root()), ElementsAre("/dev/nvme0"));
  }
}

TEST_F(LinuxDeviceTest, AControllerThatCannotBeReadIsListedAndSaysWhy) {
  io_.refuse("open", "/sys/class/nvme/nvme0/address", EIO);
  EXPECT_THAT(all_linux_devices(io_, sysfs_.root()), ElementsAre("/dev/nvme0"));
  for (const std::string device : {"/dev/nvme0", "0000:01:00.0"}) {
    const auto error = failure(device);
    EXPECT_EQ(error.status(), ExitStatus::io);
    EXPECT_THAT(error.what(), HasSubstr("/sys/class/nvme/nvme0/address"));
  }
}

TEST_F(LinuxDeviceTest, AControllerWhosePlaceCannotBeReadIsListed) {
  io_.refuse("stat", "/sys/bus/pci/devices/0000:01:00.0/physfn", EACCES);
  EXPECT_THAT(all_linux_devices(io_, sysfs_.root()), ElementsAre("/dev/nvme0"));
}

TEST_F(LinuxDeviceTest, AControllerThatIsNotLiveIsNamedWithItsState) {
  sysfs_.file("/sys/class/nvme/nvme0/state", "resetting\n");
  for (const std::string device : {"/dev/nvme0", "nvme0", "0000:01:00.0"}) {
    const auto error = failure(device);
    EXPECT_EQ(error.status(), ExitStatus::io);
    EXPECT_THAT(error.what(), AllOf(HasSubstr("/dev/nvme0"), HasSubstr("resetting")));
    EXPECT_THAT(error.advice(), HasSubstr("/sys/class/nvme/nvme0/state"));
  }
}

TEST_F(LinuxDeviceTest, WithoutTheDriverThereAreNone) {
  sysfs_.remove("/sys/class/nvme");
  EXPECT_THAT(all_linux_devices(io_, sysfs_.root()), IsEmpty());
}

TEST(OwnsLinux, LeavesOnlyPrefixedWordsToOthers) {
  for (const auto* device : {"/dev/nvme0", "nvme0", "0000:01:00.0", "10000:e1:00.0", "foo", "",
                             "/dev/disk/by-id/a:b", "./x"}) {
    EXPECT_TRUE(owns_linux(device)) << device;
  }
  for (const auto* device : {"sim:demo", "sim:a/b", "other:x"}) {
    EXPECT_FALSE(owns_linux(device)) << device;
  }
}

TEST(HostDevices, NullAndDirectoriesAreRefusedOnTheRealHost) {
  SystemIo io;
  const test::TemporaryFolder folder;
  for (const std::string device : {"/dev/null", "/dev", "/dev/nvme4711"}) {
    try {
      open_linux(io, folder.folders(), device);
      ADD_FAILURE() << device << " was opened";
    } catch (const Error& error) {
      EXPECT_EQ(error.status(), ExitStatus::not_found) << error.what();
    }
  }
  EXPECT_THAT(all_linux(io, folder.folders()), Not(Contains("/dev/null")));
}

}  // namespace
}  // namespace nvmigrate
