// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tests/bench/table.h"

#include <array>
#include <cstdio>

#include "cli/text/table.h"

namespace nvmigrate::bench {
namespace {

std::string digits(double value, int places) {
  std::array<char, 40> text{};
  std::snprintf(text.data(), text.size(), "%.*f", places, value);
  return text.data();
}

}  // namespace

std::string number(double value, const std::string& unit) {
  return digits(value, value < 10 ? 2 : value < 100 ? 1 : 0) + " " + unit;
}

std::string table_of(const std::vector<Row>& rows) {
  cli::Table table({"MEASURED", "OURS", "REFERENCE", "RATIO", "GOAL", "MET"});
  for (const std::size_t column : {1U, 2U, 3U})
    table.align_right(column);
  for (const auto& row : rows) {
    table.add({row.what, row.ours, row.reference, row.ratio > 0 ? digits(row.ratio, 2) : "",
               row.goal, row.met ? "yes" : "no"});
  }
  return table.text();
}

}  // namespace nvmigrate::bench
