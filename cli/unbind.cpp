// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/commands_table.h"
#include "cli/preparing.h"

namespace nvmigrate::cli {
namespace {

UnbindWish wish_of(const ChangeOptions& options, const Globals& globals) {
  UnbindWish wish;
  wish.allow_moved = options.allows("moved");
  wish.timeout = globals.timeout.value_or(wish.timeout);
  return wish;
}

Outcome unbind_functions(Context& context, const ChangeOptions& options) {
  const auto wish = wish_of(options, context.globals());
  auto subject = options.open(context);
  const auto topology = subject.topology();
  const auto functions = select(topology, options.functions);
  const auto result = options.dry_run
                          ? plan_unbind(topology, subject.device->pci(), functions, wish)
                          : unbind(access_of(subject), topology, functions, wish);
  return outcome_of(context, options, result);
}

}  // namespace

Runner declare_unbind(Options& options) {
  const auto wish = std::make_shared<ChangeOptions>();
  wish->declare_device(options);
  wish->declare_functions(options, Offer::bound_functions);
  wish->declare_allow(options, "unbind", "Give back even a function whose state runs elsewhere");
  return [wish](Context& context) { return unbind_functions(context, *wish); };
}

}  // namespace nvmigrate::cli
