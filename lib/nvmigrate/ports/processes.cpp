// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/ports/processes.h"

#include <fmt/core.h>
#include <linux/capability.h>
#include <unistd.h>

#include <algorithm>
#include <set>
#include <sstream>
#include <string_view>

#include "nvmigrate/base/numbers.h"

namespace nvmigrate {
namespace {

bool is_pid(const std::string& name) {
  return !name.empty() && name.find_first_not_of("0123456789") == std::string::npos;
}

std::string described(const Sysfs& proc, const std::string& pid) {
  return fmt::format("pid {} ({})", pid, proc.line("/proc/" + pid + "/comm").value_or("?"));
}

/// What the descriptors of a process point to; empty when it ended or may not be looked into.
std::set<std::string> opened_by(const Sysfs& proc, const std::string& pid) {
  const auto folder = proc.root().path("/proc/" + pid + "/fd/");
  std::vector<std::string> descriptors;
  std::set<std::string> targets;
  if (proc.io().list(folder, descriptors) != 0) return targets;
  for (const auto& descriptor : descriptors) {
    std::string target;
    if (proc.io().readlink(folder + descriptor, target) == 0) targets.insert(target);
  }
  return targets;
}

}  // namespace

std::vector<OpenedFile> find_open_files(const Sysfs& proc, const std::vector<std::string>& paths) {
  if (paths.empty()) return {};
  auto pids = proc.names("/proc");
  std::erase_if(pids, [](const auto& name) { return !is_pid(name); });
  std::sort(pids.begin(), pids.end(), [](const auto& left, const auto& right) {
    return std::pair(left.size(), left) < std::pair(right.size(), right);
  });
  std::vector<OpenedFile> found;
  for (const auto& pid : pids) {
    const auto targets = opened_by(proc, pid);
    for (const auto& path : paths) {
      if (targets.contains(path)) found.push_back({described(proc, pid), path});
    }
  }
  return found;
}

bool may_administrate(const Sysfs& proc) {
  constexpr std::string_view key = "CapEff:\t";
  std::istringstream lines(proc.text("/proc/self/status").value_or(""));
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with(key)) continue;
    const auto effective = parse_number("0x" + line.substr(key.size()));
    return effective && (*effective >> CAP_SYS_ADMIN & 1U) != 0;
  }
  return ::geteuid() == 0;
}

}  // namespace nvmigrate
