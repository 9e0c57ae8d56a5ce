// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "cli/text/screen.h"
#include "cli/text/visible.h"

namespace nvmigrate::cli {

/// What a table holds at one place.
struct Cell {
  // NOLINTNEXTLINE(google-explicit-constructor): rows are lists of words
  Cell(std::string words, Tone what = Tone::plain) : text(std::move(words)), tone(what) {}
  // NOLINTNEXTLINE(google-explicit-constructor)
  Cell(const char* words) : text(words) {}

  std::string text;
  Tone tone = Tone::plain;
};

/// Text in aligned columns, for a reader. Columns that are empty in every row are left out.
class Table {
 public:
  explicit Table(std::vector<std::string> headings) : headings_(std::move(headings)) {}

  /// One row; missing cells are empty. A cell that is empty in a column that is shown prints as
  /// `-`.
  void add(std::vector<Cell> cells);
  /// A line below the last row, across all columns, wrapped at the width of the screen. \param
  /// margin in front of it \param below the same on the lines that follow
  void add_below(const std::string& line, std::string margin, std::string below);
  /// Numbers read better to the right.
  void align_right(std::size_t column) { right_.push_back(column); }
  /// Columns that are left out together where the screen is too narrow; those first that are named
  /// first.
  void may_drop(std::vector<std::size_t> together) { droppable_.push_back(std::move(together)); }

  [[nodiscard]] bool empty() const noexcept { return rows_.empty(); }
  /// Headings and rows, each line indented and ended by a newline; no blanks at the end of a line.
  [[nodiscard]] std::string text(std::size_t indent = 0, const Screen& screen = {}) const;

 private:
  struct Line {
    std::size_t row;  ///< it stands below this many rows
    std::string text, margin, below;
  };
  struct Column {
    std::size_t place = 0, width = 0;
    bool right = false;
  };
  [[nodiscard]] std::vector<Column> columns() const;
  void fit(std::vector<Column>& columns, std::size_t width) const;
  static std::string across(const Line& line, std::size_t indent, const Screen& screen);

  std::vector<std::string> headings_;
  std::vector<std::vector<Cell>> rows_;
  std::vector<Line> lines_;
  std::vector<std::size_t> right_;
  std::vector<std::vector<std::size_t>> droppable_;
};

/// `name:` and value in two columns, for the description of one thing. Pairs with an empty value
/// are left out.
class Description {
 public:
  void add(std::string name, const std::string& value, Tone tone = Tone::plain);
  /// Values wider than the screen continue on the next line, below where they begin.
  [[nodiscard]] std::string text(std::size_t indent = 0,
                                 const Screen& screen = {.width = endless}) const;

 private:
  std::vector<std::pair<std::string, Cell>> pairs_;
};

/// `1 queue`, `2 queues`
std::string plural(std::uint64_t count, const std::string& one);

}  // namespace nvmigrate::cli
