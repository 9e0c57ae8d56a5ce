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

/// Whether an attribute names the node: itself, by a link such as those in /dev/disk, or by another
/// node of the same number.
bool names_node(const Sysfs& sysfs, const std::string& attribute, const std::string& node) {
  const auto path = sysfs.line(attribute);
  if (!path || path->empty() || path->front() != '/') return false;
  if (*path == node || sysfs.link_name(*path) == last_part(node)) return true;
  const auto number = number_of_node(sysfs, *path);
  return number && number == number_of_node(sysfs, node);
}

bool serves(const Sysfs& sysfs, const std::string& folder, const std::string& node) {
  return sysfs.number(folder + "/enable") == 1U && names_node(sysfs, folder + "/device_path", node);
}

void add_target(const Sysfs& sysfs, const std::string& nqn, const std::string& node,
                std::vector<std::string>& how) {
  const auto subsystem = fmt::format("{}/{}", nvme_targets, nqn);
  for (const auto& id : sysfs.names(subsystem + "/namespaces")) {
    if (!serves(sysfs, fmt::format("{}/namespaces/{}", subsystem, id), node)) continue;
    how.push_back(fmt::format("is namespace {} of the NVMe target {}", id, nqn));
  }
  if (serves(sysfs, subsystem + "/passthru", node)) {
    how.push_back("is passed through by the NVMe target " + nqn);
  }
}

/// What in the kernel uses a node and shows up neither as a holder nor as a claim.
std::vector<std::string> kernel_users(const Sysfs& sysfs, const std::string& node) {
  std::vector<std::string> how;
  for (const auto& name : sysfs.names("/sys/block")) {
    if (names_node(sysfs, fmt::format("/sys/block/{}/loop/backing_file", name), node)) {
      how.push_back("backs " + name);
    }
  }
  for (const auto& nqn : sysfs.names(nvme_targets))
    add_target(sysfs, nqn, node, how);
  return how;
}

std::string holder_name(const Sysfs& sysfs, const std::string& holder) {
  const auto mapped = sysfs.line(fmt::format("/sys/block/{}/dm/name", holder));
  return mapped ? fmt::format("{} ({})", holder, *mapped) : holder;
}

/// The block device, and the character device of a whole namespace.
std::vector<std::optional<DeviceNumber>> numbers_of(const Sysfs& sysfs, const BlockDevice& device) {
  std::vector numbers{device_number(sysfs, S_IFBLK, device.folder + "/dev", device.node())};
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
                                 const OpenDevices& opened) {
  std::vector<std::string> how;
  for (const auto& point : mount_points(sysfs, device))
    how.push_back("is mounted on " + point);
  if (is_swap(sysfs, device.node())) how.emplace_back("is used as swap");
  for (const auto& holder : sysfs.names(device.folder + "/holders"))
    how.push_back("is held by " + holder_name(sysfs, holder));
  for (auto& user : kernel_users(sysfs, device.node()))
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
void try_claim(const Sysfs& sysfs, const BlockDevice& device, SeenUses& seen) {
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
  for (const auto& user : kernel_users(sysfs, "/dev/" + controller))
    seen.uses.push_back({"/dev/" + controller, user});
  const auto devices = block_devices(sysfs, controller);
  for (const auto& device : devices) {
    for (const auto& how : uses_of(sysfs, device, opened()))
      seen.uses.push_back({device.node(), how});
  }
  if (!devices.empty()) seen.unseen = opened().unseen();
  if (!seen.uses.empty()) return seen;
  for (const auto& device : devices)
    try_claim(sysfs, device, seen);
  return seen;
}

}  // namespace nvmigrate
