// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/commands_table.h"
#include "cli/completion.h"

namespace nvmigrate::cli {

Runner declare_complete(Options& options) {
  const auto words = std::make_shared<std::vector<std::string>>();
  options.positionals("WORD", *words, "The command line, without nvmigrate, up to the cursor");
  return [words](Context& context) {
    Outcome outcome{.raw_text = true};
    for (const auto& word : completions(context, *words))
      outcome.text += word + '\n';
    return outcome;
  };
}

}  // namespace nvmigrate::cli
