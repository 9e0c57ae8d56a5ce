// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/ports/processes.h"

#include <fmt/core.h>
#include <linux/capability.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>
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

/// Absent, or of a process that has ended meanwhile.
bool means_ended(int code) { return code == ENOENT || code == ESRCH; }

/// Whether this process has a capability in effect; nothing where /proc does not say.
std::optional<bool> has_capability(const Sysfs& proc, unsigned capability) {
  constexpr std::string_view key = "CapEff:\t";
  std::istringstream lines(proc.text("/proc/self/status").value_or(""));
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with(key)) continue;
    const auto effective = parse_number("0x" + line.substr(key.size()));
    return effective && (*effective >> capability & 1U) != 0;
  }
  return std::nullopt;
}

/// Whether /proc shows the processes of the whole host and not only of a container: the host's own
/// PID namespace has a fixed number (PROC_PID_INIT_INO).
bool shows_host(const Sysfs& proc) {
  std::string found;
  if (proc.io().readlink(proc.root().path("/proc/1/ns/pid"), found) != 0) {
    return means_ended(errno);  // a kernel without PID namespaces
  }
  return found == "pid:[4026531836]";
}

std::vector<std::string> process_ids(const Sysfs& proc) {
  auto pids = proc.names("/proc");
  std::erase_if(pids, [](const auto& name) { return !is_pid(name); });
  std::sort(pids.begin(), pids.end(), [](const auto& left, const auto& right) {
    return std::pair(left.size(), left) < std::pair(right.size(), right);
  });
  return pids;
}

std::string why_unseen(const Sysfs& proc, const std::vector<std::string>& closed) {
  if (has_capability(proc, CAP_SYS_PTRACE) == false) {
    return "CAP_SYS_PTRACE is needed to look into other processes";
  }
  if (!shows_host(proc)) return "/proc does not show the processes of the whole host";
  if (closed.empty()) return {};
  return fmt::format("the open files of {} cannot be read",
                     closed.size() == 1
                         ? closed.front()
                         : fmt::format("{} processes, such as {},", closed.size(), closed.front()));
}

/// What two threads have open is looked at once where they share it.
bool share_descriptors(const Sysfs& proc, const std::string& one, const std::string& other) {
  const auto first = parse_number(one), second = parse_number(other);
  return proc.root().is_host() && first && second &&
         proc.io().share_descriptors(static_cast<pid_t>(*first), static_cast<pid_t>(*second));
}

/// \return false when some could not be looked at
bool add_opened(const Sysfs& proc, const std::string& folder, std::set<DeviceNumber>& devices) {
  std::vector<std::string> descriptors;
  bool is_closed = proc.io().list(folder, descriptors) != 0 && !means_ended(errno);
  for (const auto& descriptor : descriptors) {
    struct stat about {};
    if (proc.io().stat_opened(folder + descriptor, about) != 0) {
      is_closed = is_closed || !means_ended(errno);
    } else if (S_ISCHR(about.st_mode) || S_ISBLK(about.st_mode)) {
      devices.emplace(about.st_mode & S_IFMT, about.st_rdev);
    }
  }
  return !is_closed;
}

}  // namespace

OpenDevices::OpenDevices(const Sysfs& proc) {
  const auto pids = process_ids(proc);
  std::vector<std::string> closed;
  for (const auto& pid : pids) {
    if (!look_into(proc, pid)) closed.push_back(described(proc, pid));
  }
  unseen_ = pids.empty() ? "/proc is not mounted" : why_unseen(proc, closed);
}

/// A thread may have descriptors of its own, and those of a process stay when its first thread
/// ends.
bool OpenDevices::look_into(const Sysfs& proc, const std::string& pid) {
  const auto process = proc.root().path("/proc/" + pid);
  std::set<DeviceNumber> devices;
  bool is_closed = !add_opened(proc, process + "/fd/", devices);
  std::vector<std::string> threads;
  if (proc.io().list(process + "/task", threads) != 0 && !means_ended(errno)) is_closed = true;
  for (const auto& thread : threads) {
    if (thread == pid || share_descriptors(proc, pid, thread)) continue;
    const auto folder = fmt::format("{}/task/{}/fd/", process, thread);
    if (!add_opened(proc, folder, devices)) is_closed = true;
  }
  for (const auto& device : devices)
    holders_[device].push_back(described(proc, pid));
  return !is_closed;
}

std::vector<std::string> OpenDevices::holders(const DeviceNumber& device) const {
  const auto found = holders_.find(device);
  return found == holders_.end() ? std::vector<std::string>{} : found->second;
}

bool may_administrate(const Sysfs& proc) {
  return has_capability(proc, CAP_SYS_ADMIN).value_or(::geteuid() == 0);
}

}  // namespace nvmigrate
