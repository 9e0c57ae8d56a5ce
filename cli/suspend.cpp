// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/commands_table.h"
#include "cli/control.h"

namespace nvmigrate::cli {
namespace {

struct SuspendOptions {
  std::string device, ids;
  std::vector<std::string> allowed;
  bool notice = false, dry_run = false;
};

}  // namespace

Runner declare_suspend(Options& options) {
  const auto given = std::make_shared<SuspendOptions>();
  options.positional("DEVICE", given->device, "The controlling function", Offer::device);
  options.positional("IDS", given->ids, "The controlled functions", Offer::running_functions);
  options.flag("--notice", given->notice,
               "Announce each Suspend to the device first (a notification, STYPE 0)");
  declare_allow(options, given->allowed, "suspend");
  declare_dry_run(options, given->dry_run);
  return [given](Context& context) {
    return control_each(context, given->device, given->ids, given->dry_run, "suspended",
                        [&](MigrationSide& side, std::uint16_t cntlid) {
                          return suspend_function(side, cntlid, given->notice, given->allowed,
                                                  given->dry_run);
                        });
  };
}

}  // namespace nvmigrate::cli
