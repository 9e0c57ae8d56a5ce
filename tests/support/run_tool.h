// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "cli/command.h"

namespace nvmigrate::test {

/// What one run of the tool in this process answered.
struct Answer {
  ExitStatus status{};
  std::string out, err;
  /// stdout as JSON. \throws nlohmann's error when it is not
  [[nodiscard]] nlohmann::json json() const { return nlohmann::json::parse(out); }
};

/// Runs the tool in this process. What it prints is captured: standard error always, standard
/// output where the environment has no descriptor (-1) for it.
Answer run_here(const std::vector<std::string>& words, cli::Environment environment);

}  // namespace nvmigrate::test
