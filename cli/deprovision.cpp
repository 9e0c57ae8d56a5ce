// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/commands_table.h"
#include "cli/preparing.h"

namespace nvmigrate::cli {
namespace {

Outcome deprovision_device(Context& context, const ChangeOptions& options) {
  const bool moved = options.allows("moved");
  auto subject = options.open(context);
  const auto result = options.dry_run
                          ? plan_deprovision(subject.topology(), subject.device->pci(), moved)
                          : deprovision(access_of(subject), moved, limits_of(context.globals()));
  return outcome_of(options, result);
}

}  // namespace

Runner declare_deprovision(Options& options) {
  const auto wish = std::make_shared<ChangeOptions>();
  wish->declare_device(options);
  wish->declare_allow(options, "deprovision", "Destroy even functions whose state runs elsewhere");
  return [wish](Context& context) { return deprovision_device(context, *wish); };
}

}  // namespace nvmigrate::cli
