// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/table.h"

#include <algorithm>
#include <utility>

namespace nvmigrate::cli {
namespace {

constexpr std::size_t gap = 2;

std::string_view cell(const std::vector<std::string>& row, std::size_t place) {
  return place < row.size() ? std::string_view{row[place]} : std::string_view{};
}

void append_padded(std::string& line, std::string_view text, std::size_t width, bool right) {
  const std::size_t missing = width - std::min(width, width_of(text));
  if (right) line.append(missing, ' ');
  line += text;
  if (!right) line.append(missing, ' ');
}

void end_line(std::string& text, std::string& line) {
  line.erase(line.find_last_not_of(' ') + 1);
  text += line + '\n';
  line.clear();
}

}  // namespace

std::string plural(std::uint64_t count, const std::string& one) {
  return std::to_string(count) + ' ' + one + (count == 1 ? "" : "s");
}

void Table::add(std::vector<std::string> cells) {
  for (auto& cell : cells)
    cell = one_line(cell);
  rows_.push_back(std::move(cells));
}

std::vector<Table::Column> Table::columns() const {
  std::vector<Column> shown;
  for (std::size_t place = 0; place < headings_.size(); ++place) {
    std::size_t width = 0;
    for (const auto& row : rows_)
      width = std::max(width, width_of(cell(row, place)));
    if (width == 0 && !rows_.empty()) continue;
    const bool right = std::find(right_.begin(), right_.end(), place) != right_.end();
    shown.push_back({place, std::max(width, width_of(headings_[place])), right});
  }
  return shown;
}

std::string Table::text(std::size_t indent) const {
  const auto shown = columns();
  std::string text;
  std::string line;
  const auto append = [&](const std::vector<std::string>& row) {
    line.assign(indent, ' ');
    for (const auto& column : shown) {
      const auto content = cell(row, column.place);
      append_padded(line, content.empty() ? "-" : content, column.width, column.right);
      line.append(gap, ' ');
    }
    end_line(text, line);
  };
  append(headings_);
  for (const auto& row : rows_)
    append(row);
  return text;
}

void Description::add(std::string name, const std::string& value) {
  if (!value.empty()) pairs_.emplace_back(std::move(name), one_line(value));
}

std::string Description::text(std::size_t indent) const {
  std::size_t width = 0;
  for (const auto& [name, value] : pairs_)
    width = std::max(width, width_of(name));
  std::string text;
  for (const auto& [name, value] : pairs_) {
    text.append(indent, ' ');
    text += name + ':';
    text.append(width - width_of(name) + 1, ' ');
    text += value + '\n';
  }
  return text;
}

}  // namespace nvmigrate::cli
