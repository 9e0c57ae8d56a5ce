// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/commands_table.h"
#include "cli/marking_outcome.h"

namespace nvmigrate::cli {
namespace {

Outcome unmark_functions(Context& context, const ChangeOptions& options) {
  auto subject = options.open(context);
  const auto topology = subject.topology();
  const auto result = options.dry_run ? plan_unmark(topology, subject.registry, options.functions)
                                      : unmark(access_of(subject), topology, options.functions);
  return outcome_of(context, options, result);
}

}  // namespace

Runner declare_unmark(Options& options) {
  const auto wish = std::make_shared<ChangeOptions>();
  wish->declare_device(options);
  wish->declare_functions(options, Offer::marked_functions);
  return [wish](Context& context) { return unmark_functions(context, *wish); };
}

}  // namespace nvmigrate::cli
