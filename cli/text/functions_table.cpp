// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/text/functions_table.h"

#include <algorithm>
#include <array>
#include <span>

#include "cli/text/describe.h"
#include "cli/text/fields.h"
#include "cli/text/table.h"
#include "nvmigrate/base/numbers.h"
#include "nvmigrate/session/custody.h"

namespace nvmigrate::cli {
namespace {

using Function = ControlledFunction;
using Run = std::span<const Function>;
using Ids = std::vector<std::uint32_t>;

/// The columns of a listing, and those that go first where there is no room for all.
constexpr std::array<std::string_view, 12> usual{
    "controller_id", "virtual_function", "status", "marked",     "driver",     "kernel_name",
    "vfio_device",   "address",          "queues", "interrupts", "namespaces", "iommu_group"};
constexpr std::array<std::string_view, 8> dispensable{
    "iommu_group", "queues interrupts", "namespaces", "address",
    "kernel_name", "vfio_device",       "driver",     "marked"};

constexpr std::size_t most_leaves = 12;   ///< more lines of namespaces become a column
constexpr std::size_t fewest_online = 5;  ///< fewer functions that are online keep their rows

/// A VF that is neither enabled nor recorded.
bool is_unused(const Function& function) {
  return function.vfn != 0 && function.online == false && !function.pci && !function.recorded() &&
         !function.wanted && function.queues == 0 && function.interrupts == 0 &&
         function.unread.empty();
}

/// A VF that is online, and that neither a driver nor a guest nor a record of this host has.
bool is_idle(const Function& function) {
  const bool guest = function.told && function.told->queues.value_or(0) != 0;
  return function.vfn != 0 && function.online == true && function.pci && !function.pci->driver &&
         function.secondary && !function.recorded() && function.unread.empty() && !guest &&
         custody_of(function) == Custody::running;
}

bool is_foreign(const Function& function) {
  const auto custody = custody_of(function);
  const bool plain = custody == Custody::running || custody == Custody::offline;
  return plain && function.elsewhere();
}

/// The status of a function in a word, and its tone.
Cell status_of(const Function& function) {
  if (is_unused(function)) return {"unused", Tone::faint};
  if (is_foreign(function)) return {"foreign", Tone::faint};
  const auto custody = custody_of(function);
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

std::string short_list(const std::string& list, const std::optional<Ids>& ids) {
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
  const auto both = [&](bool (*is)(const Function&)) { return is(one) && is(next); };
  const bool plain =
      both(is_unused) || both(is_idle) || (both(is_foreign) && !one.pci && !next.pci);
  return plain && one.online == next.online && next.cntlid == one.cntlid + 1 &&
         (one.vfn == 0 ? next.vfn == 0 : next.vfn == one.vfn + 1) && one.queues == next.queues &&
         one.interrupts == next.interrupts;
}

/// The functions in rows.
std::vector<Run> runs_of(const Run& functions) {
  std::vector<Run> runs;
  for (std::size_t first = 0, count = 1; first < functions.size(); first += count, count = 1) {
    while (first + count < functions.size() &&
           are_alike(functions[first + count - 1], functions[first + count]))
      ++count;
    if (count < fewest_online && is_idle(functions[first])) count = 1;
    runs.push_back(functions.subspan(first, count));
  }
  return runs;
}

bool have_same_namespaces(const Run& functions) {
  return std::all_of(functions.begin(), functions.end(), [&](const Function& one) {
    return one.namespaces == functions.front().namespaces;
  });
}

Ids namespaces_of(const Run& functions) {
  Ids ids;
  for (const auto& function : functions)
    ids.insert(ids.end(), function.namespaces->begin(), function.namespaces->end());
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  return ids;
}

/// `namespaces 1-3, 16 GiB each`, of all of them together.
std::string namespaces_of(const Topology& topology, const Run& functions) {
  const auto ids = namespaces_of(functions);
  if (ids.empty()) return "no namespace";
  auto text = (ids.size() == 1 ? "namespace " : "namespaces ") + namespaces_text(topology, ids);
  if (have_same_namespaces(functions)) return text;
  const bool one_each = ids.size() == functions.size() &&
                        std::all_of(functions.begin(), functions.end(), [](const auto& function) {
                          return function.namespaces->size() == 1;
                        });
  return text + (one_each ? "; one for each" : "; not the same for all");
}

/// `3-8`
std::string range(std::string first, const std::string& last) {
  return first == last ? first : std::move(first) + '-' + last;
}

/// Where the namespaces of the functions stand.
enum class Leaves { nowhere, column, row, end };

/// Functions with the same namespaces.
using Sharing = std::vector<Function>;

std::vector<Sharing> sharing_namespaces(const Sharing& functions) {
  std::vector<Sharing> groups;
  for (const auto& function : functions) {
    auto group = std::find_if(groups.begin(), groups.end(), [&](const Sharing& one) {
      return one.front().namespaces == function.namespaces;
    });
    if (group == groups.end()) group = groups.insert(group, Sharing{});
    group->push_back(function);
  }
  return groups;
}

std::string ids_of(const Sharing& functions) {
  Ids ids;
  for (const auto& function : functions)
    ids.push_back(function.cntlid);
  return ranges_of(ids);
}

class FunctionRows {
 public:
  FunctionRows(const Topology& topology, const Screen& screen)
      : topology_(&topology), screen_(&screen), runs_(runs_of(topology.functions)) {
    Sharing used;
    for (const auto& function : topology.functions) {
      if (!is_unused(function) && !is_foreign(function)) used.push_back(function);
    }
    if (topology.namespaces) groups_ = sharing_namespaces(used.empty() ? topology.functions : used);
  }

  /// Where they take the fewest lines.
  [[nodiscard]] Leaves leaves() const {
    const auto is_empty = [](const Sharing& group) { return group.front().namespaces->empty(); };
    if (std::all_of(groups_.begin(), groups_.end(), is_empty)) return Leaves::nowhere;
    const auto lines = std::min(groups_.size(), runs_.size());
    if (lines > most_leaves) return Leaves::column;
    return groups_.size() == 1 || groups_.size() < runs_.size() ? Leaves::end : Leaves::row;
  }

  void add_to(Table& table, const std::vector<const Field*>& columns, Leaves namespaces) const {
    for (const auto& run : runs_) {
      const bool ends = &run.back() == &topology_->functions.back();
      table.add(row(run, columns, ends));
      if (namespaces != Leaves::row) continue;
      const std::string margin = ends ? "   " : trunk();
      table.add_below(namespaces_of(*topology_, run), margin + branch(true), margin + "   ");
    }
    for (const auto& group : namespaces == Leaves::end ? groups_ : std::vector<Sharing>{})
      table.add_below(line_of(group), "", "");
  }

 private:
  [[nodiscard]] std::vector<Cell> row(const Run& run, const std::vector<const Field*>& columns,
                                      bool ends) const {
    std::vector<Cell> cells;
    const bool faint = status_of(run.front()).tone == Tone::faint || run.size() > 1;
    for (const auto* column : columns) {
      auto cell =
          run.size() == 1 ? cell_of(*column, *topology_, run.front()) : folded(*column, run);
      if (faint) cell.tone = Tone::faint;
      if (column->name == "controller_id") cell.text = branch(ends) + cell.text;
      cells.push_back(std::move(cell));
    }
    return cells;
  }

  /// What several functions have in a column.
  [[nodiscard]] Cell folded(const Field& column, const Run& run) const {
    const auto first = cell_of(column, *topology_, run.front()).text;
    const auto last = cell_of(column, *topology_, run.back()).text;
    if (column.name == "status") return std::to_string(run.size()) + ' ' + first;
    if (column.name == "namespaces") {
      const auto ids = run.front().namespaces ? namespaces_of(run) : Ids{};
      return short_list(ranges_of(ids), ids);
    }
    if (first == last) return first;
    const auto from = parse_number(first), to = parse_number(last);
    return from && to && *to - *from + 1 == run.size() ? range(first, last) : first + "..";
  }

  /// `every function has namespace 1, 16 GiB`, `functions 1-3 have no namespace`
  [[nodiscard]] std::string line_of(const Sharing& functions) const {
    const auto& all = topology_->functions;
    const auto what = namespaces_of(*topology_, functions);
    if (all.size() > 1 && have_same_namespaces(all)) return "every function has " + what;
    const bool one = functions.size() == 1;
    return (one ? "function " : "functions ") + ids_of(functions) + (one ? " has " : " have ") +
           what;
  }

  [[nodiscard]] const char* branch(bool ends) const {
    if (screen_->unicode) return ends ? "\u2514\u2500 " : "\u251c\u2500 ";
    return ends ? "`- " : "|- ";
  }
  [[nodiscard]] const char* trunk() const { return screen_->unicode ? "\u2502  " : "|  "; }

  const Topology* topology_;
  const Screen* screen_;
  std::vector<Run> runs_;
  std::vector<Sharing> groups_;  ///< of what is used, or of all when nothing is
};

Table table_of(const std::vector<const Field*>& columns) {
  std::vector<std::string> headings;
  headings.reserve(columns.size());
  for (const auto* column : columns)
    headings.emplace_back(column->heading);
  Table table{std::move(headings)};
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (columns[i]->name == "queues" || columns[i]->name == "interrupts") table.align_right(i);
  }
  return table;
}

void drop_where_narrow(Table& table, const std::vector<const Field*>& columns) {
  for (const auto& dropped : dispensable) {
    std::vector<std::size_t> places;
    for (std::size_t i = 0; i < columns.size(); ++i) {
      if (dropped.find(columns[i]->name) != std::string_view::npos) places.push_back(i);
    }
    table.may_drop(places);
  }
}

}  // namespace

std::string functions_table(const Topology& topology, const std::vector<std::string>& names,
                            std::size_t indent, const Screen& screen) {
  const FunctionRows rows(topology, screen);
  const auto namespaces = names.empty() ? rows.leaves() : Leaves::nowhere;
  auto columns =
      fields_named(names.empty() ? std::vector<std::string>{usual.begin(), usual.end()} : names);
  if (names.empty() && namespaces != Leaves::column) {
    std::erase_if(columns, [](const Field* field) { return field->name == "namespaces"; });
  }
  auto table = table_of(columns);
  if (names.empty()) drop_where_narrow(table, columns);
  rows.add_to(table, columns, namespaces);
  return table.text(indent, screen);
}

}  // namespace nvmigrate::cli
