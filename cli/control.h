// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "cli/migration.h"
#include "nvmigrate/migrate/control.h"

namespace nvmigrate::cli {

using ControlOne = std::function<ControlResult(MigrationSide& side, std::uint16_t cntlid)>;

/// Suspends or resumes several functions, each by itself; what `suspend` and `resume` answer.
/// \param done what became of a function that changed: `suspended`
Outcome control_each(Context& context, const std::string& device, const std::string& words,
                     bool dry_run, const std::string& done, const ControlOne& one);

}  // namespace nvmigrate::cli
