// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/state_argument.h"

#include <fmt/core.h>
#include <unistd.h>

namespace nvmigrate::cli {

std::string called(const std::string& file) { return file == "-" ? "standard input" : file; }

void refuse_terminal(const Context& context, const std::string& file) {
  if (file != "-" || ::isatty(context.environment().input) != 1) return;
  throw refused("standard input is a terminal; expected a state",
                "redirect a file or a pipe to it");
}

StoredState open_state(const Context& context, const std::string& file,
                       const ReadStateOptions& options) {
  if (file != "-") return StoredState::open(context.io(), file, options);
  refuse_terminal(context, file);
  return StoredState::read(context.io(), context.environment().input, called(file), options);
}

}  // namespace nvmigrate::cli
