// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugins/vfio/linux_vfio_device.h"

#include <fcntl.h>
#include <linux/vfio.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "nvmigrate/base/error.h"

namespace nvmigrate::vfio {
namespace {

constexpr auto container_node = "/dev/vfio/vfio";
constexpr auto iommufd_node = "/dev/iommu";

/// VFIO_DEVICE_BIND_IOMMUFD, since Linux 6.6.
constexpr unsigned long bind_iommufd = _IO(VFIO_TYPE, VFIO_BASE + 18);
/// struct vfio_device_bind_iommufd
struct BindIommufd {
  std::uint32_t argsz = sizeof(BindIommufd);
  std::uint32_t flags = 0;
  std::int32_t iommufd = -1;
  std::uint32_t device_id = 0;
};

void* number(unsigned long value) {
  return reinterpret_cast<void*>(value);  // NOLINT(performance-no-int-to-ptr): ioctl(2) takes both
}

/// struct vfio_device_feature with the data behind it.
std::vector<std::byte> request_of(std::uint32_t flags, std::span<const std::byte> data) {
  std::vector<std::byte> request(sizeof(vfio_device_feature) + data.size());
  const vfio_device_feature head{.argsz = static_cast<std::uint32_t>(request.size()),
                                 .flags = flags};
  std::memcpy(request.data(), &head, sizeof head);
  std::copy(data.begin(), data.end(), request.begin() + sizeof head);
  return request;
}

}  // namespace

int system_ioctl(int fd, unsigned long request, void* argument) {
  return ::ioctl(fd, request, argument);
}

LinuxVfioDevice::LinuxVfioDevice(Kernel kernel, std::string address, VfioNodes nodes)
    : kernel_(std::move(kernel)), address_(std::move(address)), nodes_(std::move(nodes)) {}

LinuxVfioDevice::LinuxVfioDevice(Kernel kernel, std::string address, int held)
    : LinuxVfioDevice(std::move(kernel), std::move(address), VfioNodes{}) {
  device_ = held;
}

void LinuxVfioDevice::open() {
  if (is_open()) return;
  try {
    if (nodes_.by_iommufd()) {
      open_by_iommufd();
    } else {
      open_by_group();
    }
  } catch (...) {
    opened_.clear();
    throw;
  }
}

int LinuxVfioDevice::keep(const std::string& node) {
  const int fd = kernel_.io->open(kernel_.root.path(node), O_RDWR, 0);
  if (fd < 0) throw OsError(errno, "open", node);
  opened_.emplace_back(*kernel_.io, fd);
  return fd;
}

int LinuxVfioDevice::must(int fd, unsigned long request, void* argument, const char* action,
                          const std::string& node) const {
  const int answer = kernel_.ioctl(fd, request, argument);
  if (answer < 0) throw OsError(errno, action, node);
  return answer;
}

void LinuxVfioDevice::open_by_iommufd() {
  const int device = keep(*nodes_.device);
  BindIommufd bind{.iommufd = keep(iommufd_node)};
  must(device, bind_iommufd, &bind, "bind to an iommufd", *nodes_.device);
  device_ = device;
}

/// The group, and with it the function, belongs to the process whose container it is in.
void LinuxVfioDevice::open_by_group() {
  if (!nodes_.group) throw OsError(ENODEV, "open", "the vfio node of " + address_);
  int group = keep(*nodes_.group);
  vfio_group_status status{.argsz = sizeof status, .flags = 0};
  must(group, VFIO_GROUP_GET_STATUS, &status, "look at", *nodes_.group);
  if ((status.flags & VFIO_GROUP_FLAGS_VIABLE) == 0) {
    throw OsError(EPERM, "use", *nodes_.group,
                  "every function of an IOMMU group must be bound to vfio");
  }
  int container = keep(container_node);
  must(group, VFIO_GROUP_SET_CONTAINER, &container, "take", *nodes_.group);
  const bool second =
      kernel_.ioctl(container, VFIO_CHECK_EXTENSION, number(VFIO_TYPE1v2_IOMMU)) > 0;
  must(container, VFIO_SET_IOMMU, number(second ? VFIO_TYPE1v2_IOMMU : VFIO_TYPE1_IOMMU),
       "set the IOMMU of", container_node);
  const int device = must(group, VFIO_GROUP_GET_DEVICE_FD, address_.data(), "open",
                          address_ + " in " + *nodes_.group);
  opened_.emplace_back(*kernel_.io, device);
  device_ = device;
}

int LinuxVfioDevice::feature(std::uint32_t flags, std::span<std::byte> data) {
  auto request = request_of(flags, data);
  const int answer = kernel_.ioctl(device_, VFIO_DEVICE_FEATURE, request.data());
  std::copy(request.begin() + sizeof(vfio_device_feature), request.end(), data.begin());
  return answer;
}

int LinuxVfioDevice::reset() { return kernel_.ioctl(device_, VFIO_DEVICE_RESET, nullptr); }

ssize_t LinuxVfioDevice::read(int data_fd, std::span<std::byte> into) {
  return kernel_.io->read(data_fd, into);
}

ssize_t LinuxVfioDevice::write(int data_fd, std::span<const std::byte> from) {
  return kernel_.io->write(data_fd, from);
}

void LinuxVfioDevice::close_data(int data_fd) noexcept { kernel_.io->close(data_fd); }

}  // namespace nvmigrate::vfio
