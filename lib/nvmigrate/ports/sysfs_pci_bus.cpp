// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/ports/sysfs_pci_bus.h"

#include <fmt/core.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <limits>

#include "nvmigrate/base/error.h"
#include "nvmigrate/base/numbers.h"
#include "nvmigrate/ports/kernel_modules.h"
#include "nvmigrate/ports/nvme_class.h"
#include "nvmigrate/ports/uses.h"

namespace nvmigrate {
namespace {

constexpr auto functions = "/sys/bus/pci/devices/";
constexpr auto drivers = "/sys/bus/pci/drivers/";
constexpr auto groups = "/sys/kernel/iommu_groups";

std::string folder_of(const std::string& address) { return functions + address; }

Error gone(const std::string& address) {
  return not_found(fmt::format("there is no PCI function {}", address), {},
                   {{.action = Remedy::Action::list}});
}

template <typename Number>
Number number_or_zero(const Sysfs& sysfs, const std::string& path) {
  return static_cast<Number>(sysfs.number(path).value_or(0));
}

std::optional<unsigned> group_of(const Sysfs& sysfs, const std::string& folder) {
  const auto name = sysfs.link_name(folder + "/iommu_group");
  const auto number = name ? parse_number(*name) : std::nullopt;
  if (!number || *number > std::numeric_limits<unsigned>::max()) return std::nullopt;
  return static_cast<unsigned>(*number);
}

std::optional<std::string> override_of(const Sysfs& sysfs, const std::string& folder) {
  auto driver = sysfs.line(folder + "/driver_override");
  if (driver && (driver->empty() || *driver == "(null)")) return std::nullopt;
  return driver;
}

/// A group made up by vfio's unsafe mode without an IOMMU does not count.
bool is_protected(const Sysfs& sysfs, const std::string& group) {
  return sysfs.line(groups + ("/" + group) + "/name") != "vfio-noiommu";
}

/// What an errno of sriov_numvfs means (drivers/pci/iov.c), and what to try; empty: what it says.
std::string meaning_for_vfs(int code) {
  switch (code) {
    case ENOMEM:
    case ENOSPC:
      return "the bridge above the device has too few bus numbers or too little memory space, as "
             "the kernel log tells; ask for fewer VFs, or enable SR-IOV and decoding above 4 GiB "
             "in "
             "the firmware, or boot with pci=realloc";
    case EBUSY:
      return "another number of VFs was enabled meanwhile; remove them first";
    case EIO:
      return "the SR-IOV capability of the device contradicts itself (InitialVFs and TotalVFs); "
             "cut its power, or update its firmware";
    case EINVAL:
      return "the kernel has VFs of this device already, or its driver refuses this number; the "
             "kernel log may tell";
    case ERANGE:
      return "this is more than sriov_totalvfs says, which another program may have lowered";
    case ENOENT:
      return "the controlling function has no driver, or one that cannot enable VFs; bind it to "
             "nvme";
    case ENODEV:
    case ENOSYS:
      return "the kernel does not take this for a physical function, or the function that its VFs "
             "depend on is missing";
    case EPERM:
      return "VFs are still assigned to guests, or the kernel is locked down";
    default:
      return {};
  }
}

/// \return nothing when there is no such node
std::optional<NodeRights> rights_of(const Sysfs& sysfs, const std::string& node) {
  struct stat about {};
  if (sysfs.io().stat(sysfs.root().path(node), about) == 0) {
    return NodeRights{{about.st_uid, about.st_gid}, about.st_mode & 0777U};
  }
  if (errno == ENOENT) return std::nullopt;
  throw OsError(errno, "look at", node);
}

/// A driver that gives a function to programs or to guests and does not show to whom: SPDK's uio,
/// Xen's pciback. That of the host shows its users elsewhere, and pci-stub has none.
bool hides_users(const std::optional<std::string>& driver) {
  return driver && *driver != "nvme" && *driver != "pci-stub" && !is_vfio_driver(driver);
}

/// The attributes with the numbers of a function's vfio devices, and the paths of their nodes.
std::vector<std::pair<std::string, std::string>> vfio_devices(const Sysfs& sysfs,
                                                              const PciFunction& function) {
  std::vector<std::pair<std::string, std::string>> found;
  for (const auto* kind : {"", "noiommu-"}) {
    if (!function.iommu_group) break;
    const auto group = kind + std::to_string(*function.iommu_group);
    found.emplace_back("/sys/class/vfio/" + group + "/dev", "/dev/vfio/" + group);
  }
  const auto folder = folder_of(function.address) + "/vfio-dev/";
  for (const auto& device : sysfs.names(folder))
    found.emplace_back(folder + device + "/dev", "/dev/vfio/devices/" + device);
  return found;
}

}  // namespace

SysfsPciBus::SysfsPciBus(Io& io, const Sysroot& root)
    : SysfsPciBus(io, root, root.is_host() ? ModuleLoader(modprobe) : ModuleLoader()) {}

SysfsPciBus::SysfsPciBus(Io& io, Sysroot root, ModuleLoader load_module)
    : sysfs_(io, std::move(root)), load_module_(std::move(load_module)) {}

std::optional<PciFunction> SysfsPciBus::find(const std::string& address) {
  const auto folder = folder_of(address);
  if (!is_pci_address(address) || !sysfs_.exists(folder)) return std::nullopt;
  return PciFunction{.address = address,
                     .vendor = number_or_zero<std::uint16_t>(sysfs_, folder + "/vendor"),
                     .device = number_or_zero<std::uint16_t>(sysfs_, folder + "/device"),
                     .class_code = number_or_zero<std::uint32_t>(sysfs_, folder + "/class"),
                     .driver = sysfs_.link_name(folder + "/driver"),
                     .override_to = override_of(sysfs_, folder),
                     .iommu_group = group_of(sysfs_, folder),
                     .physical = sysfs_.link_name(folder + "/physfn")};
}

std::vector<std::string> SysfsPciBus::group_members(unsigned group) {
  return sysfs_.names(groups + ("/" + std::to_string(group)) + "/devices");
}

bool SysfsPciBus::has_iommu() {
  if (!sysfs_.names("/sys/class/iommu").empty()) return true;
  const auto known = sysfs_.names(groups);
  return std::any_of(known.begin(), known.end(),
                     [this](const auto& group) { return is_protected(sysfs_, group); });
}

/// What the nvme driver has without a controller that can be read appears or vanishes just now: it
/// is in use all the same.
std::vector<KernelController> SysfsPciBus::controllers() {
  auto found = read_controllers(sysfs_);
  for (const auto& address : sysfs_.names(drivers + std::string{"nvme"})) {
    const bool shown = std::any_of(found.begin(), found.end(), [&](const KernelController& one) {
      return one.address == address || !one.unread.empty();
    });
    if (shown || !is_pci_address(address)) continue;
    found.push_back(
        {.name = address,
         .unread = "the nvme driver has " + address + " and shows no controller of it"});
  }
  return found;
}

SriovState SysfsPciBus::sriov(const std::string& physical) {
  const auto folder = folder_of(physical);
  if (!sysfs_.exists(folder)) throw gone(physical);
  return {.total = number_or_zero<unsigned>(sysfs_, folder + "/sriov_totalvfs"),
          .enabled = number_or_zero<unsigned>(sysfs_, folder + "/sriov_numvfs"),
          .autoprobe = sysfs_.number(folder + "/sriov_drivers_autoprobe").value_or(1) != 0};
}

std::optional<std::string> SysfsPciBus::virtual_function(const std::string& physical,
                                                         unsigned vfn) {
  if (vfn == 0) return std::nullopt;
  return sysfs_.link_name(folder_of(physical) + "/virtfn" + std::to_string(vfn - 1));
}

void SysfsPciBus::set_autoprobe(const std::string& physical, bool probe) {
  write(physical, "sriov_drivers_autoprobe", probe ? "1" : "0");
}

void SysfsPciBus::set_enabled_vfs(const std::string& physical, unsigned count) {
  try {
    write(physical, "sriov_numvfs", std::to_string(count));
  } catch (OsError& error) {
    error.add_advice(meaning_for_vfs(error.error_number()));
    throw;
  }
}

void SysfsPciBus::try_writing(const std::string& address) {
  const auto numvfs = folder_of(address) + "/sriov_numvfs";
  sysfs_.try_writing(sysfs_.exists(numvfs) ? numvfs : folder_of(address) + "/driver_override");
}

void SysfsPciBus::set_override(const std::string& address, std::optional<std::string> driver) {
  write(address, "driver_override", driver.value_or("") + "\n");
}

void SysfsPciBus::unbind(const std::string& address) {
  const auto folder = folder_of(address);
  if (!sysfs_.exists(folder)) throw gone(address);
  const auto driver = sysfs_.link_name(folder + "/driver");
  if (!driver) return;
  try {
    sysfs_.write(drivers + *driver + "/unbind", address);
  } catch (const OsError&) {
    // Another process may have unbound it since the link was read.
    if (sysfs_.link_name(folder + "/driver")) throw;
  }
}

void SysfsPciBus::probe(const std::string& address) {
  if (!sysfs_.exists(folder_of(address))) throw gone(address);
  sysfs_.write("/sys/bus/pci/drivers_probe", address);
}

void SysfsPciBus::reset(const std::string& address) { write(address, "reset", "1"); }

std::string SysfsPciBus::reset_methods(const std::string& address) {
  return sysfs_.line(folder_of(address) + "/reset_method").value_or("");
}

std::optional<QueueLimits> SysfsPciBus::queue_limits(const std::string& address) {
  for (const auto& controller : controllers()) {
    if (controller.address == address) return read_queue_limits(sysfs_, controller.name);
  }
  return std::nullopt;
}

void SysfsPciBus::reset_controller(const std::string& address) {
  for (const auto& controller : controllers()) {
    if (controller.address != address) continue;
    return sysfs_.write("/sys/class/nvme/" + controller.name + "/reset_controller", "1");
  }
  throw not_found(fmt::format("no NVMe controller of this host is at {}", address), {},
                  {{.action = Remedy::Action::list}});
}

bool SysfsPciBus::has_driver(const std::string& driver) {
  if (!is_module_name(driver)) return false;
  if (sysfs_.exists(drivers + driver)) return true;
  if (!load_module_) return false;
  load_module_(driver);
  return sysfs_.exists(drivers + driver);
}

std::optional<std::string> SysfsPciBus::variant_driver(const std::string& address) {
  const auto module = variant_module_of(address);
  if (!module) return std::nullopt;
  return driver_of_module(sysfs_, *module).value_or(*module);
}

std::optional<std::string> SysfsPciBus::load_variant_driver(const std::string& address) {
  const auto module = variant_module_of(address);
  if (!module) return std::nullopt;
  if (!driver_of_module(sysfs_, *module) && load_module_) load_module_(*module);
  return driver_of_module(sysfs_, *module);
}

std::optional<std::string> SysfsPciBus::variant_module_of(const std::string& address) const {
  const auto modalias = sysfs_.line(folder_of(address) + "/modalias");
  return modalias ? variant_module(sysfs_, *modalias) : std::nullopt;
}

VfioNodes SysfsPciBus::vfio_nodes(const std::string& address) {
  const auto function = find(address);
  if (!function || !is_vfio_driver(function->driver)) return {};
  VfioNodes nodes;
  if (function->iommu_group) nodes.group = "/dev/vfio/" + std::to_string(*function->iommu_group);
  if (nodes.group && !sysfs_.exists(*nodes.group)) nodes.group.reset();
  const auto devices = sysfs_.names(folder_of(address) + "/vfio-dev");
  if (!devices.empty()) nodes.device = "/dev/vfio/devices/" + devices.front();
  if (nodes.device && !sysfs_.exists(*nodes.device)) nodes.device.reset();
  nodes.container = rights_of(sysfs_, "/dev/vfio/vfio");
  nodes.iommufd = rights_of(sysfs_, "/dev/iommu");
  return nodes;
}

Owner SysfsPciBus::owner(const std::string& node) {
  const auto found = rights_of(sysfs_, node);
  if (!found) throw OsError(ENOENT, "look at", node);
  return found->owner;
}

void SysfsPciBus::set_owner(const std::string& node, uid_t owner, gid_t group) {
  if (sysfs_.io().chown(sysfs_.root().path(node), owner, group) == 0) return;
  throw OsError(errno, "change the owner of", node);
}

std::vector<Use> SysfsPciBus::host_uses(const std::string& address) {
  std::vector<Use> uses;
  std::string unread;
  bool is_known = false;
  for (const auto& controller : controllers()) {
    if (!controller.unread.empty()) unread = controller.unread;
    if (controller.address != address) continue;
    is_known = true;
    auto seen = block_uses(
        sysfs_, controller.name, [this]() -> auto& { return opened(); });
    std::move(seen.uses.begin(), seen.uses.end(), std::back_inserter(uses));
    if (!seen.unseen.empty()) unseen_[address] = seen.unseen;
  }
  const auto function = find(address);
  const bool on_host = function && function->driver == "nvme";
  if (!is_known && on_host && !unread.empty()) unseen_[address] = unread;
  return uses;
}

/// By what sysfs says of the function: this process may have no node of it, or another one.
std::vector<Use> SysfsPciBus::vfio_holders(const std::string& address) {
  const auto function = find(address);
  if (function && hides_users(function->driver)) {
    unseen_[address] = "driver " + *function->driver + " has it, and does not show who uses it";
  }
  if (!function || !is_vfio_driver(function->driver)) return {};
  std::vector<Use> uses;
  bool any_known = false;
  for (const auto& [attribute, path] : vfio_devices(sysfs_, *function)) {
    const auto number = device_number(sysfs_, S_IFCHR, attribute, path);
    if (!number) continue;
    any_known = true;
    for (const auto& process : opened().holders(*number))
      uses.push_back({.object = process, .how = "has " + path + " open"});
  }
  const auto why = any_known ? opened().unseen() : "the number of its vfio node is not known";
  if (!why.empty()) unseen_[address] = why;
  return uses;
}

std::string SysfsPciBus::unseen(const std::string& address) {
  const auto found = unseen_.find(address);
  return found == unseen_.end() ? std::string{} : found->second;
}

void SysfsPciBus::look_again() {
  opened_.reset();
  unseen_.clear();
}

const OpenDevices& SysfsPciBus::opened() {
  if (!opened_) opened_.emplace(sysfs_);
  return *opened_;
}

void SysfsPciBus::write(const std::string& address, const std::string& attribute,
                        const std::string& text) {
  const auto folder = folder_of(address);
  if (!sysfs_.exists(folder)) throw gone(address);
  const auto path = folder + "/" + attribute;
  if (!sysfs_.exists(path)) {
    throw unsupported(fmt::format("PCI function {} has no {} in sysfs", address, attribute));
  }
  try {
    sysfs_.write(path, text);
  } catch (const OsError&) {
    if (!sysfs_.exists(folder)) throw gone(address);
    throw;
  }
}

bool is_pci_address(std::string_view text) {
  constexpr auto hex = "0123456789abcdefABCDEF";
  const auto colon = text.find(':');
  if (colon == std::string_view::npos || colon < 4 || text.size() != colon + 8) return false;
  const auto rest = text.substr(colon);
  const auto digits = [&](std::string_view part) {
    return part.find_first_not_of(hex) == std::string_view::npos;
  };
  return rest[3] == ':' && rest[6] == '.' && digits(text.substr(0, colon)) &&
         digits(rest.substr(1, 2)) && digits(rest.substr(4, 2)) && rest[7] >= '0' && rest[7] <= '7';
}

}  // namespace nvmigrate
