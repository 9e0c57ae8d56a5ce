// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/host/functions.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "nvmigrate/conditions/judge.h"
#include "nvmigrate/host/driver_change.h"

namespace nvmigrate {
namespace {

std::string replaced(std::string text, std::string_view what, std::string_view by) {
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + by.size())) {
    text.replace(at, what.size(), by);
  }
  return text;
}

std::string shell_quoted(const std::string& text) {
  return "'" + replaced(text, "'", R"('\'')") + "'";
}

std::string xml_quoted(std::string text) {
  text = replaced(std::move(text), "&", "&amp;");
  text = replaced(std::move(text), "<", "&lt;");
  return replaced(std::move(text), "'", "&apos;");
}

/// Two hyphens in a row would end or break a comment, and what a device calls itself may hold bytes
/// that no XML document may.
std::string xml_comment(std::string text) {
  for (auto& letter : text)
    letter = letter >= ' ' && letter <= '~' ? letter : '?';
  for (auto at = text.find("--"); at != std::string::npos; at = text.find("--", at + 1))
    text.insert(at + 1, " ");
  return "<!-- " + text + " -->";
}

/// Letters, digits, '-' and '_' are what both QEMU and libvirt take in a name.
std::string name_of(const std::string& address) {
  auto name = address;
  std::replace_if(
      name.begin(), name.end(), [](char letter) { return letter == ':' || letter == '.'; }, '-');
  return name;
}

/// Unique on this host, and it names both functions.
std::string id_of(const Handle& handle) {
  return "nvmigrate-" + std::to_string(handle.cntlid) + "-of-" +
         name_of(handle.controlling.address);
}

/// QEMU's `host=` takes domains of four digits only.
std::string qemu_place(const std::string& address) {
  constexpr std::size_t digits = 4;
  return address.find(':') > digits ? "sysfsdev=/sys/bus/pci/devices/" + address
                                    : "host=" + address;
}

struct AddressParts {
  std::string domain, bus, slot, function;
};

AddressParts parts_of(const std::string& address) {
  const auto first = address.find(':');
  const auto second = address.find(':', first + 1);
  const auto dot = address.find('.', second + 1);
  return {"0x" + address.substr(0, first), "0x" + address.substr(first + 1, second - first - 1),
          "0x" + address.substr(second + 1, dot - second - 1), "0x" + address.substr(dot + 1)};
}

std::string controlled_by(const Handle& handle) {
  const auto& by = handle.controlling;
  return "controller " + std::to_string(handle.cntlid) + ", controlled by " + by.device + " (" +
         by.address + ", controller " + std::to_string(by.cntlid) + " of " + by.subsystem_nqn + ")";
}

}  // namespace

Handle make_handle(Session& session, std::uint16_t cntlid, IommuInterface wanted) {
  Judge judge(Verb::handle, session);
  judge.look_at(cntlid);
  const auto& topology = session.topology();
  const auto& function = session.ask(cntlid);
  const auto& nodes = function.vfio;
  const bool has_iommufd = nodes.by_iommufd();
  const auto lacks = [&](std::string_view code) {
    if (function.on_vfio()) judge.add(fact_of(code, session.device(), function));
  };
  if (wanted == IommuInterface::iommufd && !has_iommufd) lacks("no_iommufd");
  if (wanted == IommuInterface::group && !nodes.group) lacks("no_vfio_group");
  judge.refuse("print a handle");
  Handle handle;
  handle.cntlid = function.cntlid;
  handle.vfn = function.vfn;
  handle.address = function.pci->address;
  handle.driver = function.pci->driver.value_or("");
  handle.variant_driver = handle.driver != stock_driver;
  handle.iommu_group = function.pci->iommu_group;
  handle.nodes = nodes;
  handle.by_iommufd = has_iommufd && wanted != IommuInterface::group;
  handle.marked = function.marked;
  handle.suspended = function.held();
  handle.controlling = {topology.device, topology.address, topology.identity.cntlid,
                        topology.identity.subsystem_nqn};
  handle.simulated = topology.simulated;
  return handle;
}

std::string as_environment(const Handle& handle) {
  const auto number = [](const std::optional<unsigned>& value) {
    return value ? std::to_string(*value) : std::string{};
  };
  const std::vector<std::pair<std::string, std::string>> variables{
      {"FUNCTION", handle.address},
      {"FUNCTION_ID", std::to_string(handle.cntlid)},
      {"FUNCTION_VF", handle.vfn == 0 ? std::string{} : std::to_string(handle.vfn)},
      {"FUNCTION_MARKED", handle.marked ? "1" : "0"},
      {"DRIVER", handle.driver},
      {"IOMMU_GROUP", number(handle.iommu_group)},
      {"VFIO_GROUP", handle.nodes.group.value_or("")},
      {"VFIO_DEVICE", handle.nodes.device.value_or("")},
      {"CONTROLLING_FUNCTION", handle.controlling.device},
      {"CONTROLLING_ADDRESS", handle.controlling.address},
      {"CONTROLLING_ID", std::to_string(handle.controlling.cntlid)},
      {"SUBSYSTEM_NQN", handle.controlling.subsystem_nqn},
      {"SIMULATED", handle.simulated ? "1" : "0"}};
  std::string text;
  for (const auto& [name, value] : variables) {
    text += "NVMIGRATE_" + name + "=" + shell_quoted(value) + "\n";
  }
  return text;
}

std::string as_qemu(const std::vector<Handle>& handles) {
  std::string objects;
  std::string devices;
  for (const auto& handle : handles) {
    devices += "-device vfio-pci," + qemu_place(handle.address) + ",id=" + id_of(handle);
    if (handle.by_iommufd) {
      // Two objects of one id on one command line would clash.
      const auto object = "nvmigrate-iommufd-" + name_of(handle.controlling.address);
      devices += ",iommufd=" + object;
      if (objects.empty()) objects = "-object iommufd,id=" + object + "\n";
    }
    devices += "\n";
  }
  return objects + devices;
}

std::string as_libvirt(const Handle& handle) {
  const auto at = parts_of(handle.address);
  const auto model = handle.variant_driver ? " model='" + xml_quoted(handle.driver) + "'" : "";
  const auto nodes = handle.nodes.group.value_or("") + " " + handle.nodes.device.value_or("");
  return "<hostdev mode='subsystem' type='pci' managed='no'>\n  " +
         xml_comment(controlled_by(handle) + "; vfio nodes " + nodes) + "\n  <driver name='vfio'" +
         model + "/>\n  <source>\n    <address domain='" + at.domain + "' bus='" + at.bus +
         "' slot='" + at.slot + "' function='" + at.function +
         "'/>\n  </source>\n  <alias name='ua-" + id_of(handle) + "'/>\n</hostdev>\n";
}

}  // namespace nvmigrate
