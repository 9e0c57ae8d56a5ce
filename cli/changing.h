// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "cli/command.h"
#include "nvmigrate/conditions/conditions.h"
#include "nvmigrate/host/provision.h"

namespace nvmigrate::cli {

/// What the commands have in common that change a controlled function.
struct Changing {
  std::string device, functions;
  bool dry_run = false;
  std::vector<std::string> allowed;

  /// DEVICE, and --dry-run.
  void declare_device(Options& options) {
    options.device("DEVICE", device, "The controlling function");
    options.dry_run(dry_run);
  }
  /// IDS.
  void declare_functions(Options& options, Completes completes) {
    options.functions(functions, completes);
  }
  /// --allow NAME, with the conditions that can be allowed for this command.
  void declare_allow(Options& options, std::string_view verb) {
    options.choices("--allow", allowed, overrides_of(verb),
                    "Allow the one condition of this name; may be repeated", "NAME");
  }
  /// The beginning of the document.
  [[nodiscard]] Json document(bool changed) const {
    return {{"device", device}, {"dry_run", dry_run}, {"changed", changed}};
  }
};

/// --timeout, of resets and nodes.
inline ProvisionLimits limits_of(const Globals& globals) {
  ProvisionLimits limits;
  limits.appear = globals.timeout.value_or(limits.appear);
  limits.live = std::max(limits.live, limits.appear);
  return limits;
}

}  // namespace nvmigrate::cli
