// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/commands_table.h"
#include "cli/preparing.h"

namespace nvmigrate::cli {
namespace {

constexpr std::uint64_t most = 0xFFFF;

struct ProvisionOptions : ChangeOptions {
  std::optional<std::uint64_t> vfs, queues, interrupts;
  bool recreate = false;
};

std::optional<std::uint16_t> small(const std::optional<std::uint64_t>& number) {
  if (!number) return std::nullopt;
  return static_cast<std::uint16_t>(*number);
}

ProvisionWish wish_of(const ProvisionOptions& options) {
  return {.vfs = static_cast<unsigned>(options.vfs.value_or(0)),
          .queues = small(options.queues),
          .interrupts = small(options.interrupts),
          .recreate = options.recreate,
          .allow_moved = options.allows("moved")};
}

void tell(Context& context, const ProvisionOptions& options, const ProvisionResult& result) {
  if (result.wreck && !options.dry_run) {
    context.note("finished what '" + result.wreck->command + "' (pid " +
                 std::to_string(result.wreck->pid) + ") had begun");
  }
  for (const auto& warning : result.warnings)
    context.warn(warning);
}

Outcome provision_device(Context& context, const ProvisionOptions& options) {
  const auto wish = wish_of(options);
  auto subject = options.open(context);
  const auto result = options.dry_run
                          ? plan_provision(subject.topology(), subject.device->pci(), wish)
                          : provision(access_of(subject), wish, limits_of(context.globals()));
  tell(context, options, result);
  return outcome_of(options, result);
}

}  // namespace

Runner declare_provision(Options& options) {
  const auto wish = std::make_shared<ProvisionOptions>();
  wish->declare_device(options);
  options.number("--vfs", wish->vfs, "Number of virtual functions", 1, most);
  options.required();
  options.number("--vq", wish->queues,
                 "Queues of each function; without it the free ones are shared evenly", 1, most);
  options.number("--vi", wish->interrupts,
                 "Interrupts of each function; without it the free ones are shared evenly", 1,
                 most);
  options.flag("--recreate", wish->recreate,
               "Destroy functions that are there when the wish cannot be had otherwise");
  wish->declare_allow(options, "provision",
                      "With --recreate, destroy even functions whose state runs elsewhere");
  return [wish](Context& context) { return provision_device(context, *wish); };
}

}  // namespace nvmigrate::cli
