// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/state_argument.h"

#include <unistd.h>

namespace nvmigrate::cli {

std::string called(const std::string& file) { return file == "-" ? "standard input" : file; }

void refuse_terminal(const Context& context, const std::string& file) {
  if (file != "-" || ::isatty(context.environment().input) != 1) return;
  throw refused("standard input is a terminal, and a state is no text",
                "redirect a file or a pipe to it");
}

StoredState open_state(const Context& context, const std::string& file,
                       const ReadStateOptions& options) {
  if (file != "-") return StoredState::open(context.io(), file, options);
  refuse_terminal(context, file);
  return StoredState::read(context.io(), context.environment().input, called(file), options);
}

Json json_of(const std::vector<StateFinding>& findings) {
  Json list = Json::array();
  for (const auto& finding : findings) {
    list.push_back({{"name", finding.name},
                    {"severity", finding.blocker ? "blocker" : "warning"},
                    {"offset", finding.offset},
                    {"message", finding.message}});
  }
  return list;
}

std::string text_of(const std::vector<StateFinding>& findings, std::size_t indent) {
  std::string text;
  for (const auto& finding : findings) {
    text += std::string(indent, ' ') + (finding.blocker ? "blocker" : "warning") + " (" +
            finding.name + ", byte " + std::to_string(finding.offset) +
            " of the state): " + finding.message + '\n';
  }
  return text;
}

}  // namespace nvmigrate::cli
