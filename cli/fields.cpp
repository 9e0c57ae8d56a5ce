// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/fields.h"

#include <algorithm>
#include <array>

#include "cli/describe.h"
#include "cli/findings.h"
#include "cli/table.h"
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

/// One fact of a controlled function, as scripts get it.
struct Field {
  std::string_view name, heading;
  std::string_view variable;  ///< behind NVMIGRATE_, as in the output of handle
  std::string (*value)(const Topology& topology, const Function& function);
};

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

/// The columns of a listing, and those that go first where there is no room for all.
constexpr std::array<std::string_view, 12> usual{
    "controller_id", "virtual_function", "status", "marked",     "driver",     "kernel_name",
    "vfio_device",   "address",          "queues", "interrupts", "namespaces", "iommu_group"};
constexpr std::array<std::string_view, 8> dispensable{
    "iommu_group", "queues interrupts", "namespaces", "address",
    "kernel_name", "vfio_device",       "driver",     "marked"};

std::vector<const Field*> named(const Words& names) {
  std::vector<const Field*> found;
  for (const auto& name : names) {
    found.push_back(std::find_if(fields.begin(), fields.end(),
                                 [&](const Field& field) { return field.name == name; }));
  }
  return found;
}

std::vector<const Field*> named_or_all(const Words& names) {
  return named(names.empty() ? field_names() : names);
}

/// A VF that is neither enabled nor recorded.
bool is_unused(const Function& function) {
  return function.vfn != 0 && function.online == false && !function.pci && !function.recorded() &&
         !function.wanted && function.queues == 0 && function.interrupts == 0 &&
         function.unread.empty();
}

/// The status of a function in a word, and its tone.
Cell status_of(const Function& function) {
  if (is_unused(function)) return {"unused", Tone::faint};
  const auto custody = custody_of(function);
  const bool plain = custody == Custody::running || custody == Custody::offline;
  if (plain && function.elsewhere()) return {"foreign", Tone::faint};
  if (custody == Custody::running) return function.online ? "online" : "";
  const bool lost = custody == Custody::offline && function.lost_resources();
  if (custody == Custody::away || (custody == Custody::offline && !lost)) {
    return status_text(function);
  }
  const bool wrong = lost || custody == Custody::unbound || custody == Custody::two_copies;
  return {status_text(function), wrong ? Tone::problem : Tone::warning};
}

/// `vfio0` of /dev/vfio/devices/vfio0, `11` of /dev/vfio/11.
std::string file_name(const std::string& path) { return path.substr(path.rfind('/') + 1); }

std::string short_list(const std::string& list,
                       const std::optional<std::vector<std::uint32_t>>& ids) {
  constexpr std::size_t most = 12;
  return list.size() <= most ? list : std::to_string(ids->size()) + " ids";
}

Cell cell_of(const Field& field, const Topology& topology, const Function& function) {
  auto value = field.value(topology, function);
  if (field.name == "status") return status_of(function);
  if (field.name == "vfio_device") return file_name(vfio_node(function.vfio));
  if (field.name == "vfio_group") return file_name(value);
  if (field.name == "namespaces") return short_list(value, function.namespaces);
  if (value == "1" && (field.name == "marked" || field.name == "foreign")) return "yes";
  if (value == "0" && (field.name == "marked" || field.name == "foreign")) return "";
  return value;
}

/// Whether two neighbouring functions can share a row.
bool are_alike(const Function& one, const Function& next) {
  const auto status = status_of(one).text;
  const bool plain = is_unused(one) || (status == "foreign" && !one.pci && !next.pci);
  return plain && status == status_of(next).text && next.cntlid == one.cntlid + 1 &&
         (one.vfn == 0 ? next.vfn == 0 : next.vfn == one.vfn + 1) &&
         one.namespaces == next.namespaces;
}

/// `3-8`
std::string range(std::string first, const std::string& last) {
  return first == last ? first : std::move(first) + '-' + last;
}

class FunctionRows {
 public:
  FunctionRows(const Topology& topology, std::vector<const Field*> columns, const Screen& screen)
      : topology_(&topology), columns_(std::move(columns)), screen_(&screen) {}

  void add_to(Table& table) const {
    const auto& functions = topology_->functions;
    for (std::size_t first = 0, last = 0; first < functions.size(); first = last + 1) {
      last = first;
      while (last + 1 < functions.size() && are_alike(functions[last], functions[last + 1]))
        ++last;
      table.add(row(functions[first], functions[last], last + 1 == functions.size()));
    }
  }

 private:
  [[nodiscard]] std::vector<Cell> row(const Function& first, const Function& last,
                                      bool ends) const {
    std::vector<Cell> cells;
    const auto tone = status_of(first).tone;
    for (const auto* column : columns_) {
      auto cell = cell_of(*column, *topology_, first);
      if (tone == Tone::faint) cell.tone = tone;
      if (column->name == "virtual_function" || column->name == "controller_id") {
        cell.text = range(cell.text, column->value(*topology_, last));
      }
      if (column->name == "controller_id") cell.text = branch(ends) + cell.text;
      if (column->name == "status" && &first != &last) {
        cell.text = std::to_string(last.cntlid - first.cntlid + 1) + ' ' + cell.text;
      }
      cells.push_back(std::move(cell));
    }
    return cells;
  }

  [[nodiscard]] const char* branch(bool ends) const {
    if (screen_->unicode) return ends ? "\u2514\u2500 " : "\u251c\u2500 ";
    return ends ? "`- " : "|- ";
  }

  const Topology* topology_;
  std::vector<const Field*> columns_;
  const Screen* screen_;
};

template <typename Write>
void for_each_function(const std::vector<const Topology*>& devices, const Write& write) {
  for (const auto* device : devices) {
    for (const auto& function : device->functions)
      write(*device, function);
  }
}

}  // namespace

Words field_names() {
  Words names;
  for (const auto& field : fields)
    names.emplace_back(field.name);
  return names;
}

std::string functions_table(const Topology& topology, const Words& names, std::size_t indent,
                            const Screen& screen) {
  const auto columns = named(names.empty() ? Words{usual.begin(), usual.end()} : names);
  std::vector<std::string> headings;
  headings.reserve(columns.size());
  for (const auto* column : columns)
    headings.emplace_back(column->heading);
  Table table{headings};
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (columns[i]->name == "queues" || columns[i]->name == "interrupts") table.align_right(i);
  }
  for (const auto& dropped : dispensable) {
    std::vector<std::size_t> places;
    for (std::size_t i = 0; i < usual.size(); ++i) {
      if (dropped.find(usual.at(i)) != std::string_view::npos) places.push_back(i);
    }
    if (names.empty()) table.may_drop(places);
  }
  FunctionRows(topology, columns, screen).add_to(table);
  return table.text(indent, screen);
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
  const auto columns = named_or_all(names);
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
  std::string text;
  for_each_function(devices, [&](const Topology& device, const Function& function) {
    text += text.empty() ? "" : "\n";
    for (const auto* column : named_or_all(names)) {
      text.append("NVMIGRATE_").append(column->variable).append("=");
      text += quoted_for_sh(one_line(column->value(device, function))) + '\n';
    }
  });
  return text;
}

}  // namespace nvmigrate::cli
