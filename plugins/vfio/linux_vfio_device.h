// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "nvmigrate/base/io.h"
#include "nvmigrate/ports/pci_function.h"
#include "nvmigrate/ports/sysfs.h"
#include "plugins/vfio/vfio_device.h"

namespace nvmigrate::vfio {

/// ioctl(2): 0 or a positive answer, or -1 and errno.
using Ioctl = std::function<int(int fd, unsigned long request, void* argument)>;

/// The kernel's own.
int system_ioctl(int fd, unsigned long request, void* argument);

/// The calls that reach the kernel, and where /dev is.
struct Kernel {
  Io* io = nullptr;
  Sysroot root{};
  Ioctl ioctl = system_ioctl;
};

/// A function as Linux gives it: through its cdev node and iommufd where the kernel has both, else
/// through the node of its group in a container of its own.
class LinuxVfioDevice final : public VfioDevice {
 public:
  /// \param address PCI. \param nodes of the function
  LinuxVfioDevice(Kernel kernel, std::string address, VfioNodes nodes);
  /// One that the caller of the library holds open by this descriptor, which stays the caller's.
  LinuxVfioDevice(Kernel kernel, std::string address, int held);

  void open() override;
  [[nodiscard]] bool is_open() const noexcept override { return device_ >= 0; }
  int feature(std::uint32_t flags, std::span<std::byte> data) override;
  int reset() override;
  ssize_t read(int data_fd, std::span<std::byte> into) override;
  ssize_t write(int data_fd, std::span<const std::byte> from) override;
  void close_data(int data_fd) noexcept override;

 private:
  /// Opens a node that stays open as long as this object.
  int keep(const std::string& node);
  void open_by_iommufd();
  void open_by_group();
  int must(int fd, unsigned long request, void* argument, const char* action,
           const std::string& node) const;

  Kernel kernel_;
  std::string address_;
  VfioNodes nodes_;
  std::vector<OpenFile> opened_;
  int device_ = -1;
};

}  // namespace nvmigrate::vfio
