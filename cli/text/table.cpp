// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/text/table.h"

#include <fmt/core.h>

#include <algorithm>
#include <numeric>
#include <sstream>
#include <utility>

namespace nvmigrate::cli {
namespace {

constexpr std::size_t gap = 2;

std::string_view cell(const std::vector<Cell>& row, std::size_t place) {
  return place < row.size() ? std::string_view{row[place].text} : std::string_view{};
}

Cell shown(const std::vector<Cell>& row, std::size_t place) {
  auto content = place < row.size() ? row[place] : Cell{""};
  if (content.text.empty()) content.text = "-";
  return content;
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

void Table::add(std::vector<Cell> cells) {
  for (auto& one : cells)
    one.text = one_line(one.text);
  rows_.push_back(std::move(cells));
}

void Table::add_below(const std::string& line, std::string margin, std::string below) {
  lines_.push_back({rows_.size(), one_line(line), std::move(margin), std::move(below)});
}

std::vector<Table::Column> Table::columns() const {
  std::vector<Column> all;
  for (std::size_t place = 0; place < headings_.size(); ++place) {
    std::size_t width = 0;
    for (const auto& row : rows_)
      width = std::max(width, width_of(cell(row, place)));
    if (width == 0 && !rows_.empty()) continue;
    const bool right = std::find(right_.begin(), right_.end(), place) != right_.end();
    all.push_back({place, std::max(width, width_of(headings_[place])), right});
  }
  return all;
}

void Table::fit(std::vector<Column>& columns, std::size_t width) const {
  const auto needed = [&] {
    return std::accumulate(
        columns.begin(), columns.end(), std::size_t{0},
        [](std::size_t sum, const Column& column) { return sum + column.width + gap; });
  };
  for (const auto& places : droppable_) {
    if (needed() <= width + gap) return;
    std::erase_if(columns, [&](const Column& column) {
      return std::find(places.begin(), places.end(), column.place) != places.end();
    });
  }
}

std::string Table::across(const Line& line, std::size_t indent, const Screen& screen) {
  const std::string margin(indent, ' ');
  std::istringstream words(
      wrapped(line.text, 0, screen.width - std::min(indent + width_of(line.margin), screen.width)));
  std::string text;
  for (std::string piece; std::getline(words, piece);)
    text += fmt::format("{}{}{}\n", margin, text.empty() ? line.margin : line.below, piece);
  return text;
}

std::string Table::text(std::size_t indent, const Screen& screen) const {
  auto columns = this->columns();
  fit(columns, screen.width - std::min(indent, screen.width));
  std::string text;
  std::string line;
  const auto append = [&](const std::vector<Cell>& row) {
    line.assign(indent, ' ');
    for (const auto& column : columns) {
      const auto [words, tone] = shown(row, column.place);
      const std::string missing(column.width - std::min(column.width, width_of(words)), ' ');
      line += column.right ? missing : "";
      line += painted(screen, words, tone);
      line.append(column.right ? "" : missing).append(gap, ' ');
    }
    end_line(text, line);
  };
  append({headings_.begin(), headings_.end()});
  auto below = lines_.begin();
  for (std::size_t row = 0; row < rows_.size(); ++row) {
    append(rows_[row]);
    for (; below != lines_.end() && below->row == row + 1; ++below)
      text += across(*below, indent, screen);
  }
  return text;
}

void Description::add(std::string name, const std::string& value, Tone tone) {
  if (!value.empty()) pairs_.emplace_back(std::move(name), Cell{one_line(value), tone});
}

std::string Description::text(std::size_t indent, const Screen& screen) const {
  std::size_t width = 0;
  for (const auto& [name, value] : pairs_)
    width = std::max(width, width_of(name));
  std::string text;
  for (const auto& [name, value] : pairs_) {
    text.append(indent, ' ');
    text += name + ':';
    text.append(width - width_of(name) + 1, ' ');
    text += painted(screen, wrapped(value.text, indent + width + 2, screen.width), value.tone);
    text += '\n';
  }
  return text;
}

}  // namespace nvmigrate::cli
