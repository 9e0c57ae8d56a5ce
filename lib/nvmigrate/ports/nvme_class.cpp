// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/ports/nvme_class.h"

#include <unistd.h>

#include <algorithm>
#include <limits>

#include "nvmigrate/base/error.h"
#include "nvmigrate/base/numbers.h"

namespace nvmigrate {
namespace {

constexpr std::string_view prefix = "nvme";

/// Takes a number off the front; one with leading zeros is not a number.
std::optional<unsigned> take_number(std::string_view& text) {
  const auto end = std::min(text.find_first_not_of("0123456789"), text.size());
  const auto number = parse_number(text.substr(0, end));
  if (!number || *number > std::numeric_limits<unsigned>::max()) return std::nullopt;
  text.remove_prefix(end);
  return static_cast<unsigned>(*number);
}

bool take(std::string_view& text, std::string_view word) {
  if (text.substr(0, word.size()) != word) return false;
  text.remove_prefix(word.size());
  return true;
}

std::optional<std::uint16_t> controller_id(const Sysfs& sysfs, const std::string& folder) {
  const auto value = sysfs.number(folder + "/cntlid");
  if (!value || *value > std::numeric_limits<std::uint16_t>::max()) return std::nullopt;
  return static_cast<std::uint16_t>(*value);
}

std::string without_padding(std::string text) {
  text.erase(text.find_last_not_of(' ') + 1);
  return text.erase(0, text.find_first_not_of(' '));
}

/// The kernel makes its queues as deep as the controller and its own parameter allow (sqsize is 0's
/// based). Where they are less deep than the parameter, the controller allows no more.
std::optional<std::uint32_t> queue_entries(const Sysfs& sysfs, const std::string& folder) {
  const auto size = sysfs.number(folder + "/sqsize");
  const auto limit = sysfs.number("/sys/module/nvme/parameters/io_queue_depth");
  if (!size || !limit || *size + 1 >= *limit) return std::nullopt;
  return static_cast<std::uint32_t>(*size + 1);
}

std::optional<std::uint32_t> queue_count(const Sysfs& sysfs, const std::string& folder) {
  const auto count = sysfs.number(folder + "/queue_count");
  if (!count || *count > std::numeric_limits<std::uint32_t>::max()) return std::nullopt;
  return static_cast<std::uint32_t>(*count);
}

}  // namespace

std::size_t QueueLimits::most() const noexcept {
  if (segments == 0) return bytes;
  const auto scattered = std::max<std::size_t>(segments - 1, 1) * page;
  return bytes == 0 ? scattered : std::min(bytes, scattered);
}

std::optional<unsigned> controller_number(std::string_view name) {
  if (!take(name, prefix)) return std::nullopt;
  const auto number = take_number(name);
  return name.empty() ? number : std::nullopt;
}

std::optional<std::string> namespace_head(const std::string& name) {
  std::string_view rest = name;
  if (!take(rest, prefix)) return std::nullopt;
  const auto instance = take_number(rest);
  if (take(rest, "c") && !take_number(rest)) return std::nullopt;
  if (!instance || !take(rest, "n")) return std::nullopt;
  const auto number = take_number(rest);
  if (!number || !rest.empty()) return std::nullopt;
  return "nvme" + std::to_string(*instance) + "n" + std::to_string(*number);
}

std::vector<std::string> controllers_of_namespace(const Sysfs& sysfs, std::string word) {
  if (word.starts_with("/dev/")) word.erase(0, 5);
  if (const auto part = word.find('p'); part != std::string::npos) word.erase(part);
  const auto head = namespace_head(word);
  if (!head) return {};
  std::vector<std::string> found;
  for (const auto& controller : sysfs.names("/sys/class/nvme")) {
    const auto below = sysfs.names("/sys/class/nvme/" + controller);
    const bool has = std::any_of(below.begin(), below.end(),
                                 [&](const auto& name) { return namespace_head(name) == head; });
    if (has) found.push_back(controller);
  }
  std::sort(found.begin(), found.end());
  return found;
}

std::optional<KernelController> read_controller(const Sysfs& sysfs, const std::string& name) {
  const auto folder = "/sys/class/nvme/" + name;
  const auto transport = sysfs.line(folder + "/transport");
  const auto state = sysfs.line(folder + "/state");
  if (!transport || !state) return std::nullopt;
  KernelController controller;
  controller.name = name;
  controller.transport = *transport;
  controller.state = *state;
  if (*transport == "pcie") controller.address = sysfs.line(folder + "/address").value_or("");
  controller.subsystem_nqn = sysfs.line(folder + "/subsysnqn").value_or("");
  controller.cntlid = controller_id(sysfs, folder);
  controller.serial = without_padding(sysfs.line(folder + "/serial").value_or(""));
  controller.max_queue_entries = queue_entries(sysfs, folder);
  controller.queues = queue_count(sysfs, folder);
  return controller;
}

std::optional<QueueLimits> read_queue_limits(const Sysfs& sysfs, const std::string& name) {
  const auto folder = "/sys/class/nvme/" + name;
  for (const auto& each : sysfs.names(folder)) {
    if (!namespace_head(each)) continue;
    const auto queue = std::string{folder}.append("/").append(each).append("/queue");
    const auto kibibytes = sysfs.number(queue + "/max_hw_sectors_kb");
    const auto segments = sysfs.number(queue + "/max_segments");
    if (!kibibytes || !segments) continue;
    return QueueLimits{.bytes = static_cast<std::size_t>(*kibibytes) << 10U,
                       .segments = static_cast<std::size_t>(*segments),
                       .page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE))};
  }
  return std::nullopt;
}

std::vector<KernelController> read_controllers(const Sysfs& sysfs) {
  auto names = sysfs.names("/sys/class/nvme");
  std::erase_if(names, [](const auto& name) { return !controller_number(name); });
  std::sort(names.begin(), names.end(), [](const auto& left, const auto& right) {
    return controller_number(left) < controller_number(right);
  });
  std::vector<KernelController> found;
  for (const auto& name : names) {
    try {
      if (auto controller = read_controller(sysfs, name)) found.push_back(std::move(*controller));
    } catch (const Error& error) {
      found.push_back({.name = name, .unread = error.what()});
    }
  }
  return found;
}

}  // namespace nvmigrate
