// SPDX-License-Identifier: LGPL-2.1-or-later
//
// What a VMM does with vfio to own a PCI function, for the example `vmm`: it opens the function,
// through its IOMMU group or through iommufd, lets it reach memory, maps its registers and has its
// interrupt come to an eventfd. Nothing here knows of migration but Function::migration_states().
#pragma once

#include <fcntl.h>
#include <linux/vfio.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "nvmigrate/base/error.h"
#include "nvmigrate/host/functions.h"

namespace vmm {

using nvmigrate::Handle;
using nvmigrate::OsError;

constexpr std::size_t page = 4096;

/// linux/iommufd.h, and what linux/vfio.h has for it since Linux 6.6.
namespace iommufd {
constexpr unsigned long bind = _IO(VFIO_TYPE, VFIO_BASE + 18);
constexpr unsigned long attach = _IO(VFIO_TYPE, VFIO_BASE + 19);
constexpr unsigned long allocate = _IO(';', 0x81);
constexpr unsigned long map = _IO(';', 0x85);
constexpr std::uint32_t fixed_read_write = 7;

struct Bind {
  std::uint32_t size = sizeof(Bind), flags = 0;
  std::int32_t iommufd = -1;
  std::uint32_t device_id = 0;
};
struct Attach {
  std::uint32_t size = sizeof(Attach), flags = 0, page_table = 0;
};
struct Allocate {
  std::uint32_t size = sizeof(Allocate), flags = 0, page_table = 0;
};
struct Map {
  std::uint32_t size = sizeof(Map), flags = fixed_read_write, page_table = 0, reserved = 0;
  std::uint64_t memory = 0, length = 0, iova = 0;
};
}  // namespace iommufd

/// A descriptor, closed at the end of its scope.
class Descriptor {
 public:
  /// \throws OsError. \param what it is, for the error
  Descriptor(int fd, const std::string& what) : fd_(fd) {
    if (fd < 0) throw OsError(errno, "open", what);
  }
  static Descriptor of_node(const std::string& path) {
    return {::open(path.c_str(), O_RDWR | O_CLOEXEC), path};
  }
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  [[nodiscard]] int get() const noexcept { return fd_; }
  /// ioctl(2). \throws OsError
  template <typename Argument>
  int control(unsigned long request, Argument argument, const char* what) const {
    const int answer = ::ioctl(fd_, request, argument);
    if (answer < 0) throw OsError(errno, what, "the function");
    return answer;
  }

 private:
  int fd_;
};

/// One of the two ways into vfio: it gives the device, and lets that reach memory.
class Entrance {
 public:
  virtual ~Entrance() = default;
  [[nodiscard]] virtual const Descriptor& device() const = 0;
  /// From now on the function finds this memory at `iova`.
  virtual void map(void* memory, std::size_t size, std::uint64_t iova) = 0;
};

/// The node of the IOMMU group, in a container.
class GroupEntrance final : public Entrance {
 public:
  explicit GroupEntrance(const Handle& handle)
      : container_(Descriptor::of_node("/dev/vfio/vfio")),
        group_(Descriptor::of_node(handle.nodes.group.value())),
        device_(open(handle.address)) {}
  [[nodiscard]] const Descriptor& device() const override { return device_; }
  void map(void* memory, std::size_t size, std::uint64_t iova) override {
    vfio_iommu_type1_dma_map request{.argsz = sizeof request,
                                     .flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
                                     .vaddr = reinterpret_cast<std::uintptr_t>(memory),
                                     .iova = iova,
                                     .size = size};
    container_.control(VFIO_IOMMU_MAP_DMA, &request, "map memory for");
  }

 private:
  [[nodiscard]] Descriptor open(const std::string& address) const {
    int container = container_.get();
    group_.control(VFIO_GROUP_SET_CONTAINER, &container, "take the group of");
    container_.control(VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU, "set the IOMMU of");
    return {group_.control(VFIO_GROUP_GET_DEVICE_FD, address.c_str(), "open"), address};
  }
  Descriptor container_, group_, device_;
};

/// The node of the function itself, and iommufd.
class IommufdEntrance final : public Entrance {
 public:
  explicit IommufdEntrance(const Handle& handle)
      : iommufd_(Descriptor::of_node("/dev/iommu")),
        device_(Descriptor::of_node(handle.nodes.device.value())) {
    iommufd::Bind bind{.iommufd = iommufd_.get()};
    device_.control(iommufd::bind, &bind, "bind");
    iommufd::Allocate allocate;
    iommufd_.control(iommufd::allocate, &allocate, "make a page table for");
    iommufd::Attach attach{.page_table = page_table_ = allocate.page_table};
    device_.control(iommufd::attach, &attach, "attach a page table to");
  }
  [[nodiscard]] const Descriptor& device() const override { return device_; }
  void map(void* memory, std::size_t size, std::uint64_t iova) override {
    iommufd::Map request{.page_table = page_table_,
                         .memory = reinterpret_cast<std::uintptr_t>(memory),
                         .length = size,
                         .iova = iova};
    iommufd_.control(iommufd::map, &request, "map memory for");
  }

 private:
  Descriptor iommufd_, device_;
  std::uint32_t page_table_ = 0;
};

inline std::unique_ptr<Entrance> enter(const Handle& handle) {
  if (handle.by_iommufd) return std::make_unique<IommufdEntrance>(handle);
  return std::make_unique<GroupEntrance>(handle);
}

/// Memory of this process, or of the function where `fd` is its device.
class Mapping {
 public:
  Mapping(std::size_t size, int fd, off_t offset)
      : size_(size),
        base_(::mmap(nullptr, size, PROT_READ | PROT_WRITE,
                     MAP_SHARED | (fd < 0 ? MAP_ANONYMOUS : 0), fd, offset)) {
    if (base_ == MAP_FAILED) throw OsError(errno, "map", std::to_string(size) + " bytes");
  }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  ~Mapping() { ::munmap(base_, size_); }
  /// What lies there. \param offset in bytes
  template <typename T>
  [[nodiscard]] T* at(std::size_t offset) const {
    return reinterpret_cast<T*>(static_cast<char*>(base_) + offset);
  }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }

 private:
  std::size_t size_;
  void* base_;
};

/// The function in the hands of this VMM. Opening it resets it, and so does closing it: a VMM keeps
/// it open until its guest runs elsewhere.
class Function {
 public:
  explicit Function(const Handle& handle)
      : entrance_(enter(handle)),
        interrupt_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "an eventfd"),
        registers_(2 * page, device().get(), offset_of(VFIO_PCI_BAR0_REGION_INDEX)) {
    become_master();
    arm_interrupt();
  }

  [[nodiscard]] int descriptor() const { return device().get(); }
  void map(const Mapping& memory, std::uint64_t iova) {
    entrance_->map(memory.at<void*>(0), memory.size(), iova);
  }
  [[nodiscard]] std::uint32_t read(std::size_t offset) const { return *register_at(offset); }
  void write(std::size_t offset, std::uint32_t value) { *register_at(offset) = value; }

  /// Has the interrupt of MSI-X vector 0 come to this process. No state of a function carries that.
  void arm_interrupt() {
    struct {
      std::uint32_t size = sizeof(vfio_irq_set) + sizeof(int);
      std::uint32_t flags = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER;
      std::uint32_t index = VFIO_PCI_MSIX_IRQ_INDEX, start = 0, count = 1;
      std::int32_t fd = -1;
    } request;
    request.fd = interrupt_.get();
    device().control(VFIO_DEVICE_SET_IRQS, &request, "arm the interrupt of");
  }
  /// Waits for the interrupt, or a tenth of a second.
  void wait() const {
    pollfd wanted{.fd = interrupt_.get(), .events = POLLIN, .revents = 0};
    std::uint64_t count = 0;
    if (::poll(&wanted, 1, 100) == 1 && ::read(interrupt_.get(), &count, sizeof count) < 0) {
      throw OsError(errno, "read", "an eventfd");
    }
  }
  /// What migration states its driver has (VFIO_DEVICE_FEATURE_MIGRATION). \return nothing: none,
  /// as plain vfio-pci; then only the controlling function migrates it
  [[nodiscard]] std::optional<std::uint64_t> migration_states() const {
    struct {
      std::uint32_t size = 16;
      std::uint32_t flags = VFIO_DEVICE_FEATURE_GET | VFIO_DEVICE_FEATURE_MIGRATION;
      std::uint64_t states = 0;
    } request;
    if (::ioctl(device().get(), VFIO_DEVICE_FEATURE, &request) != 0) return std::nullopt;
    return request.states;
  }

 private:
  [[nodiscard]] const Descriptor& device() const { return entrance_->device(); }
  [[nodiscard]] volatile std::uint32_t* register_at(std::size_t offset) const {
    return registers_.at<volatile std::uint32_t>(offset);
  }
  [[nodiscard]] off_t offset_of(std::uint32_t region) const {
    vfio_region_info info{};
    info.argsz = sizeof info;
    info.index = region;
    device().control(VFIO_DEVICE_GET_REGION_INFO, &info, "look at a region of");
    return static_cast<off_t>(info.offset);
  }
  /// Lets it send DMA and interrupts: bit 2 of the command register, offset 4.
  void become_master() {
    const auto at = offset_of(VFIO_PCI_CONFIG_REGION_INDEX) + 4;
    std::uint16_t command = 0;
    const bool read = ::pread(descriptor(), &command, sizeof command, at) == sizeof command;
    command |= 4U;
    if (!read || ::pwrite(descriptor(), &command, sizeof command, at) != sizeof command) {
      throw OsError(errno, "configure", "the function");
    }
  }

  std::unique_ptr<Entrance> entrance_;
  Descriptor interrupt_;
  Mapping registers_;
};

}  // namespace vmm
