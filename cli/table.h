// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "cli/visible.h"

namespace nvmigrate::cli {

/// Text in aligned columns, for a reader. Columns that are empty in every row are left out.
class Table {
 public:
  explicit Table(std::vector<std::string> headings) : headings_(std::move(headings)) {}

  /// One row; missing cells are empty. A cell that is empty in a column that is shown prints as
  /// `-`.
  void add(std::vector<std::string> cells);
  /// Numbers read better to the right.
  void align_right(std::size_t column) { right_.push_back(column); }

  [[nodiscard]] bool empty() const noexcept { return rows_.empty(); }
  /// Headings and rows, each line indented and ended by a newline; no blanks at the end of a line.
  [[nodiscard]] std::string text(std::size_t indent = 0) const;

 private:
  struct Column {
    std::size_t place = 0, width = 0;
    bool right = false;
  };
  [[nodiscard]] std::vector<Column> columns() const;

  std::vector<std::string> headings_;
  std::vector<std::vector<std::string>> rows_;
  std::vector<std::size_t> right_;
};

/// `name:` and value in two columns, for the description of one thing. Pairs with an empty value
/// are left out.
class Description {
 public:
  void add(std::string name, const std::string& value);
  [[nodiscard]] std::string text(std::size_t indent = 0) const;

 private:
  std::vector<std::pair<std::string, std::string>> pairs_;
};

/// `1 queue`, `2 queues`
std::string plural(std::uint64_t count, const std::string& one);

}  // namespace nvmigrate::cli
