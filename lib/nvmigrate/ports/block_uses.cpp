// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/ports/block_uses.h"

#include <fcntl.h>

#include <cerrno>
#include <set>
#include <sstream>

#include "nvmigrate/ports/kernel_users.h"
#include "nvmigrate/ports/mounts.h"
#include "nvmigrate/ports/nvme_class.h"
#include "nvmigrate/ports/process_files.h"

namespace nvmigrate {
namespace {

/// A whole namespace or one of its partitions.
struct BlockDevice {
  std::string name;    ///< nvme0n1p2
  std::string folder;  ///< in /sys
  bool partition = false;

  [[nodiscard]] std::string node() const { return "/dev/" + name; }
};

std::set<std::string> namespaces_of(const Sysfs& sysfs, const std::string& controller) {
  std::set<std::string> heads;
  for (const auto& name : sysfs.names("/sys/class/nvme/" + controller)) {
    if (const auto head = namespace_head(name)) heads.insert(*head);
  }
  return heads;
}

std::vector<BlockDevice> block_devices(const Sysfs& sysfs, const std::string& controller) {
  std::vector<BlockDevice> devices;
  for (const auto& head : namespaces_of(sysfs, controller)) {
    const auto folder = "/sys/block/" + head;
    devices.push_back({head, folder});
    for (const auto& name : sysfs.names(folder)) {
      auto inner = folder;
      inner.append("/").append(name);
      if (sysfs.exists(inner + "/partition")) devices.push_back({name, inner, true});
    }
  }
  return devices;
}

std::string holder_name(const Sysfs& sysfs, const std::string& holder) {
  const auto mapped = sysfs.line("/sys/block/" + holder + "/dm/name");
  return mapped ? holder + " (" + *mapped + ")" : holder;
}

/// Whether somebody in the kernel has claimed the device: a mount elsewhere, a file system over
/// several devices, …. Opening without a claim of its own changes nothing.
bool is_claimed(const Sysfs& sysfs, const BlockDevice& device) {
  const int fd =
      sysfs.io().open(sysfs.root().path(device.node()), O_RDONLY | O_EXCL | O_NONBLOCK, 0);
  if (fd < 0) return errno == EBUSY;
  sysfs.io().close(fd);
  return false;
}

std::string opened(const BlockDevice& device, const OpenedFile& file) {
  const auto what = device.partition ? "partition " + device.name + " is open" : "is open";
  return what + " in " + file.process;
}

std::vector<std::string> node_names(const BlockDevice& device) {
  if (device.partition) return {device.node()};
  return {device.node(), "/dev/ng" + device.name.substr(std::string("nvme").size())};
}

std::vector<std::string> uses_of(const Sysfs& sysfs, const BlockDevice& device) {
  std::vector<std::string> how;
  const auto number = sysfs.line(device.folder + "/dev").value_or("");
  for (const auto& point : mount_points(sysfs, number, device.node())) {
    how.push_back("mounted on " + point);
  }
  if (is_swap(sysfs, device.node())) how.emplace_back("used as swap");
  for (const auto& holder : sysfs.names(device.folder + "/holders")) {
    how.push_back("held by " + holder_name(sysfs, holder));
  }
  for (auto& user : kernel_users(sysfs, device.node()))
    how.push_back(std::move(user));
  for (const auto& file : find_open_files(sysfs, node_names(device))) {
    how.push_back(opened(device, file));
  }
  return how;
}

}  // namespace

std::vector<Use> block_uses(const Sysfs& sysfs, const std::string& controller) {
  std::vector<Use> uses;
  for (const auto& user : kernel_users(sysfs, "/dev/" + controller))
    uses.push_back({"/dev/" + controller, user});
  std::vector<BlockDevice> unused;
  for (const auto& device : block_devices(sysfs, controller)) {
    const auto how = uses_of(sysfs, device);
    if (how.empty()) unused.push_back(device);
    for (const auto& reason : how)
      uses.push_back({device.node(), reason});
  }
  if (!uses.empty()) return uses;
  for (const auto& device : unused) {
    if (is_claimed(sysfs, device)) uses.push_back({device.node(), "claimed by the kernel"});
  }
  return uses;
}

}  // namespace nvmigrate
