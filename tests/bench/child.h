// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <functional>
#include <vector>

namespace nvmigrate::bench {

/// What a piece of work came to in processes of its own.
struct Measured {
  double seconds = 0;
  double peak_mebibytes = 0;  ///< of the largest of the processes
  double value = 0;           ///< what the first of them returned
};

/// Runs every piece of work in a child process, all at once.
/// \throws std::runtime_error when one of them fails
Measured measure(const std::vector<std::function<double()>>& work);

}  // namespace nvmigrate::bench
