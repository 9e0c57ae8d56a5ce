// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/ports/kernel_users.h"

namespace nvmigrate {
namespace {

constexpr auto targets = "/sys/kernel/config/nvmet/subsystems";

/// Whether an attribute names the node, itself or by a link such as those in /dev/disk.
bool names_node(const Sysfs& sysfs, const std::string& attribute, const std::string& node) {
  const auto path = sysfs.line(attribute);
  if (!path || path->empty()) return false;
  return *path == node || sysfs.link_name(*path) == last_part(node);
}

bool serves(const Sysfs& sysfs, const std::string& folder, const std::string& node) {
  const bool enabled = sysfs.number(folder + "/enable") == 1U;
  return enabled && names_node(sysfs, folder + "/device_path", node);
}

void add_loops(const Sysfs& sysfs, const std::string& node, std::vector<std::string>& how) {
  for (const auto& name : sysfs.names("/sys/block")) {
    if (names_node(sysfs, "/sys/block/" + name + "/loop/backing_file", node)) {
      how.push_back("backs " + name);
    }
  }
}

void add_target(const Sysfs& sysfs, const std::string& nqn, const std::string& node,
                std::vector<std::string>& how) {
  const auto subsystem = targets + ("/" + nqn);
  for (const auto& id : sysfs.names(subsystem + "/namespaces")) {
    auto folder = subsystem;
    folder.append("/namespaces/").append(id);
    if (!serves(sysfs, folder, node)) continue;
    how.push_back("is namespace " + id + " of the NVMe target ");
    how.back().append(nqn);
  }
  if (serves(sysfs, subsystem + "/passthru", node)) {
    how.push_back("is passed through by the NVMe target " + nqn);
  }
}

}  // namespace

std::vector<std::string> kernel_users(const Sysfs& sysfs, const std::string& node) {
  std::vector<std::string> how;
  add_loops(sysfs, node, how);
  for (const auto& nqn : sysfs.names(targets))
    add_target(sysfs, nqn, node, how);
  return how;
}

}  // namespace nvmigrate
