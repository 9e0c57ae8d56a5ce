// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>

#include "cli/command.h"
#include "nvmigrate/state/state.h"

namespace nvmigrate::cli {

/// What a FILE argument is called in sentences.
std::string called(const std::string& file);
/// \throws refused when `-` is a terminal
void refuse_terminal(const Context& context, const std::string& file);
/// The state that a FILE argument names: a path, or `-` for standard input.
/// \throws refused when `-` is a terminal; whatever StoredState throws
StoredState open_state(const Context& context, const std::string& file,
                       const ReadStateOptions& options);

}  // namespace nvmigrate::cli
