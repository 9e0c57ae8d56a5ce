// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugins/vfio/linux_vfio_device.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <linux/vfio.h>
#include <unistd.h>

#include <cstring>
#include <map>

#include "tests/support/error_of.h"
#include "tests/support/temporary_folder.h"

namespace nvmigrate::vfio {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

using Request = unsigned long;
constexpr Request bind_iommufd_request = _IO(VFIO_TYPE, VFIO_BASE + 18);
constexpr auto address = "0000:01:00.3";
constexpr auto cdev = "/dev/vfio/devices/vfio0";

/// The kernel's side of the two ways in: it knows the nodes by the order in which they are opened,
/// and answers what a test tells it.
class LinuxVfioDeviceTest : public testing::Test {
 protected:
  LinuxVfioDeviceTest() {
    for (const auto* node : {"/dev/vfio/13", "/dev/vfio/vfio", "/dev/iommu", cdev})
      test::put(folder.path() + node, "state");
  }
  Kernel kernel() {
    return {.io = &io,
            .root = Sysroot(folder.path()),
            .ioctl = [this](int fd, Request request, void* argument) {
              return answer(fd, request, argument);
            }};
  }
  LinuxVfioDevice made(VfioNodes nodes) { return {kernel(), address, std::move(nodes)}; }
  LinuxVfioDevice by_group() { return made({.group = "/dev/vfio/13"}); }
  LinuxVfioDevice by_iommufd() {
    return made({.group = "/dev/vfio/13", .device = cdev, .iommufd = NodeRights{}});
  }
  std::string open_fails(LinuxVfioDevice device, ExitStatus status) {
    const auto why = test::error_of([&] { device.open(); }, status);
    EXPECT_FALSE(device.is_open());
    return why;
  }

  int answer(int fd, Request request, void* argument) {
    requests.push_back(request);
    if (const auto code = failures.find(request); code != failures.end()) {
      errno = code->second;
      return -1;
    }
    switch (request) {
      case VFIO_GROUP_GET_STATUS:
        static_cast<vfio_group_status*>(argument)->flags = viable ? VFIO_GROUP_FLAGS_VIABLE : 0;
        return 0;
      case VFIO_GROUP_SET_CONTAINER:
        EXPECT_NE(*static_cast<int*>(argument), fd);
        return 0;
      case VFIO_CHECK_EXTENSION:
        return second_version ? 1 : 0;
      case VFIO_SET_IOMMU:
        iommu = reinterpret_cast<unsigned long>(argument);
        return 0;
      case VFIO_GROUP_GET_DEVICE_FD:
        EXPECT_STREQ(static_cast<const char*>(argument), address);
        return device_fd;
      case bind_iommufd_request:
        bound = fd;
        std::memcpy(&iommufd, static_cast<std::byte*>(argument) + 8, sizeof iommufd);
        return 0;
      case VFIO_DEVICE_FEATURE: {
        EXPECT_EQ(fd, device_fd);
        auto* const feature = static_cast<vfio_device_feature*>(argument);
        asked = {feature->argsz, feature->flags};
        const std::uint64_t value = 5;
        std::memcpy(feature->data, &value, feature->argsz - sizeof *feature);
        return 0;
      }
      default:
        return 0;
    }
  }

  test::TemporaryFolder folder;
  SystemIo io;
  std::vector<Request> requests;
  std::map<Request, int> failures;
  bool viable = true, second_version = true;
  unsigned long iommu = 0;
  int device_fd = 1 << 25, bound = -1;
  std::int32_t iommufd = -1;
  std::pair<std::uint32_t, std::uint32_t> asked;  ///< argsz and flags
};

TEST_F(LinuxVfioDeviceTest, AGroupIsOpenedInAContainerOfItsOwn) {
  auto device = by_group();
  EXPECT_FALSE(device.is_open());
  device.open();
  EXPECT_TRUE(device.is_open());
  EXPECT_THAT(requests,
              ElementsAre(VFIO_GROUP_GET_STATUS, VFIO_GROUP_SET_CONTAINER, VFIO_CHECK_EXTENSION,
                          VFIO_SET_IOMMU, VFIO_GROUP_GET_DEVICE_FD));
  EXPECT_EQ(iommu, static_cast<unsigned long>(VFIO_TYPE1v2_IOMMU));
  device.open();
  EXPECT_EQ(requests.size(), 5U) << "it is open";
}

TEST_F(LinuxVfioDeviceTest, AnOlderIommuWillDo) {
  second_version = false;
  by_group().open();
  EXPECT_EQ(iommu, static_cast<unsigned long>(VFIO_TYPE1_IOMMU));
}

TEST_F(LinuxVfioDeviceTest, ADeviceNodeIsBoundToAnIommufd) {
  auto device = by_iommufd();
  device.open();
  EXPECT_THAT(requests, ElementsAre(bind_iommufd_request));
  device_fd = bound;
  EXPECT_EQ(device.feature(uapi::feature_get, {}), 0);
  EXPECT_NE(iommufd, bound);
}

TEST_F(LinuxVfioDeviceTest, EveryCallOfAnOpenCanFail) {
  for (const Request request : {VFIO_GROUP_GET_STATUS, VFIO_GROUP_SET_CONTAINER, VFIO_SET_IOMMU,
                                VFIO_GROUP_GET_DEVICE_FD}) {
    failures = {{request, EBUSY}};
    EXPECT_THAT(open_fails(by_group(), ExitStatus::io), HasSubstr("resource busy"));
  }
  failures = {{bind_iommufd_request, EBUSY}};
  EXPECT_THAT(open_fails(by_iommufd(), ExitStatus::io),
              HasSubstr("cannot bind to an iommufd /dev/vfio/devices/vfio0"));
}

TEST_F(LinuxVfioDeviceTest, AGroupThatIsNotViableIsExplained) {
  viable = false;
  EXPECT_THAT(open_fails(by_group(), ExitStatus::permission),
              HasSubstr("every function of an IOMMU group must be bound to vfio"));
}

TEST_F(LinuxVfioDeviceTest, NodesThatAreMissingAreNamed) {
  EXPECT_THAT(open_fails(made({}), ExitStatus::io), HasSubstr("the vfio node of 0000:01:00.3"));
  std::filesystem::remove(folder.path() + "/dev/vfio/vfio");
  EXPECT_THAT(open_fails(by_group(), ExitStatus::not_found), HasSubstr("/dev/vfio/vfio"));
  std::filesystem::remove(folder.path() + "/dev/iommu");
  EXPECT_THAT(open_fails(by_iommufd(), ExitStatus::not_found), HasSubstr("/dev/iommu"));
}

TEST_F(LinuxVfioDeviceTest, AFeatureHasItsDataBehindIt) {
  auto device = by_group();
  device.open();
  std::uint64_t value = 0;
  const auto data = std::as_writable_bytes(std::span{&value, 1});
  EXPECT_EQ(device.feature(uapi::feature_migration | uapi::feature_get, data), 0);
  EXPECT_EQ(value, 5U);
  EXPECT_EQ(asked, std::pair(16U, 0x10001U));
  failures[VFIO_DEVICE_FEATURE] = ENOTTY;
  EXPECT_EQ(device.feature(uapi::feature_migration | uapi::feature_get, data), -1);
  EXPECT_EQ(errno, ENOTTY);
  EXPECT_EQ(device.reset(), 0);
  EXPECT_EQ(requests.back(), Request{VFIO_DEVICE_RESET});
}

TEST_F(LinuxVfioDeviceTest, WhatTheCallerHoldsIsUsedAsItIs) {
  const auto held = OpenFile::open(io, folder.path() + cdev, 0);
  device_fd = held.fd();
  {
    LinuxVfioDevice device(kernel(), address, held.fd());
    EXPECT_TRUE(device.is_open());
    device.open();
    EXPECT_THAT(requests, IsEmpty());
    EXPECT_EQ(device.reset(), 0);
  }
  std::array<std::byte, 5> data{};
  EXPECT_EQ(io.read(held.fd(), data), 5) << "it is still open";
}

TEST_F(LinuxVfioDeviceTest, DataGoesThroughItsOwnDescriptor) {
  auto device = by_group();
  device.open();
  auto data = OpenFile::open(io, folder.path() + "/data", O_RDWR | O_CREAT);
  const std::array written{std::byte{1}, std::byte{2}};
  EXPECT_EQ(device.write(data.fd(), written), 2);
  ::lseek(data.fd(), 0, SEEK_SET);
  std::array<std::byte, 5> read{};
  EXPECT_EQ(device.read(data.fd(), read), 2);
  const int fd = ::dup(data.fd());
  device.close_data(fd);
  EXPECT_EQ(device.read(fd, read), -1);
}

TEST_F(LinuxVfioDeviceTest, TheSystemsOwnIoctlSetsErrno) {
  EXPECT_EQ(system_ioctl(-1, VFIO_DEVICE_RESET, nullptr), -1);
  EXPECT_EQ(errno, EBADF);
}

}  // namespace
}  // namespace nvmigrate::vfio
