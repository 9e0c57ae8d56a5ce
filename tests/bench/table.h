// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>
#include <vector>

namespace nvmigrate::bench {

/// One line of the answer: ours against the reference.
struct Row {
  std::string what, ours, reference;
  double ratio = 0;
  std::string goal;  ///< of the ratio, or of ours where there is no reference
  bool met = true;
};

/// All rows in columns.
std::string table_of(const std::vector<Row>& rows);

/// `1234 MiB/s`, `56.7 us`
std::string number(double value, const std::string& unit);

}  // namespace nvmigrate::bench
