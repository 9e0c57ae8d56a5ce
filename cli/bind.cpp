// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/commands_table.h"
#include "cli/preparing.h"

namespace nvmigrate::cli {
namespace {

struct BindOptions : ChangeOptions {
  std::optional<std::string> driver, owner;
};

BindWish wish_of(const BindOptions& options, const Globals& globals) {
  BindWish wish;
  wish.driver = options.driver;
  if (options.owner) wish.owner = parse_owner(*options.owner);
  wish.allow_shared_group = options.allows("shared_group");
  wish.timeout = globals.timeout.value_or(wish.timeout);
  return wish;
}

/// `all` are all that can be bound: VFs that are not enabled are listed, but not there.
FunctionList chosen_by(const Topology& topology, const std::string& words) {
  auto functions = select(topology, words);
  if (words != "all") return functions;
  std::erase_if(functions, [](const ControlledFunction* function) { return !function->pci; });
  if (!functions.empty()) return functions;
  throw not_found("no function that " + topology.device + " controls is on the PCI bus",
                  "nvmigrate provision " + topology.device + " --vfs N enables VFs");
}

Outcome bind_functions(Context& context, const BindOptions& options) {
  const auto wish = wish_of(options, context.globals());
  auto subject = options.open(context);
  const auto topology = subject.topology();
  const auto functions = chosen_by(topology, options.functions);
  const auto result = options.dry_run
                          ? plan_bind(topology, subject.device->pci(), functions, wish)
                          : nvmigrate::bind(access_of(subject), topology, functions, wish);
  return outcome_of(context, options, result);
}

}  // namespace

Runner declare_bind(Options& options) {
  const auto wish = std::make_shared<BindOptions>();
  wish->declare_device(options);
  wish->declare_functions(options, Offer::unbound_functions);
  options.text("--driver", wish->driver,
               "The vfio driver; without it one that is made for the function, else vfio-pci",
               "NAME");
  options.text("--owner", wish->owner, "Give the vfio nodes to this user and group",
               "USER[:GROUP]");
  wish->declare_allow(options, "bind",
                      "Bind in spite of an IOMMU group shared with functions that stay with this "
                      "host");
  return [wish](Context& context) { return bind_functions(context, *wish); };
}

}  // namespace nvmigrate::cli
