// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/ability.h"
#include "cli/commands_table.h"
#include "cli/marking_outcome.h"

namespace nvmigrate::cli {
namespace {

Outcome mark_functions(Context& context, const ChangeOptions& options) {
  auto subject = options.open(context);
  const auto ability = ability_of(subject.device->admin());
  const auto topology = subject.topology();
  if (!options.dry_run) {
    const auto result = mark(access_of(subject), topology, options.functions, ability);
    return outcome_of(context, options, result);
  }
  const auto plan = plan_mark(topology, subject.device->pci(), options.functions, ability);
  insist_on_no_blocker(plan);
  return outcome_of(context, options, plan);
}

}  // namespace

Runner declare_mark(Options& options) {
  const auto wish = std::make_shared<ChangeOptions>();
  wish->declare_device(options);
  wish->declare_functions(options, Offer::unmarked_functions);
  return [wish](Context& context) { return mark_functions(context, *wish); };
}

}  // namespace nvmigrate::cli
