// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "cli/preparing.h"
#include "nvmigrate/host/marking.h"

namespace nvmigrate::cli {

/// Document and text of mark and unmark; warnings are told.
Outcome outcome_of(Context& context, const ChangeOptions& options, const MarkResult& result);

}  // namespace nvmigrate::cli
