// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>

namespace nvmigrate {

/// How far a long piece of work has come.
struct ProgressReport {
  std::string_view step;                  ///< `verify`, `export`, `import`, `transfer`
  std::optional<std::uint16_t> cntlid{};  ///< nothing: it is about no function
  std::uint64_t done = 0;                 ///< bytes
  std::uint64_t total = 0;                ///< bytes; 0: not known
};

/// Told of progress after every chunk, from any thread, from several at once when several functions
/// are worked on. Must not throw. May be empty.
using ProgressCallback = std::function<void(const ProgressReport&)>;

}  // namespace nvmigrate
