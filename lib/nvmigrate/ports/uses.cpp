// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/ports/uses.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <cerrno>
#include <set>
#include <sstream>

#include "nvmigrate/base/error.h"
#include "nvmigrate/base/numbers.h"
#include "nvmigrate/ports/nvme_class.h"

namespace nvmigrate {
namespace {

constexpr std::size_t longest_table = std::size_t{16} << 20U;
constexpr auto nvme_targets = "/sys/kernel/config/nvmet/subsystems";
constexpr auto lio_stores = "/sys/kernel/config/target/core";
constexpr auto usb_gadgets = "/sys/kernel/config/usb_gadget";
constexpr auto rnbd_devices = "/sys/class/rnbd-server/ctl/devices";

/// A whole namespace or one of its partitions.
struct BlockDevice {
  std::string name;    ///< nvme0n1p2
  std::string folder;  ///< in /sys
  bool partition = false;

  [[nodiscard]] std::string node() const { return "/dev/" + name; }
};

std::vector<BlockDevice> block_devices(const Sysfs& sysfs, const std::string& controller) {
  std::set<std::string> heads;
  for (const auto& name : sysfs.names("/sys/class/nvme/" + controller)) {
    if (const auto head = namespace_head(name)) heads.insert(*head);
  }
  std::vector<BlockDevice> devices;
  for (const auto& head : heads) {
    const auto folder = "/sys/block/" + head;
    devices.push_back({head, folder});
    for (const auto& name : sysfs.names(folder)) {
      auto inner = fmt::format("{}/{}", folder, name);
      if (sysfs.exists(inner + "/partition")) devices.push_back({name, std::move(inner), true});
    }
  }
  return devices;
}

bool is_octal(char c) { return c >= '0' && c <= '7'; }

/// A field of /proc/self/mountinfo or /proc/swaps with its octal escapes (\040) undone.
std::string unescaped(const std::string& field) {
  std::string plain;
  for (std::size_t at = 0; at < field.size(); ++at) {
    const bool escape = field[at] == '\\' && at + 3 < field.size() && is_octal(field[at + 1]) &&
                        is_octal(field[at + 2]) && is_octal(field[at + 3]);
    plain += escape ? static_cast<char>(std::stoi(field.substr(at + 1, 3), nullptr, 8)) : field[at];
    if (escape) at += 3;
  }
  return plain;
}

struct Mount {
  std::string number, point, source;
};

/// `36 35 98:0 /root /point options [optional fields] - type source super-options`, proc(5)
Mount parsed(const std::string& line) {
  std::istringstream fields(line);
  Mount mount;
  std::string word;
  fields >> word >> word >> mount.number >> word >> mount.point;
  while (fields >> word && word != "-") {
  }
  fields >> word >> mount.source;
  return {mount.number, unescaped(mount.point), unescaped(mount.source)};
}

/// Each mount point once. File systems such as btrfs show a number of their own, so the source
/// counts too.
std::vector<std::string> mount_points(const Sysfs& sysfs, const BlockDevice& device) {
  const auto number = sysfs.line(device.folder + "/dev").value_or("");
  std::istringstream table(sysfs.text("/proc/self/mountinfo", longest_table).value_or(""));
  std::vector<std::string> points;
  for (std::string line; std::getline(table, line);) {
    const auto mount = parsed(line);
    const bool ours = (!number.empty() && mount.number == number) || mount.source == device.node();
    if (!ours || std::find(points.begin(), points.end(), mount.point) != points.end()) continue;
    points.push_back(mount.point);
  }
  return points;
}

bool is_swap(const Sysfs& sysfs, const std::string& node) {
  std::istringstream table(sysfs.text("/proc/swaps", longest_table).value_or(""));
  for (std::string line; std::getline(table, line);) {
    if (unescaped(line.substr(0, line.find_first_of(" \t"))) == node) return true;
  }
  return false;
}

std::optional<DeviceNumber> number_of_node(const Sysfs& sysfs, const std::string& path) {
  struct stat about {};
  if (sysfs.io().stat(sysfs.root().path(path), about) != 0) return std::nullopt;
  if (!S_ISCHR(about.st_mode) && !S_ISBLK(about.st_mode)) return std::nullopt;
  return DeviceNumber{about.st_mode & S_IFMT, about.st_rdev};
}

/// A disk, or the character device of a controller.
struct Node {
  std::string path;
  mode_t kind;
  std::optional<DeviceNumber> number{};
};

Node node_of(const Sysfs& sysfs, const BlockDevice& device) {
  return {device.node(), S_IFBLK,
          device_number(sysfs, S_IFBLK, device.folder + "/dev", device.node())};
}

/// Whether a path is that of the node: itself, a link such as those in /dev/disk, or another node
/// of the same number. \return nothing when there is no such path here: it was removed, or is one
/// of a container
std::optional<bool> names_node(const Sysfs& sysfs, const std::string& path, const Node& node) {
  if (path == node.path || sysfs.link_name(path) == last_part(node.path)) return true;
  struct stat about {};
  if (path.front() != '/' || sysfs.io().stat(sysfs.root().path(path), about) != 0) return {};
  const auto number = number_of_node(sysfs, path);
  if (number && !node.number) return {};
  return number && number == node.number;
}

/// Looks for what in the kernel uses a node and shows up neither as a holder nor as a claim.
class KernelUsers {
 public:
  KernelUsers(const Sysfs& sysfs, Node node, std::string& unseen)
      : sysfs_(&sysfs), node_(std::move(node)), unseen_(&unseen) {}

  std::vector<std::string> look() && {
    const bool is_disk = node_.kind == S_IFBLK;
    for (const auto& name : is_disk ? sysfs_->names("/sys/block") : std::vector<std::string>{})
      look_at_loop(name);
    for (const auto& nqn : sysfs_->names(nvme_targets))
      look_at_target(nqn);
    if (is_disk) look_at_exports();
    return std::move(how_);
  }

 private:
  /// The kernel knows the device also where its path tells nothing here.
  void look_at_loop(const std::string& name) {
    const auto path = sysfs_->line(fmt::format("/sys/block/{}/loop/backing_file", name));
    if (!path || path->empty()) return;
    auto backs = names_node(*sysfs_, *path, node_);
    const auto device = backs == true ? std::nullopt : device_behind(name);
    if (device && node_.number) backs = node_.number->second == *device;
    note(backs, "backs " + name, fmt::format("{} is over {}", name, *path));
  }

  [[nodiscard]] std::optional<dev_t> device_behind(const std::string& name) const {
    auto& io = sysfs_->io();
    const int fd = io.open(sysfs_->root().path("/dev/" + name), O_RDONLY | O_NONBLOCK, 0);
    if (fd < 0) return std::nullopt;
    const OpenFile loop(io, fd);
    dev_t device = 0;
    if (io.loop_backing(fd, device) == 0) return device;
    return errno == ENXIO ? std::optional<dev_t>{0} : std::nullopt;  // it was detached meanwhile
  }

  void look_at_target(const std::string& nqn) {
    const auto subsystem = fmt::format("{}/{}", nvme_targets, nqn);
    for (const auto& id : sysfs_->names(subsystem + "/namespaces")) {
      look_at_served(fmt::format("{}/namespaces/{}", subsystem, id),
                     fmt::format("is namespace {} of the NVMe target {}", id, nqn), nqn);
    }
    look_at_served(subsystem + "/passthru", "is passed through by the NVMe target " + nqn, nqn);
  }

  void look_at_served(const std::string& folder, std::string how, const std::string& nqn) {
    if (sysfs_->number(folder + "/enable") != 1U) return;
    const auto path = sysfs_->line(folder + "/device_path");
    if (!path || path->empty()) return;
    note(names_node(*sysfs_, *path, node_), std::move(how),
         fmt::format("the NVMe target {} serves {}", nqn, *path));
  }

  /// LIO, USB gadgets and RNBD. Other backstores of LIO claim the device.
  void look_at_exports() {
    for (const auto& store : sysfs_->names(lio_stores)) {
      if (!store.starts_with("fileio_")) continue;
      for (const auto& name : sysfs_->names(fmt::format("{}/{}", lio_stores, store))) {
        const auto info = sysfs_->line(fmt::format("{}/{}/{}/info", lio_stores, store, name));
        look_at_export(file_in(info.value_or("")), "the LIO backstore " + name);
      }
    }
    for (const auto& gadget : sysfs_->names(usb_gadgets)) {
      const auto exports = fmt::format("{}/{}/functions", usb_gadgets, gadget);
      for (const auto& function : sysfs_->names(exports)) {
        const auto folder = fmt::format("{}/{}", exports, function);
        for (const auto& lun : sysfs_->names(folder))
          look_at_export(sysfs_->line(fmt::format("{}/{}/file", folder, lun)).value_or(""),
                         "the USB gadget " + gadget);
      }
    }
    for (const auto& name : sysfs_->names(rnbd_devices)) {
      const auto disk = sysfs_->link_name(fmt::format("{}/{}/block_dev", rnbd_devices, name));
      if (disk == last_part(node_.path)) how_.emplace_back("is exported by RNBD");
    }
  }

  /// `TCM FILEIO ID: 0  File: /dev/nvme1n1  Size: 4096  Mode: O_DSYNC`
  static std::string file_in(const std::string& info) {
    constexpr std::string_view key = "File: ";
    const auto from = info.find(key), to = info.rfind("  Size: ");
    if (from == std::string::npos || to == std::string::npos || to < from) return {};
    return info.substr(from + key.size(), to - from - key.size());
  }

  void look_at_export(const std::string& path, const std::string& by) {
    if (path.empty()) return;
    note(names_node(*sysfs_, path, node_), "is exported by " + by, by + " exports " + path);
  }

  void note(std::optional<bool> used, std::string how, const std::string& what) {
    if (!used) *unseen_ = what + ", and it cannot be seen which device that is";
    if (used == true) how_.push_back(std::move(how));
  }

  const Sysfs* sysfs_;
  Node node_;
  std::string* unseen_;
  std::vector<std::string> how_;
};

std::string holder_name(const Sysfs& sysfs, const std::string& holder) {
  const auto mapped = sysfs.line(fmt::format("/sys/block/{}/dm/name", holder));
  return mapped ? fmt::format("{} ({})", holder, *mapped) : holder;
}

/// The block device, and the character device of a whole namespace.
std::vector<std::optional<DeviceNumber>> numbers_of(const Sysfs& sysfs, const BlockDevice& device) {
  std::vector numbers{node_of(sysfs, device).number};
  if (device.partition) return numbers;
  const auto generic = "ng" + device.name.substr(std::string("nvme").size());
  const auto attribute = "/sys/class/nvme-generic/" + generic + "/dev";
  // Kernels before 5.13 have no such device.
  if (const auto number = device_number(sysfs, S_IFCHR, attribute, "/dev/" + generic)) {
    numbers.push_back(number);
  }
  return numbers;
}

std::vector<std::string> uses_of(const Sysfs& sysfs, const BlockDevice& device,
                                 const OpenDevices& opened, std::string& unseen) {
  std::vector<std::string> how;
  for (const auto& point : mount_points(sysfs, device))
    how.push_back("is mounted on " + point);
  if (is_swap(sysfs, device.node())) how.emplace_back("is used as swap");
  for (const auto& holder : sysfs.names(device.folder + "/holders"))
    how.push_back("is held by " + holder_name(sysfs, holder));
  for (auto& user : KernelUsers(sysfs, node_of(sysfs, device), unseen).look())
    how.push_back(std::move(user));
  std::set<std::string> processes;
  for (const auto& number : numbers_of(sysfs, device)) {
    for (const auto& process : number ? opened.holders(*number) : std::vector<std::string>{}) {
      if (processes.insert(process).second) how.push_back("is open in " + process);
    }
  }
  return how;
}

/// What the open of an exclusive claim answers where there is no device behind the node.
bool means_no_device(int code) { return code == ENXIO || code == ENODEV || code == ENOMEDIUM; }

/// Tries whether the kernel has claimed the device for a user that nothing else shows, such as a
/// file system over several devices, or one mounted in a container. Opening it changes nothing.
/// What the kernel hides (a format that it cannot use as a disk) has no node, and nobody can claim
/// it.
void try_claim(const Sysfs& sysfs, const BlockDevice& device, SeenUses& seen) {
  if (sysfs.number(device.folder + "/hidden") == 1U) return;
  const int fd =
      sysfs.io().open(sysfs.root().path(device.node()), O_RDONLY | O_EXCL | O_NONBLOCK, 0);
  const int code = errno;
  if (fd >= 0) {
    sysfs.io().close(fd);
  } else if (code == EBUSY) {
    seen.uses.push_back({device.node(), "is claimed by the kernel"});
  } else if (!means_no_device(code)) {
    seen.unseen = OsError(code, "open", device.node()).what();
  }
}

}  // namespace

std::optional<DeviceNumber> device_number(const Sysfs& sysfs, mode_t kind,
                                          const std::string& attribute, const std::string& path) {
  const auto text = sysfs.line(attribute).value_or("");
  const auto colon = text.find(':');
  if (colon == std::string::npos) return number_of_node(sysfs, path);
  const auto first = parse_number(text.substr(0, colon));
  const auto second = parse_number(text.substr(colon + 1));
  if (!first || !second) return number_of_node(sysfs, path);
  return DeviceNumber{kind,
                      ::makedev(static_cast<unsigned>(*first), static_cast<unsigned>(*second))};
}

SeenUses block_uses(const Sysfs& sysfs, const std::string& controller,
                    const std::function<const OpenDevices&()>& opened) {
  SeenUses seen;
  const auto path = "/dev/" + controller;
  const auto number =
      device_number(sysfs, S_IFCHR, fmt::format("/sys/class/nvme/{}/dev", controller), path);
  for (const auto& user : KernelUsers(sysfs, {path, S_IFCHR, number}, seen.unseen).look())
    seen.uses.push_back({path, user});
  const auto devices = block_devices(sysfs, controller);
  for (const auto& device : devices) {
    for (const auto& how : uses_of(sysfs, device, opened(), seen.unseen))
      seen.uses.push_back({device.node(), how});
  }
  if (!devices.empty() && !opened().unseen().empty()) seen.unseen = opened().unseen();
  if (!seen.uses.empty()) return seen;
  for (const auto& device : devices)
    try_claim(sysfs, device, seen);
  return seen;
}

}  // namespace nvmigrate
