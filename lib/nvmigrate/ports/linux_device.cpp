// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/ports/linux_device.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <utility>

#include "nvmigrate/base/error.h"
#include "nvmigrate/ports/linux_admin_port.h"
#include "nvmigrate/ports/nvme_class.h"
#include "nvmigrate/ports/sysfs_pci_bus.h"

namespace nvmigrate {
namespace {

// An error about a device's name fits one line, so the next step is part of the sentence.
constexpr auto accepted_forms =
    "; name it as /dev/nvme0, nvme0 or a PCI address such as 0000:01:00.0";

constexpr auto live = "live";

Error not_permitted(const std::string& path) {
  return {ExitStatus::permission, fmt::format("no permission to open {}: run as root", path)};
}

class LinuxDevice final : public Device {
 public:
  LinuxDevice(LinuxAdminPort admin, SysfsPciBus pci, std::string name, std::string address,
              bool simulated)
      : admin_(std::move(admin)),
        pci_(std::move(pci)),
        name_(std::move(name)),
        address_(std::move(address)),
        simulated_(simulated) {}

  AdminPort& admin() override { return admin_; }
  PciBus& pci() override { return pci_; }
  [[nodiscard]] const std::string& name() const override { return name_; }
  [[nodiscard]] const std::string& address() const override { return address_; }
  [[nodiscard]] bool simulated() const override { return simulated_; }

 private:
  LinuxAdminPort admin_;
  SysfsPciBus pci_;
  std::string name_, address_;
  bool simulated_;
};

struct stat looked_at(const Sysfs& sysfs, const std::string& path) {
  struct stat about {};
  if (sysfs.io().stat(sysfs.root().path(path), about) == 0) return about;
  if (errno == ENOENT || errno == ENOTDIR) throw not_found(path + " does not exist");
  if (errno == EACCES) throw not_permitted(path);
  throw OsError(errno, "open", path);
}

std::string kind_of(const struct stat& about, const std::string& name) {
  if (S_ISDIR(about.st_mode)) return "a directory";
  if (S_ISBLK(about.st_mode)) return "a block device";
  if (!S_ISCHR(about.st_mode)) return "a file";
  return name.starts_with("ng") ? "the character device of a namespace"
                                : "another character device";
}

/// Whether a program answers for the character device (CUSE), so that the kernel knows nothing else
/// of it.
bool is_served(const Sysfs& sysfs, const std::string& name) {
  return sysfs.exists("/sys/class/cuse/" + name);
}

/// The controller's name behind a character device, by its number, without opening it.
std::string controller_behind(const Sysfs& sysfs, const std::string& path,
                              const struct stat& about) {
  std::optional<std::string> name;
  if (S_ISCHR(about.st_mode)) {
    name = sysfs.link_name(
        fmt::format("/sys/dev/char/{}:{}", major(about.st_rdev), minor(about.st_rdev)));
  }
  if (name && controller_number(*name) &&
      (sysfs.exists("/sys/class/nvme/" + *name) || is_served(sysfs, *name))) {
    return *name;
  }
  throw not_found(
      fmt::format("{} is not an NVMe controller but {}", path, kind_of(about, name.value_or(""))));
}

OpenFile opened(const Sysfs& sysfs, const std::string& path, const struct stat& expected) {
  const int fd = sysfs.io().open(sysfs.root().path(path), O_RDONLY, 0);
  if (fd < 0 && (errno == EACCES || errno == EPERM)) throw not_permitted(path);
  if (fd < 0 && (errno == ENODEV || errno == ENXIO)) {
    throw OsError(errno, "open", path + " (the controller is resetting, or gone)");
  }
  if (fd < 0) throw OsError(errno, "open", path);
  OpenFile file(sysfs.io(), fd);
  struct stat about {};
  if (sysfs.io().fstat(fd, about) != 0) throw OsError(errno, "look at", path);
  if (about.st_rdev != expected.st_rdev || !S_ISCHR(about.st_mode)) {
    throw Error(ExitStatus::io, path + " became another device while it was being opened");
  }
  return file;
}

std::unique_ptr<Device> open_path(const Sysfs& sysfs, const std::string& path) {
  const auto about = looked_at(sysfs, path);
  const auto name = controller_behind(sysfs, path, about);
  const auto open = [&](const std::string& address, bool simulated) {
    return std::make_unique<LinuxDevice>(LinuxAdminPort(opened(sysfs, path, about), path),
                                         SysfsPciBus(sysfs.io(), sysfs.root()), path, address,
                                         simulated);
  };
  if (is_served(sysfs, name)) return open("", true);
  const auto controller = read_controller(sysfs, name);
  if (!controller) throw not_found(path + " went away while it was being opened");
  if (controller->state != live) {
    throw Error(ExitStatus::io,
                fmt::format("cannot open {}: its controller is {}", path, controller->state),
                fmt::format("try again when /sys/class/nvme/{}/state says {}", name, live));
  }
  return open(controller->address, false);
}

std::string explained(const PciFunction& function) {
  if (!function.driver) return "has no driver";
  if (*function.driver != "nvme") return "is bound to " + *function.driver + ", not to nvme";
  return "has no controller yet";
}

/// A PCI address as the kernel writes it; the domain may be missing. \return nothing for other
/// words
std::optional<std::string> kernel_address(std::string_view word) {
  std::string address{word};
  if (!is_pci_address(address)) address.insert(0, "0000:");
  if (!is_pci_address(address)) return std::nullopt;
  std::transform(address.begin(), address.end(), address.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return address;
}

std::unique_ptr<Device> open_address(const Sysfs& sysfs, const std::string& address) {
  std::string unread;
  for (const auto& controller : read_controllers(sysfs)) {
    if (controller.address == address) return open_path(sysfs, "/dev/" + controller.name);
    if (!controller.unread.empty()) unread = controller.unread;
  }
  if (!unread.empty()) throw Error(ExitStatus::io, unread);
  const auto function = SysfsPciBus(sysfs.io(), sysfs.root()).find(address);
  if (!function) throw not_found("there is no PCI function " + address);
  throw not_found(fmt::format("PCI function {} cannot be a controlling function: it {}", address,
                              explained(*function)));
}

/// Opening one that cannot be read says why.
bool may_control(const Sysfs& sysfs, const KernelController& controller) {
  if (!controller.unread.empty()) return true;
  if (controller.address.empty() || controller.state.starts_with("deleting")) return false;
  try {
    return !sysfs.exists("/sys/bus/pci/devices/" + controller.address + "/physfn");
  } catch (const OsError&) {
    return true;
  }
}

}  // namespace

bool owns_linux(std::string_view device) {
  const auto colon = device.find(':');
  if (colon == std::string_view::npos || kernel_address(device)) return true;
  return device.substr(0, colon).find('/') != std::string_view::npos;
}

std::unique_ptr<Device> open_linux_device(Io& io, const Sysroot& root, const std::string& device) {
  const Sysfs sysfs(io, root);
  if (const auto address = kernel_address(device)) return open_address(sysfs, *address);
  if (device.find('/') != std::string::npos) return open_path(sysfs, device);
  if (controller_number(device)) return open_path(sysfs, "/dev/" + device);
  if (namespace_head(device)) {
    throw not_found(
        fmt::format("{} is a namespace, not an NVMe controller{}", device, accepted_forms));
  }
  throw not_found(fmt::format("there is no device '{}'{}", device, accepted_forms));
}

std::vector<std::string> all_linux_devices(Io& io, const Sysroot& root) {
  const Sysfs sysfs(io, root);
  std::vector<std::string> devices;
  for (const auto& controller : read_controllers(sysfs)) {
    if (may_control(sysfs, controller)) devices.push_back("/dev/" + controller.name);
  }
  return devices;
}

std::unique_ptr<Device> open_linux(Io& io, const Folders&, const std::string& device) {
  return open_linux_device(io, Sysroot{}, device);
}

std::vector<std::string> all_linux(Io& io, const Folders&) {
  return all_linux_devices(io, Sysroot{});
}

}  // namespace nvmigrate
