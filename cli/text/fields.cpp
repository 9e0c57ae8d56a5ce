// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/text/fields.h"

#include <algorithm>
#include <array>

#include "cli/text/describe.h"
#include "cli/text/findings.h"
#include "cli/text/visible.h"
#include "nvmigrate/session/custody.h"

namespace nvmigrate::cli {
namespace {

using Function = ControlledFunction;
using Words = std::vector<std::string>;

std::string bit(std::optional<bool> value) { return value ? (*value ? "1" : "0") : ""; }

template <typename Number>
std::string number(const std::optional<Number>& value) {
  return value ? std::to_string(*value) : std::string{};
}

std::string if_secondary(const Function& function, std::uint16_t count) {
  return function.secondary ? std::to_string(count) : std::string{};
}

std::string without_blanks(std::string text) {
  std::erase(text, ' ');
  return text;
}

constexpr std::array fields{
    Field{"device", "DEVICE", "CONTROLLING_FUNCTION",
          [](const Topology& by, const Function&) { return by.device; }},
    Field{"controller_id", "ID", "FUNCTION_ID",
          [](const Topology&, const Function& one) { return std::to_string(one.cntlid); }},
    Field{"virtual_function", "VF", "FUNCTION_VF",
          [](const Topology&, const Function& one) {
            return one.vfn == 0 ? std::string{} : std::to_string(one.vfn);
          }},
    Field{"status", "STATUS", "FUNCTION_STATUS",
          [](const Topology&, const Function& one) {
            return std::string{to_string(custody_of(one))};
          }},
    Field{"marked", "MARK", "FUNCTION_MARKED",
          [](const Topology&, const Function& one) { return bit(one.marked); }},
    Field{"driver", "DRIVER", "DRIVER",
          [](const Topology&, const Function& one) {
            return one.pci ? one.pci->driver.value_or("") : std::string{};
          }},
    Field{"kernel_name", "NAME", "KERNEL_NAME",
          [](const Topology&, const Function& one) { return one.kernel_name.value_or(""); }},
    Field{"vfio_device", "VFIO", "VFIO_DEVICE",
          [](const Topology&, const Function& one) { return one.vfio.device.value_or(""); }},
    Field{"address", "ADDRESS", "FUNCTION",
          [](const Topology&, const Function& one) {
            return one.pci ? one.pci->address : std::string{};
          }},
    Field{"queues", "VQ", "FUNCTION_QUEUES",
          [](const Topology&, const Function& one) { return if_secondary(one, one.queues); }},
    Field{"interrupts", "VI", "FUNCTION_INTERRUPTS",
          [](const Topology&, const Function& one) { return if_secondary(one, one.interrupts); }},
    Field{"namespaces", "NS", "FUNCTION_NAMESPACES",
          [](const Topology&, const Function& one) {
            return without_blanks(namespaces_text(one.namespaces));
          }},
    Field{"iommu_group", "GROUP", "IOMMU_GROUP",
          [](const Topology&, const Function& one) {
            return one.pci ? number(one.pci->iommu_group) : std::string{};
          }},
    Field{"vfio_group", "VFIO GROUP", "VFIO_GROUP",
          [](const Topology&, const Function& one) { return one.vfio.group.value_or(""); }},
    Field{"online", "ONLINE", "FUNCTION_ONLINE",
          [](const Topology&, const Function& one) { return bit(one.online); }},
    Field{"foreign", "FOREIGN", "FUNCTION_FOREIGN",
          [](const Topology&, const Function& one) { return bit(one.foreign()); }},
    Field{"subsystem_nqn", "SUBSYSTEM", "SUBSYSTEM_NQN",
          [](const Topology& by, const Function&) { return by.identity.subsystem_nqn; }},
    Field{"simulated", "SIMULATED", "SIMULATED",
          [](const Topology& by, const Function&) { return bit(by.simulated); }},
};

template <typename Write>
void for_each_function(const std::vector<const Topology*>& devices, const Write& write) {
  for (const auto* device : devices) {
    for (const auto& function : device->functions)
      write(*device, function);
  }
}

}  // namespace

std::vector<const Field*> fields_named(const Words& names) {
  std::vector<const Field*> found;
  for (const auto& name : names) {
    found.push_back(std::find_if(fields.begin(), fields.end(),
                                 [&](const Field& field) { return field.name == name; }));
  }
  return found;
}

Words field_names() {
  Words names;
  for (const auto& field : fields)
    names.emplace_back(field.name);
  return names;
}

std::string escaped_for_tsv(std::string_view value) {
  std::string text;
  for (const char letter : value) {
    switch (letter) {
      case '\t':
        text += "\\t";
        break;
      case '\n':
        text += "\\n";
        break;
      case '\r':
        text += "\\r";
        break;
      case '\\':
        text += "\\\\";
        break;
      default:
        text += letter;
    }
  }
  return one_line(text);
}

std::string as_tsv(const std::vector<const Topology*>& devices, const Words& names) {
  const auto columns = fields_named(names.empty() ? field_names() : names);
  std::string text;
  for (const auto* column : columns)
    text.append(column->name).append("\t");
  text.back() = '\n';
  for_each_function(devices, [&](const Topology& device, const Function& function) {
    for (const auto* column : columns)
      text += escaped_for_tsv(column->value(device, function)) + '\t';
    text.back() = '\n';
  });
  return text;
}

std::string as_variables(const std::vector<const Topology*>& devices, const Words& names) {
  const auto columns = fields_named(names.empty() ? field_names() : names);
  std::string text;
  for_each_function(devices, [&](const Topology& device, const Function& function) {
    text += text.empty() ? "" : "\n";
    for (const auto* column : columns) {
      text.append("NVMIGRATE_").append(column->variable).append("=");
      text += quoted_for_sh(one_line(column->value(device, function))) + '\n';
    }
  });
  return text;
}

}  // namespace nvmigrate::cli
